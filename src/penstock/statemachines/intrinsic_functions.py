"""The 18 intrinsic functions (Developer Guide, "Intrinsic functions for JSONPath states").

1. Each function takes the values of its arguments and returns a JSON value. Arguments that it does not accept
   raise `Refused`; the caller adds the text of the call (`intrinsics.py`).
2. Where the guide and the service disagree, the service is right: `ArrayRange`, `ArrayPartition` and
   `MathRandom` cut fractions off, only `MathAdd` rounds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from uuid import UUID

from penstock.statemachines.java_text import java_text
from penstock.statemachines.values import JSON, compact

__all__ = ["FUNCTIONS", "Function", "Refused", "uuid_text"]

_MAX_CHARACTERS = 10_000
_MAX_ITEMS = 1_000
_HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Refused(Exception):
    """A function does not accept its arguments; `detail` follows `Invalid arguments in States.X`."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class TemplateRefused(Refused):
    """The template of `States.Format` cannot be read."""


@dataclass(frozen=True, slots=True)
class Function:
    """One intrinsic function.

    Args:
        least, most: how many arguments it takes; `most` None means any number.
        returns: the JSON type of its result, empty if any.
        call: takes the arguments and the execution's random numbers.
    """

    least: int
    most: int | None
    returns: str
    call: Callable[[list[JSON], Random], JSON]


def _text(value: JSON) -> str:
    if not isinstance(value, str):
        raise Refused
    return value


def _short_text(value: JSON) -> str:
    text = _text(value)
    if len(text) > _MAX_CHARACTERS:
        raise Refused
    return text


