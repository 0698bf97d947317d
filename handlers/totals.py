"""The arithmetic of a report: sums and counts per group, exact and independent of how the rows were cut.

Integers are added as integers, decimal fractions as exact decimals. So merging the totals of chunks in any
order gives what one pass over the whole file gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from operator import itemgetter
from typing import Final

import msgspec

MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""In any case of letters."""

FINEST_GROUPS: Final = 50_000
"""How many groups of all columns together are held before they are added to the groupings."""

Number = int | Decimal
Key = tuple[str, ...]
Group = list[Number]
"""The number of rows, then for each measure how many of them have it and what they add up to."""

LONGEST_NUMBER: Final = 150
"""In characters, and the largest exponent: so that every sum of such numbers is exact in `_EXACT`."""

_EXACT: Final = Context(prec=600, traps=[Inexact, InvalidOperation])


class BadValueError(ValueError):
    """A value that should be a number is none."""


class GroupTotal(msgspec.Struct, frozen=True, array_like=True):
    """One group's totals as they are stored; numbers are text, so that none is rounded."""

    key: tuple[str, ...]
    totals: tuple[str, ...]


class Totals:
    """Totals for several groupings of the same rows.

    A row is counted once, in the finest group: that of all columns that any grouping has. The groupings are sums of
    finest groups; since sums are exact, it does not matter when they are made.

    Args:
        groupings: for each, the places of its columns in a row.
        measures: the places of the columns that are added up.
        lenient: a value that is no number counts as missing, and its row counts.
    """

    def __init__(
        self, groupings: Sequence[tuple[int, ...]], measures: Sequence[int], *, lenient: bool = False
    ) -> None:
        self.groupings = tuple(groupings)
        self.measures = tuple(measures)
        self.rows = 0
        self._lenient = lenient
        self._groups: list[dict[Key, Group]] = [{} for _ in self.groupings]
        columns = sorted({place for places in self.groupings for place in places})
        self._finest: dict[Key, Group] = {}
        self._key = _getter(columns)
        self._projections = [_getter([columns.index(place) for place in places]) for places in self.groupings]
        self._measured = _getter(self.measures)
        self._numbers: dict[str, Number | None] = {}

    def add(self, row: Sequence[str]) -> None:
        """Count one row; a row with a bad value is not counted at all.

        Raises:
            BadValueError: a measure is neither a number nor missing.
        """
        texts = self._measured(row)
        try:
            values = list(map(self._numbers.__getitem__, texts))
        except KeyError:
            values = list(map(self._number, texts))
        key = self._key(row)
        group = self._finest.get(key)
        if group is None:
            if len(self._finest) == FINEST_GROUPS:
                self._fold()
            group = self._finest[key] = [0] * (1 + 2 * len(values))
        group[0] += 1
        at = 1
        for value in values:
            if value is not None:
                group[at] += 1
                total = group[at + 1]
                if type(value) is int is type(total):
                    group[at + 1] = total + value
                else:
                    group[at + 1] = _sum(total, value)
            at += 2
        self.rows += 1

    def _number(self, text: str) -> Number | None:
        try:
            number = number_of(text)
        except BadValueError:
            if not self._lenient:
                raise
            number = None
        if len(self._numbers) < 100_000:
            self._numbers[text] = number
        return number

    def _fold(self) -> None:
        """Add the finest groups to the groupings."""
        for groups, projection in zip(self._groups, self._projections, strict=True):
            for key, group in self._finest.items():
                _add(groups, projection(key), group)
        self._finest.clear()

    def merge(self, grouping: int, totals: Iterable[GroupTotal]) -> None:
        """Add stored totals of one grouping."""
        for total in totals:
            _add(self._groups[grouping], total.key, [_stored_number(text) for text in total.totals])

    def stored(self, grouping: int) -> Iterator[GroupTotal]:
        """One grouping's totals, sorted by key."""
        self._fold()
        for key, group in sorted(self._groups[grouping].items()):
            yield GroupTotal(key, tuple(map(str, group)))


def _getter(places: Sequence[int]) -> Callable[[Sequence[str]], Key]:
    """What gives the fields at some places of a row, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        (only,) = places
        return lambda row: (row[only],)
    return lambda row: ()


def _add(groups: dict[Key, Group], key: Key, more: Group) -> None:
    group = groups.get(key)
    if group is None:
        groups[key] = more.copy()
    else:
        for at, value in enumerate(more):
            group[at] = _sum(group[at], value)


def number_of(text: str) -> Number | None:
    """A number, or None if it is missing.

    Raises:
        BadValueError: it is neither.
    """
    if text.casefold() in MISSING:
        return None
    if len(text) > LONGEST_NUMBER or not text.isascii() or "_" in text:  # Python would read 1_000 as a number
        raise BadValueError(f"{text[:50]!r} is not a number that can be added up")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise BadValueError(f"{text!r} is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > LONGEST_NUMBER:
        raise BadValueError(f"{text!r} is not a number that can be added up")
    return number


def _stored_number(text: str) -> Number:
    return int(text) if text.lstrip("-").isdecimal() else Decimal(text)


def _sum(total: Number, value: Number) -> Number:
    if isinstance(total, int) and isinstance(value, int):
        return total + value
    return _EXACT.add(Decimal(total), Decimal(value))
