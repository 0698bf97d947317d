"""The stream of a DynamoDB table: what changed in moto's table becomes a record of ours.

Source: DynamoDB, "Change data capture for DynamoDB Streams": images hold the item as it was and as it is; a write
that changes nothing has no record.

1. moto tells a table's shard of every write; the shard that is put in its place keeps old and new item until the
   call has succeeded. What a call that failed has written is taken back, which moto does for transactions only: a
   batch with a wrong item leaves nothing behind. An update that makes an item is two writes to moto, the item's keys
   and then the rest; it is one change.
2. A table has one shard here, so all its changes are in order; AWS promises that for each item only.
3. Tables whose items expire are watched, too, whether they have a stream or not. Of all others only what a call has
   written is known, until it has succeeded.
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self, cast

from penstock.runtime.aws_calls import REGION
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import NewRecord, Streams
from penstock.runtime.streams.time_to_live import TimeToLive
from penstock.runtime.table_numbers import number_text

if TYPE_CHECKING:
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import StreamShard, Table

STREAM_LABEL: Final = "2026-01-01T00:00:00.000"
"""The end of every table stream's ARN, which on AWS is the time when it was made."""

Item = Mapping[str, Mapping[str, object]]
"""Attribute values by name, as DynamoDB's JSON writes them."""

_Change = tuple[str, Item | None, Item | None]
"""A table's name, and what one of its items was and is."""

_Write = tuple[str, "_MotoItem | None", "_MotoItem | None"]
"""The same as moto has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStreamSettings:
    """A table whose changes are recorded.

    Attributes:
        stream: the name of the stream among `Streams`.
        keys: the names of the key attributes.
    """

    table: str
    stream: str
    arn: str
    view_type: str
    keys: tuple[str, ...]


class _MotoItem(Protocol):
    @property
    def hash_key(self) -> object: ...

    @property
    def range_key(self) -> object | None: ...

    @property
    def attrs(self) -> Mapping[str, DynamoType]: ...

    def to_json(self) -> Mapping[str, Item]: ...


@dataclass(slots=True)
class _ChangeCollector:
    """Stands where moto has a table's `StreamShard`."""

    table: str
    pending: list[_Change]
    written: list[_Write]
    watched: bool
    items: list[object] = field(default_factory=list)

    def add(self, old: _MotoItem | None, new: _MotoItem | None) -> None:
        """moto wrote an item: `old` is what it was, `new` what it is; None where there is none.

        What moto has added up is written as DynamoDB writes it.
        """
        if new is not None:
            _trim_item(new)
        self.written.append((self.table, old, new))
        if not self.watched:
            return
        before, after = (None if one is None else _image_of(one) for one in (old, new))
        if before == after:
            return
        if self.pending and _begins(self.pending[-1], (self.table, before, after)):
            self.pending.pop()
        self.pending.append((self.table, before, after))

    def __deepcopy__(self, memo: object) -> Self:
        return self


def _begins(first: _Change, second: _Change) -> bool:
    """Whether an update has written an item's keys, and then the item; no call makes an item twice."""
    (table, old, keys), (_, _, whole) = first, second
    if second[:2] != (table, None) or old is not None or keys is None or whole is None:
        return False
    return keys.items() <= whole.items()


def _image_of(item: _MotoItem) -> Item:
    found: Item = json.loads(json.dumps(item.to_json()["Attributes"]))
    return found


