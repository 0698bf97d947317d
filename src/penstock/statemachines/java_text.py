"""How the service writes a value as text: the `toString` of the Java values that it holds.

`States.Format` and the causes of some failures show it: an object is `{a=1, b=[x, null]}`, a string stands
without quotes, a double is `1.0E10`. Only rendering lives here.
"""

from __future__ import annotations

import math

__all__ = ["java_text"]


def java_text(value: object) -> str:
    """One JSON value as Java's `String.valueOf` writes it.

    >>> java_text({"a": 1, "b": [None, "x", 2.5]})
    '{a=1, b=[null, x, 2.5]}'
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _double_text(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(java_text, value)) + "]"
    return str(value)


def _double_text(value: float) -> str:
    """`Double.toString`: decimal from 10^-3 up to 10^7, computerised scientific notation otherwise."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:f}"
    digits, _, exponent = f"{value:e}".partition("e")
    shortest = repr(value).partition("e")[0].replace(".", "").replace("-", "").strip("0") or "0"
    sign = "-" if digits.startswith("-") else ""
    return f"{sign}{shortest[0]}.{shortest[1:] or '0'}E{int(exponent)}"
