"""JSON values as the engine holds them: their type, text and size.

1. A value is never changed in place: states share values, and history refers to them.
2. Nothing about states or executions belongs here.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from penstock.errors import UnwritableValueError

JSON: TypeAlias = object
"""A decoded JSON value: None, bool, int, float, str, list or dict with str keys."""

MAXIMUM_PAYLOAD_BYTES: Final = 262_144
"""Quotas: "Maximum input or output size for a task, state, or execution": 256 KiB, and of a batch of items."""

_MOST_SHOWN, _DEEPEST_SHOWN = 10_000, 100

_encode = msgspec.json.Encoder().encode


def compact(value: JSON) -> str:
    """The value as JSON text without spaces, as Step Functions writes payloads.

    Raises:
        UnwritableValueError: it is nested deeper than JSON is written here (about 1,000 levels with Python 3.11, and
            up to 10,000 with later ones), or a number in it has more than 4,300 digits.
    """
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError) as error:
        raise UnwritableValueError("the value is nested too deeply, or a number in it is too long") from error


def shown(value: JSON) -> str:
    """The value as a message shows it: compact JSON text, or a word on why there is none."""
    try:
        return compact(value)
    except UnwritableValueError as error:
        return f"({error.what})"


def mentions(value: JSON, text: str) -> bool:
    """Whether a text of ASCII characters, none of which JSON escapes, stands in the value's compact JSON text."""
    try:
        return text.encode() in _encode(value)
    except (UnicodeEncodeError, RecursionError, ValueError):
        return text in compact(value)  # which says what is wrong with it, if it is not only a lone surrogate


def size_bytes(value: JSON) -> int:
    """The length of the value's compact JSON text in UTF-8."""
    try:
        return len(_encode(value))
    except UnicodeEncodeError:
        # A lone surrogate, which JSON may escape (`"\\ud800"`) and UTF-8 cannot hold.
        return len(compact(value).encode(errors="surrogatepass"))
    except (RecursionError, ValueError):
        # Nested deeper than JSON is read anywhere, or a number of thousands of digits: larger than any limit.
        return sys.maxsize


def is_small(value: object) -> bool:
    """Whether a message can show it: not nested deeply, and of few values; what is shared counts each time."""
    waiting, count = [(value, 0)], 0
    while waiting:
        found, depth = waiting.pop()
        count += 1
        if count > _MOST_SHOWN or depth > _DEEPEST_SHOWN:
            return False
        within = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
        waiting.extend((one, depth + 1) for one in within)
    return True


_TYPE_NAMES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def type_name(value: JSON) -> str:
    """The JSON type's name as AWS's messages say it."""
    name = _TYPE_NAMES.get(type(value))
    if name is None:  # a subclass: a number, a string or an object of another library
        return next((name for kind, name in _TYPE_NAMES.items() if isinstance(value, kind)), "object")
    return name


def iso_date_time(at: float) -> str:
    """Epoch seconds as the context object writes times: `2026-11-21T01:02:03.456Z`."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
