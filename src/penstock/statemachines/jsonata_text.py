"""Values as JavaScript writes them: `$string`, the operator `&`, and the inserts of error messages.

Pure functions; a number is a double there, so that 1e20 is `100000000000000000000` and 1e21 is `1e+21`.
"""

from __future__ import annotations

import json
import math

from penstock.statemachines.jsonata_package import JException, Utils

__all__ = ["number_text", "string", "value_text"]

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-6, 1e21


def string(value: object, pretty: object = False) -> str | None:
    """`$string`: texts are unchanged, numbers have at most 15 digits, functions are empty.

    Raises:
        JException: `D3001`, the value is not finite.
    """
    if isinstance(value, Utils.JList) and value.outer_wrapper:
        value = value[0]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise JException("D3001", -1)
    if not (isinstance(value, bool | int | float | list | dict) or value is Utils.NULL_VALUE):
        return ""
    return value_text(value, digits=15, indent=2 if pretty is True else None)


def value_text(value: object, *, digits: int = 17, indent: int | None = None, level: int = 0) -> str:
    """`JSON.stringify`.

    Args:
        digits: how many digits of a number count; 17 for all.
        indent: blanks per level; None writes everything on one line.
    """
    if value is None or value is Utils.NULL_VALUE:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value, digits)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        items = [value_text(item, digits=digits, indent=indent, level=level + 1) for item in value]
        return _enclosed("[]", items, indent, level)
    if isinstance(value, dict):
        colon = ":" if indent is None else ": "
        members = [
            json.dumps(str(name), ensure_ascii=False)
            + colon
            + value_text(member, digits=digits, indent=indent, level=level + 1)
            for name, member in value.items()
        ]
        return _enclosed("{}", members, indent, level)
    return '""'


def _enclosed(brackets: str, parts: list[str], indent: int | None, level: int) -> str:
    if indent is None or not parts:
        return brackets[0] + ",".join(parts) + brackets[1]
    around = "\n" + " " * (indent * level)
    within = around + " " * indent
    return brackets[0] + within + ("," + within).join(parts) + around + brackets[1]


def number_text(value: float, digits: int = 17) -> str:
    """`Number.prototype.toString`, of the number with so many digits; what is not finite is `null` in JSON."""
    try:
        number = float(value)
    except OverflowError:
        return "null"
    if not math.isfinite(number):
        return "null"
    if digits < 17:
        number = float(f"{number:.{digits}g}")
    if number == 0:
        return "0"
    if number.is_integer() and abs(number) < _LARGEST_PLAIN:
        return str(int(number)) if abs(number) < 2**53 else _plain(number)
    if _SMALLEST_PLAIN <= abs(number) < _LARGEST_PLAIN:
        return _plain(number)
    mantissa, _, exponent = repr(number).partition("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(exponent):+d}"


def _plain(number: float) -> str:
    """Without an exponent, in the fewest digits that give the same number."""
    text = repr(number)
    if "e" not in text:
        return text.removesuffix(".0")
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits, point = whole + fraction, len(whole) + int(exponent)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    digits = digits.ljust(point, "0")
    rest = digits[point:].rstrip("0")
    return f"{sign}{digits[:point]}{'.' + rest if rest else ''}"
