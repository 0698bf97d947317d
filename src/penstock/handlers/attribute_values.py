"""DynamoDB's attribute values as Python values (DynamoDB, "AttributeValue").

A number is an `int` if it is written as one, else a `Decimal`; a number set holds them alike; binary values
are bytes. (In a Lambda event they are Base64 text.) A number beyond DynamoDB's range, or
written as it never writes one, is refused. A set may be empty, or have a member twice, as in AWS's own examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.errors import DecodeError
from penstock.handlers.base64_data import base64_bytes

if TYPE_CHECKING:
    from decimal import Decimal


MAX_DIGITS = 38
"""A number's precision (DynamoDB, "Data types: Number")."""

MAX_EXPONENT, MIN_EXPONENT = 125, -130
"""A number's range: up to 9.99E+125, and no nearer to 0 than 1E-130, on both sides (DynamoDB, "Number")."""

MAX_DEPTH = 32
"""How deep maps and lists may nest (DynamoDB, "Constraints: Nested attribute depth")."""


def image(attributes: object) -> dict[str, object]:
    """An item: `{"n": {"N": "1"}}` becomes `{"n": 1}`.

    Raises:
        DecodeError: an attribute is not of a known type, or not a value that DynamoDB holds.
    """
    if not isinstance(attributes, Mapping):
        raise DecodeError(f"an image is an object, not {type(attributes).__name__}")
    return {str(name): value_of(value, str(name)) for name, value in attributes.items()}


def value_of(attribute: object, path: str, depth: int = 0) -> object:
    """One attribute value; `path` is for the error."""
    if not isinstance(attribute, Mapping) or len(attribute) != 1:
        raise DecodeError(f"{path}: an attribute value has exactly one type")
    if depth > MAX_DEPTH:
        raise DecodeError(f"{path}: this is nested more than {MAX_DEPTH} deep")
    ((kind, value),) = attribute.items()
    try:
        return _converted(str(kind), value, path, depth)
    except (ArithmeticError, ValueError, TypeError) as error:
        shown = repr(value)
        raise DecodeError(
            f"{path}: {shown[:60]}{'...' * (len(shown) > 60)} is no value of the type {kind}"
        ) from error


def _converted(kind: str, value: object, path: str, depth: int) -> object:
    match kind, value:
        case "S", str():
            return value
        case "N", str():
            return _number(value)
        case "B", str() | bytes():
            return _binary(value)
        case "BOOL", bool():
            return value
        case "NULL", True:
            return None
        case "M", Mapping():
            return {str(name): value_of(item, f"{path}.{name}", depth + 1) for name, item in value.items()}
        case "L", list():
            return [value_of(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
        case "SS" | "NS" | "BS", list():
            return {_converted(kind[0], member, path, depth) for member in value}
        case _ if kind not in _TYPES:
            raise DecodeError(f"{path}: there is no attribute type {kind}")
        case _:
            raise ValueError(kind)


_TYPES = ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS")


def _number(text: str) -> int | Decimal:
    if len(text) <= MAX_DIGITS and text.isascii() and text.removeprefix("-").isdigit():
        return int(text)
    from decimal import Decimal

    if not _NUMBER_CHARACTERS.issuperset(text):
        raise ValueError(text)
    number = Decimal(text)
    if not number.is_finite() or len("".join(map(str, number.as_tuple().digits)).strip("0")) > MAX_DIGITS:
        raise ValueError(text)
    if number and not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        raise ValueError(text)
    return int(number) if "." not in text and "e" not in text.lower() else number


_NUMBER_CHARACTERS = frozenset("0123456789+-.eE")


def _binary(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else base64_bytes(value)
