"""The items of a JSON document, one after another, in the memory of the largest of them.

1. The text comes in pieces of any size; nothing is kept of what lies behind the present position.
2. Values on the way to the items (`ItemsPointer`) are decoded one member at a time and dropped.
3. What is not JSON is a `ValueError`; what the pointer does not lead to is a `LookupError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from penstock.statemachines.values import JSON

_BLANK: Final = " \t\n\r"
_OF_NUMBERS: Final = "0123456789.eE+-"


def refuse_constant(name: str) -> JSON:
    """`NaN` and `Infinity`, which Python reads and JSON does not have.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)


class NotIterableError(ValueError):
    """Where the items should be is a text, a number, true, false or null, or an object without a pointer."""


class Member(dict[str, JSON]):
    """A member of an object as an item: `{"Key": ..., "Value": ...}`."""


def stream_items(pieces: Iterable[str], pointer: Sequence[str] | None) -> Iterator[JSON]:
    """Decode the items of an array, or the members of an object as `{"Key": ..., "Value": ...}`.

    Args:
        pointer: the decoded parts of a JSON pointer to the items; None if they are the document itself,
            which is an array then (an object there is refused, as recorded on AWS).

    Raises:
        NotIterableError: there are no items at that place.
        LookupError: the pointer leads to nothing.
        ValueError: the document is not JSON.
    """
    text = _Text(pieces)
    for part in pointer or ():
        _descend(text, part)
    begin = text.next_char()
    if begin == "[":
        yield from (text.value() for _ in text.elements())
    elif begin == "{" and pointer is not None:
        for key in text.members():
            yield Member({"Key": key, "Value": text.value()})
    else:
        text.value()
        raise NotIterableError
    if not pointer:
        text.expect_end()


def _descend(text: _Text, part: str) -> None:
    """Move to one member of an object or element of an array."""
    begin = text.next_char()
    if begin == "{":
        for key in text.members():
            if key == part:
                return
            text.value()
    elif begin == "[" and part.isdecimal():
        for index, _ in enumerate(text.elements()):
            if index == int(part):
                return
            text.value()
    raise LookupError(part)


class _Text:
    """What is read of the document and not yet used."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._held = ""
        self._at = 0
        self._ended = False

    def next_char(self) -> str:
        """The next character that is not blank, left where it is; empty at the end."""
        while True:
            held, at = self._held, self._at
            while at < len(held) and held[at] in _BLANK:
                at += 1
            self._at = at
            if at < len(held):
                return held[at]
            if not self._more(1):
                return ""

    def elements(self) -> Iterator[None]:
        """Once for each element of an array, at its beginning; the caller reads it."""
        self._take("[")
        if self.next_char() == "]":
            self._at += 1
            return
        while True:
            yield None
            if self.next_char() == "]":
                self._at += 1
                return
            self._take(",")

    def members(self) -> Iterator[str]:
        """The name of each member of an object; the caller reads its value."""
        self._take("{")
        if self.next_char() == "}":
            self._at += 1
            return
        while True:
            if self.next_char() != '"':
                raise ValueError("a member has no name")
            name = str(self.value())
            self._take(":")
            yield name
            if self.next_char() == "}":
                self._at += 1
                return
            self._take(",")

    def value(self) -> JSON:
        """Decode the value that begins here. More is read until it is whole: twice as much at each try."""
        self.next_char()
        while True:
            try:
                value: JSON
                value, end = _DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError:
                if not self._more(max(1, len(self._held) - self._at)):
                    raise
                continue
            # A number that ends with what is held may go on in the next piece: `1`, `1.`, `1.5e`.
            if _is_number(value) and self._is_of_numbers(end) and self._more(1):
                continue
            self._at = end
            return value

    def _is_of_numbers(self, at: int) -> bool:
        """Whether a number that ends here might go on: only its characters are held after it."""
        return self._held[at : at + 1] in _OF_NUMBERS and not self._held[at:].strip(_OF_NUMBERS)

    def expect_end(self) -> None:
        """Nothing but blanks may follow."""
        if self.next_char():
            raise ValueError("something follows the document")

    def _take(self, char: str) -> None:
        if self.next_char() != char:
            raise ValueError(f"{char} is missing")
        self._at += 1

    def _more(self, characters: int) -> bool:
        """Read at least so many more characters, if there are any."""
        parts = [self._held[self._at :]]
        read = 0
        while read < characters and not self._ended:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
            else:
                parts.append(piece)
                read += len(piece)
        self._held, self._at = "".join(parts), 0
        return read > 0


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
