"""DynamoDB's attribute values as Python values (DynamoDB, "AttributeValue").

A number is an `int` if it is written as one, else a `Decimal`; a number set holds them alike; binary values
are bytes. (In a Lambda event they are Base64 text.)
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from penstock.errors import DecodeError

if TYPE_CHECKING:
    from decimal import Decimal


def image(attributes: object) -> dict[str, object]:
    """An item: `{"n": {"N": "1"}}` becomes `{"n": 1}`.

    Raises:
        DecodeError: an attribute is not of a known type.
    """
    if not isinstance(attributes, Mapping):
        raise DecodeError(f"an image is an object, not {type(attributes).__name__}")
    return {str(name): value_of(value, str(name)) for name, value in attributes.items()}


def value_of(attribute: object, path: str) -> object:
    """One attribute value; `path` is for the error."""
    if not isinstance(attribute, Mapping) or len(attribute) != 1:
        raise DecodeError(f"{path}: an attribute value has exactly one type")
    ((kind, value),) = attribute.items()
    try:
        return _converted(str(kind), value, path)
    except (ArithmeticError, ValueError, TypeError, AttributeError) as error:
        raise DecodeError(f"{path}: {value!r} is no value of the type {kind}") from error


def _converted(kind: str, value: object, path: str) -> object:
    match kind:
        case "S":
            return str(value)
        case "N":
            return _number(str(value))
        case "B":
            return _binary(value)
        case "BOOL":
            return bool(value)
        case "NULL":
            return None
        case "M":
            members = cast("Mapping[str, object]", value)
            return {str(name): value_of(item, f"{path}.{name}") for name, item in members.items()}
        case "L":
            items = cast("list[object]", value)
            return [value_of(item, f"{path}[{index}]") for index, item in enumerate(items)]
        case "SS":
            return {str(item) for item in cast("list[object]", value)}
        case "NS":
            return {_number(str(item)) for item in cast("list[object]", value)}
        case "BS":
            return {_binary(item) for item in cast("list[object]", value)}
        case _:
            raise DecodeError(f"{path}: there is no attribute type {kind}")


def _number(text: str) -> int | Decimal:
    if text.lstrip("+-").isdecimal():
        return int(text)
    from decimal import Decimal

    return Decimal(text)


def _binary(value: object) -> bytes:
    return value if isinstance(value, bytes) else binascii.a2b_base64(str(value), strict_mode=True)
