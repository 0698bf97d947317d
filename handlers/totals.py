"""The arithmetic of a report: sums and counts per group, exact and independent of how the rows were cut.

Integers are added as integers, decimal fractions as exact decimals. So merging the totals of chunks in any
order gives what one pass over the whole file gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

import msgspec

MISSING: Final = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})

Number = int | Decimal
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

    Args:
        groupings: for each, the places of its columns in a row.
        measures: the places of the columns that are added up.
    """

    def __init__(self, groupings: Sequence[tuple[int, ...]], measures: Sequence[int]) -> None:
        self.groupings = tuple(groupings)
        self.measures = tuple(measures)
        self.groups: list[dict[object, Group]] = [{} for _ in self.groupings]
        self.rows = 0
        self._numbers: dict[str, Number | None] = {}

    def add(self, row: Sequence[str]) -> None:
        """Count one row; a row with a bad value is not counted at all.

        Raises:
            BadValueError: a measure is neither a number nor missing.
        """
        known = self._numbers
        values = []
        for place in self.measures:
            text = row[place]
            try:
                values.append(known[text])
            except KeyError:
                values.append(self._number(text, place))
        for groups, places in zip(self.groups, self.groupings, strict=True):
            key: object = row[places[0]] if len(places) == 1 else tuple([row[place] for place in places])
            group = groups.get(key)
            if group is None:
                group = groups[key] = [0] * (1 + 2 * len(values))
            group[0] += 1
            at = 1
            for value in values:
                if value is not None:
                    group[at] += 1
                    group[at + 1] = _sum(group[at + 1], value)
                at += 2
        self.rows += 1

    def _number(self, text: str, place: int) -> Number | None:
        number = number_of(text)
        if len(self._numbers) < 100_000:
            self._numbers[text] = number
        return number

    def merge(self, grouping: int, totals: Iterable[GroupTotal]) -> None:
        """Add stored totals of one grouping."""
        groups = self.groups[grouping]
        single = len(self.groupings[grouping]) == 1
        for total in totals:
            key: object = total.key[0] if single else total.key
            values = [_stored_number(text) for text in total.totals]
            group = groups.get(key)
            if group is None:
                groups[key] = values
            else:
                for at, value in enumerate(values):
                    group[at] = _sum(group[at], value)

    def stored(self, grouping: int) -> Iterator[GroupTotal]:
        """One grouping's totals, sorted by key."""
        groups = [
            (key if isinstance(key, tuple) else (str(key),), group)
            for key, group in self.groups[grouping].items()
        ]
        for key, group in sorted(groups):
            yield GroupTotal(key, tuple(map(str, group)))


def number_of(text: str) -> Number | None:
    """A number, or None if it is missing.

    Raises:
        BadValueError: it is neither.
    """
    if text in MISSING:
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
