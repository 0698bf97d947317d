"""Numbers that a state is given by a literal, a path or an expression: concurrency, thresholds, timeouts.

Each function evaluates one and words the failure as AWS does.
"""

from __future__ import annotations

import re

from penstock.statemachines.failures import runtime_failure
from penstock.statemachines.model import Evaluate, Scope
from penstock.statemachines.values import JSON, compact

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole_number(evaluate: Evaluate, field: str, path: str | None, value: JSON, scope: Scope) -> int:
    """An integer of at least 0.

    Args:
        field: the field's name without `Path`.
        path: the text of its path, if it is given by one.
    """
    found = evaluate(value, scope)
    number = as_integer(found)
    if number is None:
        raise runtime_failure(_misfit(found, field, path, "integer"))
    if number < 0:
        raise runtime_failure(f"{field} must be non-negative.")
    return number


def percentage(evaluate: Evaluate, field: str, path: str | None, value: JSON, scope: Scope) -> float:
    """A number from 0 to 100."""
    found = evaluate(value, scope)
    number = as_float(found)
    if number is None:
        raise runtime_failure(_misfit(found, field, path, "float"))
    if not 0 <= number <= 100:
        raise runtime_failure(f"{field} must be between 0 and 100.")
    return number


def as_integer(value: JSON) -> int | None:
    """An integer, or a text of one, which AWS takes as well; None if it is neither."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_float(value: JSON) -> float | None:
    """A number, or a text of one; None if it is neither."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _misfit(value: JSON, field: str, path: str | None, kind: str) -> str:
    shown = f'The {field}Path field refers to value "{compact(value)}"' if path else f"The {field} field"
    return f"{shown} which is not a valid {kind}: {path or compact(value)}"
