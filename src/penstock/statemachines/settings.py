"""Numbers that a state is given by a literal, a path or an expression: concurrency, thresholds, timeouts.

Each function evaluates one and words the failure as AWS does.
"""

from __future__ import annotations

from penstock.statemachines.failures import runtime_failure
from penstock.statemachines.model import Evaluate, Scope
from penstock.statemachines.values import JSON, compact


def whole_number(evaluate: Evaluate, field: str, path: str | None, value: JSON, scope: Scope) -> int:
    """An integer of at least 0.

    Args:
        field: the field's name without `Path`.
        path: the text of its path, if it is given by one.
    """
    number = evaluate(value, scope)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise runtime_failure(_misfit(number, field, path, "integer"))
    if number < 0:
        raise runtime_failure(f"{field} must be non-negative.")
    return number


def percentage(evaluate: Evaluate, field: str, path: str | None, value: JSON, scope: Scope) -> float:
    """A number from 0 to 100."""
    number = evaluate(value, scope)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise runtime_failure(_misfit(number, field, path, "float"))
    if not 0 <= number <= 100:
        raise runtime_failure(f"{field} must be between 0 and 100.")
    return float(number)


def _misfit(value: JSON, field: str, path: str | None, kind: str) -> str:
    shown = f'The {field}Path field refers to value "{compact(value)}"' if path else f"The {field} field"
    return f"{shown} which is not a valid {kind}: {path or compact(value)}"