def _array(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise Refused
    return value


def _number(value: JSON) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused
    return value


def _whole(value: JSON) -> int:
    """The number without its fraction."""
    return int(_number(value))


def _same(value: JSON) -> str:
    """A text that two values share exactly if they are equal: 1, 1.0, true and "1" are four values."""
    return json.dumps(value, sort_keys=True)


def _array_of(arguments: list[JSON], _: Random) -> JSON:
    return list(arguments)


def _array_partition(arguments: list[JSON], _: Random) -> JSON:
    items, size = _array(arguments[0]), _whole(arguments[1])
    if size < 1:
        raise Refused
    return [items[start : start + size] for start in range(0, len(items), size)]


def _array_contains(arguments: list[JSON], _: Random) -> JSON:
    wanted = _same(arguments[1])
    return any(_same(item) == wanted for item in _array(arguments[0]))


def _array_range(arguments: list[JSON], _: Random) -> JSON:
    first, last, step = map(_whole, arguments)
    if step == 0:
        raise Refused
    numbers = range(first, last + (1 if step > 0 else -1), step)
    if len(numbers) > _MAX_ITEMS:
        raise Refused
    return list(numbers)


def _array_get_item(arguments: list[JSON], _: Random) -> JSON:
    items, index = _array(arguments[0]), _number(arguments[1])
    if not isinstance(index, int) or not 0 <= index < len(items):
        raise Refused
    return items[index]


def _array_length(arguments: list[JSON], _: Random) -> JSON:
    return len(_array(arguments[0]))


def _array_unique(arguments: list[JSON], _: Random) -> JSON:
    return list({_same(item): item for item in reversed(_array(arguments[0]))}.values())[::-1]


def _base64_encode(arguments: list[JSON], _: Random) -> JSON:
    return base64.b64encode(_short_text(arguments[0]).encode("utf-8", "surrogatepass")).decode("ascii")


def _base64_decode(arguments: list[JSON], _: Random) -> JSON:
    text = _short_text(arguments[0])
    padded = text if text.endswith("=") else text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as problem:
        raise Refused from problem


def _hash(arguments: list[JSON], _: Random) -> JSON:
    data = arguments[0] if isinstance(arguments[0], str) else compact(arguments[0])
    algorithm = _HASHES.get(_text(arguments[1]))
    if algorithm is None or len(data) > _MAX_CHARACTERS:
        raise Refused
    return hashlib.new(algorithm, data.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _json_merge(arguments: list[JSON], _: Random) -> JSON:
    left, right, deep = arguments
    if not isinstance(left, Mapping) or not isinstance(right, Mapping) or deep is not False:
        raise Refused
    return {**left, **right}


def _string_to_json(arguments: list[JSON], _: Random) -> JSON:
    text = _text(arguments[0])
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise Refused from problem


def _refuse_constant(name: str) -> JSON:
    raise ValueError(name)


def _json_to_string(arguments: list[JSON], _: Random) -> JSON:
    return compact(arguments[0])


def _math_random(arguments: list[JSON], draw: Random) -> JSON:
    start, end = _whole(arguments[0]), _whole(arguments[1])
    if start >= end:
        raise Refused
    if len(arguments) == 3:
        return Random(_whole(arguments[2])).randrange(start, end)
    return draw.randrange(start, end)


def _math_add(arguments: list[JSON], _: Random) -> JSON:
    left, right = (math.floor(_number(value) + 0.5) for value in arguments)
    for number in (left, right, left + right):
        if not -(2**31) <= number < 2**31:
            raise Refused
    return left + right


def _string_split(arguments: list[JSON], _: Random) -> JSON:
    """Every character of the second argument separates; empty parts are left out."""
    text, separators = _text(arguments[0]), _text(arguments[1])
    if not separators:
        return [text] if text else []
    return [part for part in re.split("[" + re.escape(separators) + "]", text) if part]


def uuid_text(draw: Random) -> str:
    """A version 4 UUID of the execution's own random numbers."""
    return str(UUID(int=draw.getrandbits(128), version=4))


def _uuid(_: list[JSON], draw: Random) -> JSON:
    return uuid_text(draw)


def _format(arguments: list[JSON], _: Random) -> JSON:
    pieces = _template(_text(arguments[0]))
    values = arguments[1:]
    if len(pieces) != len(values) + 1:
        raise Refused("number of arguments do not match the occurrences of {}.")
    shown = [pieces[0]]
    for piece, value in zip(pieces[1:], values, strict=True):
        shown += (java_text(value), piece)
    return "".join(shown)


def _template(text: str) -> list[str]:
    r"""The literal pieces between the `{}` of a template; `\{`, `\}`, `\'` and `\\` stand for themselves."""
    pieces: list[str] = []
    current: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter == "\\" and text[position + 1 : position + 2] in ("{", "}", "\\", "'"):
            current.append(text[position + 1])
            position += 2
            continue
        if letter == "{":
            if text[position + 1 : position + 2] != "}":
                raise TemplateRefused("matching '}' not found for '{'.")
            pieces.append("".join(current))
            current = []
            position += 2
            continue
        if letter == "}":
            raise TemplateRefused("matching '{' not found for '}'.")
        current.append(letter)
        position += 1
    return [*pieces, "".join(current)]


FUNCTIONS: Mapping[str, Function] = {
    "States.Array": Function(0, None, "array", _array_of),
    "States.ArrayPartition": Function(2, 2, "array", _array_partition),
    "States.ArrayContains": Function(2, 2, "boolean", _array_contains),
    "States.ArrayRange": Function(3, 3, "array", _array_range),
    "States.ArrayGetItem": Function(2, 2, "", _array_get_item),
    "States.ArrayLength": Function(1, 1, "number", _array_length),
    "States.ArrayUnique": Function(1, 1, "array", _array_unique),
    "States.Base64Encode": Function(1, 1, "string", _base64_encode),
    "States.Base64Decode": Function(1, 1, "string", _base64_decode),
    "States.Format": Function(1, None, "string", _format),
    "States.Hash": Function(2, 2, "string", _hash),
    "States.JsonMerge": Function(3, 3, "object", _json_merge),
    "States.JsonToString": Function(1, 1, "string", _json_to_string),
    "States.MathAdd": Function(2, 2, "number", _math_add),
    "States.MathRandom": Function(2, 3, "number", _math_random),
    "States.StringSplit": Function(2, 2, "array", _string_split),
    "States.StringToJson": Function(1, 1, "", _string_to_json),
    "States.UUID": Function(0, 0, "string", _uuid),
}
