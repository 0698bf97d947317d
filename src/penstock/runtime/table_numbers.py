"""Numbers as DynamoDB writes them.

Source: DynamoDB, "Supported data types and naming rules in Amazon DynamoDB": up to 38 digits, magnitudes up to
9.99e+125 and down to 1e-130; "leading and trailing zeroes are trimmed".
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Final

from penstock.runtime.services import ServiceError

MOST_DIGITS: Final = 38
GREATEST_EXPONENT: Final = 125
SMALLEST_EXPONENT: Final = -130

_EXACT: Final = Context(prec=1000)


def number_text(text: str) -> str:
    """A number without leading and trailing zeros, without an exponent; what is none of DynamoDB's stays as it is."""
    number = _number_in(text)
    return text if number is None or _is_too_large(number) or _is_too_small(number) else _written(number)


def checked_number(text: str) -> str:
    """The same of a number that a caller gives.

    Raises:
        ServiceError: `ValidationException`, it has more than 38 digits or is out of range.
    """
    number = _number_in(text)
    if number is None:
        return text
    if _is_too_large(number):
        raise invalid(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if _is_too_small(number):
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    if len(number.normalize(_EXACT).as_tuple().digits) > MOST_DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return _written(number)


def _number_in(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_too_large(number: Decimal) -> bool:
    return bool(number) and number.adjusted() > GREATEST_EXPONENT


def _is_too_small(number: Decimal) -> bool:
    return bool(number) and number.adjusted() < SMALLEST_EXPONENT


def _written(number: Decimal) -> str:
    return format(number.normalize(_EXACT), "f") if number else "0"


def invalid(message: str) -> ServiceError:
    """The error of a request that DynamoDB does not take."""
    return ServiceError("ValidationException", message)