class TableChanges:
    """Collects the changes of the tables that have a stream, and puts them into it."""

    def __init__(
        self,
        settings: Iterable[TableStreamSettings],
        *,
        streams: Streams,
        scheduler: Scheduler,
        time_to_live: TimeToLive,
    ) -> None:
        self._settings = {one.table: one for one in settings}
        self._time_to_live = time_to_live
        self._watched = dict.fromkeys((*self._settings, *time_to_live.tables))
        self._expiring = False
        self._streams = streams
        self._scheduler = scheduler
        self._pending: list[_Change] = []
        self._written: list[_Write] = []

    def attach(self) -> None:
        """Have moto's tables tell of their changes from now on; they exist already.

        Of a resumed run, they have what moto has added up as moto writes it; here, too, it becomes DynamoDB's.
        """
        self.collect()
        tables = moto_tables()
        for table in tables.values():
            for item in table.all_items():
                _trim_item(item)
        for name in self._watched:
            tables[name].latest_stream_label = STREAM_LABEL
        for name in self._time_to_live.tables:
            for item in tables[name].all_items():
                self._time_to_live.changed(name, None, _image_of(item))

    def collect(self) -> None:
        """Have a collector in every table, also in one that was made meanwhile."""
        for name, table in moto_tables().items():
            collector = _ChangeCollector(name, self._pending, self._written, name in self._watched)
            table.stream_shard = cast("StreamShard", collector)

    def forget(self) -> None:
        """The call that made the pending changes has failed: the tables are to be as they were."""
        self._pending.clear()
        written, self._written[:] = self._written[:], []
        tables = moto_tables() if written else {}
        for name, old, new in reversed(written):
            if name in tables:
                _take_back(tables[name].items, old, new)

    def publish(self) -> None:
        """The call has succeeded: put its changes into the tables' streams."""
        changes = self._pending[:]
        self._pending.clear()
        self._written.clear()
        for table, old, new in changes:
            if table in self._settings:
                self._put(self._settings[table], old, new)
            self._time_to_live.changed(table, old, new)

    @contextmanager
    def expiring(self) -> Iterator[None]:
        """What is deleted meanwhile has expired: its records say that the service did it."""
        self._expiring = True
        try:
            yield
        finally:
            self._expiring = False

    def _put(self, settings: TableStreamSettings, old: Item | None, new: Item | None) -> None:
        stream = self._streams.find(settings.stream)
        (shard,) = stream.shards.values()
        number = shard.sequence_number(shard.end)
        item = new if new is not None else old or {}
        keys = {name: item[name] for name in settings.keys}
        record: dict[str, object] = {
            "eventID": hashlib.md5(number.encode(), usedforsecurity=False).hexdigest(),
            "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": int(self._scheduler.now()),
                "Keys": keys,
                **_images(settings.view_type, old, new),
                "SequenceNumber": number,
                "SizeBytes": sum(map(_size, (keys, *_images(settings.view_type, old, new).values()))),
                "StreamViewType": settings.view_type,
            },
            "eventSourceARN": settings.arn,
        }
        if self._expiring:
            record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        data = json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
        self._streams.put(settings.stream, [NewRecord(data, json.dumps(keys, sort_keys=True))])


def _trim_item(item: _MotoItem) -> None:
    for value in item.attrs.values():
        _trim(value)


def _trim(value: DynamoType) -> None:
    match value.type, value.value:
        case "N", str(text):
            value.value = number_text(text)
        case "L", list(members):
            for one in members:
                _trim(one)
        case "M", dict(members):
            for one in members.values():
                _trim(one)
        case _:
            return


def moto_tables() -> Mapping[str, Table]:
    """moto's tables by name; none if nobody has asked moto for one."""
    if "moto.dynamodb.models" not in sys.modules:
        return {}
    from moto.dynamodb.models import dynamodb_backends

    found: Mapping[str, Table] = dynamodb_backends["123456789012"][REGION].tables
    return found


@contextmanager
def as_it_was_if_refused(name: str, key: Item) -> Iterator[None]:
    """An update of this item is made meanwhile: if it is refused, the item stays what it was.

    moto changes the item in its place, one attribute after the other, until there is one that it cannot change.
    Source: DynamoDB, "UpdateItem" of the API reference; an update is made whole or not at all.
    """
    table = moto_tables().get(name)
    before = None if table is None else copy.deepcopy(_find(table, key))
    try:
        yield
    except Exception:
        if table is not None and before is not None:
            _take_back(table.items, before, None)
        raise


def _find(table: Table, key: Item) -> _MotoItem | None:
    from moto.dynamodb.models.dynamo_type import DynamoType

    sort_key = table.range_key_attr
    return table.get_item(
        DynamoType(dict(key[table.hash_key_attr])),
        None if sort_key is None else DynamoType(dict(key[sort_key])),
    )


def _take_back(items: object, old: _MotoItem | None, new: _MotoItem | None) -> None:
    """Put an item back in moto's dictionary, which has one for each partition key if there are sort keys."""
    one = old if old is not None else new
    if one is None:
        return
    found = cast("dict[object, object]", items)
    key = one.hash_key
    if one.range_key is not None:
        found = cast("dict[object, object]", found.setdefault(key, {}))
        key = one.range_key
    if old is not None:
        found[key] = old
    else:
        found.pop(key, None)


def _images(view_type: str, old: Item | None, new: Item | None) -> dict[str, Item]:
    images: dict[str, Item] = {}
    if new is not None and view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        images["NewImage"] = new
    if old is not None and view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        images["OldImage"] = old
    return images


def _size(item: Item) -> int:
    """An item's size (DynamoDB, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, object]) -> int:
    ((kind, content),) = value.items()
    match kind, content:
        case "N", str():
            return len(content.strip("-").replace(".", "")) // 2 + 1
        case "B", str():
            return len(content) * 3 // 4
        case "L", list():
            return 3 + sum(1 + _value_size(one) for one in content)
        case "M", dict():
            return 3 + _size(content) + len(content)
        case "NS" | "SS" | "BS", list():
            return sum(_value_size({kind[0]: one}) for one in content)
        case "S", str():
            return len(content.encode())
        case _:
            return 1
