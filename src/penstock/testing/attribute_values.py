"""Python values as DynamoDB writes them in a Lambda event: the inverse of `penstock.handlers.attribute_values`."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TypeGuard

from penstock.errors import DecodeError
from penstock.handlers.attribute_values import value_of


def attribute_value(value: object) -> dict[str, object]:
    """A Python value as DynamoDB writes it in a Lambda event: `5` becomes `{"N": "5"}`.

    Raises:
        TypeError: DynamoDB has no such type, or no set of such members.
        ValueError: DynamoDB holds no such number, and no empty set.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            return {"N": _number(value)}
        case bytes():
            return {"B": base64_text(value)}
        case Mapping():
            return {"M": {str(name): attribute_value(item) for name, item in value.items()}}
        case set() | frozenset():
            return _set(value)
        case list() | tuple():
            return {"L": [attribute_value(item) for item in value]}
        case _:
            raise TypeError(f"DynamoDB has no type for {value!r}")


def _set(members: Collection[object]) -> dict[str, object]:
    if not members:
        raise ValueError("DynamoDB holds no empty set")
    if all(isinstance(member, str) for member in members):
        return {"SS": sorted(str(member) for member in members)}
    if all(isinstance(member, bytes) for member in members):
        return {"BS": [base64_text(member) for member in sorted(filter(_is_bytes, members))]}
    numbers = [member for member in members if _is_number(member)]
    if len(numbers) < len(members):
        raise TypeError(f"DynamoDB has no set of {members!r}: texts, numbers or bytes alone")
    return {"NS": [_number(member) for member in sorted(numbers)]}


def _is_bytes(value: object) -> TypeGuard[bytes]:
    return isinstance(value, bytes)


def _is_number(value: object) -> TypeGuard[int | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(value: float | Decimal) -> str:
    """As the reader of events takes it: finite, of 38 digits, within the range."""
    written = str(value)
    try:
        value_of({"N": written}, "number")
    except DecodeError as error:
        raise ValueError(f"DynamoDB holds no such number: {written}") from error
    return written


def base64_text(data: bytes) -> str:
    """Base64 as events have it: one line."""
    return base64.b64encode(data).decode()
