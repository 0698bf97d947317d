"""Where a Distributed Map's items come from: the context object's `Map.Item`.

Source: Developer Guide, "Context object data for Map states".

A run of items that come from one object is one entry, which is let go when its items have been given to children.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final

from penstock.statemachines.protocol import ItemsOrigin
from penstock.statemachines.values import JSON

STATE_DATA: Final = "STATE_DATA"
"""`Map.Item.Source` of items that are in the state's input."""


class Origins:
    """The sources of one Map Run's items, by the number of the first item of each.

    Args:
        source: of the first item.
        members: the items are the members of an object: `{"Key": ..., "Value": ...}`.
    """

    __slots__ = ("_known",)

    def __init__(self, source: str, *, members: bool = False) -> None:
        self._known = [ItemsOrigin(first=0, source=source, members=members)]

    def read(self, origins: Iterable[ItemsOrigin], *, page_begins: int, accepted: int) -> None:
        """A page has come.

        Args:
            page_begins: the number of its first item among all items of the Map Run.
            accepted: how many items were there before; what the page has of those is not new.
        """
        for origin in origins:
            first = max(page_begins + origin.first, accepted)
            if self._known[-1].first == first:
                self._known.pop()
            self._known.append(ItemsOrigin(first=first, source=origin.source, members=origin.members))

    def taken(self, count: int) -> None:
        """So many items were given to children; nobody asks for their sources again."""
        del self._known[: self._place(count)]

    def about(self, index: int, item: JSON) -> Mapping[str, JSON]:
        """The context object's `Map.Item` for an item that is not taken yet."""
        origin = self._known[self._place(index)]
        if origin.members and isinstance(item, Mapping):
            return {"Index": index, "Key": item["Key"], "Value": item["Value"], "Source": origin.source}
        return {"Index": index, "Value": item, "Source": origin.source}

    def _place(self, index: int) -> int:
        return bisect_right(self._known, index, key=lambda one: one.first) - 1
