"""The members of an event's records: what they hold, or a DecodeError that names them.

What is null is missing, and never the text "None".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.errors import DecodeError
from penstock.handlers.base64_data import base64_bytes

Record = Mapping[str, Any]


def given_text(record: Record, name: str) -> str:
    """A text that may be missing or null: removals have no ETag, changes of tags no sequencer."""
    found = record.get(name)
    return "" if found is None else str(found)


def part_of(record: Record, name: str) -> Record:
    """An object that has to be there."""
    found = record.get(name)
    if not isinstance(found, dict):
        raise DecodeError(f"{name}: an object is missing here")
    return found


def members_of(record: Record, name: str) -> Iterable[tuple[object, Any]]:
    """The members of an object that may be missing."""
    found = record.get(name)
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise DecodeError(f"{name}: this is no object")
    return found.items()


def number_of(value: object, path: str) -> float:
    """A number, or a text that is one."""
    try:
        return float(value)  # type: ignore[arg-type]  # what it refuses is the TypeError below
    except (TypeError, ValueError) as error:
        raise DecodeError(f"{path}: {value!r} is no number") from error


def count_of(text: str, path: str) -> int:
    """A whole number that is written as a text."""
    try:
        return int(text)
    except ValueError as error:
        raise DecodeError(f"{path}: {text!r} is no number") from error


def text_of(record: Record, name: str) -> str:
    """A text that has to be there."""
    found = record.get(name)
    if not isinstance(found, str):
        raise DecodeError(f"{name}: a text is missing here")
    return found


def texts_of(record: Record, name: str) -> tuple[str, ...]:
    """A list of texts that may be missing."""
    found = record.get(name)
    if found is not None and not isinstance(found, list | tuple):
        raise DecodeError(f"{name}: this is no list")
    return tuple(map(str, found or ()))


def decoded(text: str, path: str) -> bytes:
    """The bytes of a Base64 text."""
    try:
        return base64_bytes(text)
    except ValueError as error:
        raise DecodeError(f"{path}: {error}") from error
