"""Numbers that a state is given by a literal, a path or an expression: concurrency, thresholds, timeouts.

Each function evaluates one and words the failure as AWS does.
"""

from __future__ import annotations

import re

from penstock.statemachines.failures import StateFailure, evaluation_failure, runtime_failure
from penstock.statemachines.model import Scope, Setting
from penstock.statemachines.values import JSON, shown

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def integer(setting: Setting, value: JSON, scope: Scope) -> int:
    """An integer of either sign; texts of one are taken as well, as AWS does."""
    found = setting.evaluate(value, scope)
    number = _as_integer(found)
    if number is None:
        raise _misfit(setting, found, "integer")
    return number


def count(setting: Setting, value: JSON, scope: Scope) -> int:
    """An integer of at least 0."""
    number = integer(setting, value, scope)
    if number < 0:
        if setting.field == "MaxConcurrency":
            raise runtime_failure(
                f"Expected non-negative integer for MaxConcurrency, got '{number}' instead."
            )
        raise runtime_failure(f"{setting.field} cannot be negative.")
    return number


def percentage(setting: Setting, value: JSON, scope: Scope) -> float:
    """A number from 0 to 100."""
    found = setting.evaluate(value, scope)
    number = _as_float(found)
    if number is None:
        raise _misfit(setting, found, "float")
    if not 0 <= number <= 100:
        raise runtime_failure(f"{setting.field} must be between 0 and 100.")
    return number


def _as_integer(value: JSON) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_float(value: JSON) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _misfit(setting: Setting, value: JSON, kind: str) -> StateFailure:
    text = value if isinstance(value, str) else shown(value)
    if setting.path is None:
        reason = f"The {setting.field} field cannot be parsed as {kind}: {text}"
        return evaluation_failure(reason, location=setting.field)
    return runtime_failure(
        f'The {setting.field}Path field refers to value "{text}" which is not a valid {kind}: {setting.path}'
    )
