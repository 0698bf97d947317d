"""Items that expire: DynamoDB deletes them once the time in their time-to-live attribute has passed.

Source: DynamoDB, "Using time to live (TTL)": the attribute is a number of epoch seconds; items that expired more than
five years ago are kept; the record of such a delete has the service as its `userIdentity`.

1. AWS deletes "within a few days" of the time. Here it is done at that time, by the run's clock.
2. Timers are background ones: nobody's run waits for its items to expire (`Scheduler.run_for` goes through time).
3. What expires when follows from the table's items, so a resumed run has its timers again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.runtime.scheduler import Scheduler

OLDEST_SECONDS: Final = 5 * 365.25 * 86_400

Item = Mapping[str, Mapping[str, object]]
Delete = Callable[[str, Item], None]
"""Deletes an item: the table's name, the item's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToLiveSettings:
    """A table whose items expire."""

    table: str
    attribute: str
    keys: tuple[str, ...]


@dataclass(slots=True)
class TimeToLive:
    """The expiring tables of one run."""

    settings: Iterable[TimeToLiveSettings]
    scheduler: Scheduler
    delete: Delete
    _by_table: dict[str, TimeToLiveSettings] = field(default_factory=dict)
    _due: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_table = {one.table: one for one in self.settings}

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(self._by_table)

    def changed(self, table: str, old: Item | None, new: Item | None) -> None:
        """An item was written or deleted."""
        settings = self._by_table.get(table)
        item = new if new is not None else old
        if settings is None or item is None:
            return
        key = {name: item[name] for name in settings.keys}
        name = (table, json.dumps(key, sort_keys=True))
        moment = None if new is None else _moment(new.get(settings.attribute))
        if moment is None or moment < self.scheduler.now() - OLDEST_SECONDS:
            self._due.pop(name, None)
            return
        self._due[name] = moment
        self.scheduler.call_at(moment, lambda: self._expire(name, key, moment), background=True)

    def _expire(self, name: tuple[str, str], key: Item, moment: float) -> None:
        if self._due.get(name) == moment:
            del self._due[name]
            self.delete(name[0], key)


def _moment(value: Mapping[str, object] | None) -> float | None:
    """The time in an attribute; None if it holds none: only numbers count."""
    number = None if value is None else value.get("N")
    try:
        return None if number is None else float(str(number))
    except ValueError:
        return None
