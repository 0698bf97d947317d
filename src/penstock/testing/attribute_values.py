"""Python values as DynamoDB writes them in a Lambda event: the inverse of `penstock.handlers.attribute_values`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal


def attribute_value(value: object) -> dict[str, object]:
    """A Python value as DynamoDB writes it in a Lambda event: `5` becomes `{"N": "5"}`.

    Raises:
        TypeError: DynamoDB has no such type.
    """
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": base64_text(value)}
        case Mapping():
            return {"M": {str(name): attribute_value(item) for name, item in value.items()}}
        case set() | frozenset():
            return _set(sorted(value))
        case list() | tuple():
            return {"L": [attribute_value(item) for item in value]}
        case _:
            raise TypeError(f"DynamoDB has no type for {value!r}")


def _set(members: Sequence[object]) -> dict[str, object]:
    if all(isinstance(member, str) for member in members):
        return {"SS": list(members)}
    if all(isinstance(member, bytes) for member in members):
        return {"BS": [base64_text(member) for member in members if isinstance(member, bytes)]}
    return {"NS": [str(member) for member in members]}


def base64_text(data: bytes) -> str:
    """Base64 as events have it: one line."""
    return base64.b64encode(data).decode()
