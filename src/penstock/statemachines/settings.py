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
    """An integer of either sign; texts of one are taken as well where a path leads to them, as AWS does.

    A JSONata expression that gives a text fails its state ("Handling expression errors": "Type incompatibility").
    """
    found = setting.evaluate(value, scope)
    number = None if isinstance(found, str) and setting.path is None else _as_integer(found)
    if number is None:
        raise _misfit(setting, found, "integer")
    return number


def count(setting: Setting, value: JSON, scope: Scope) -> int:
    """An integer of at least 0."""
    number = integer(setting, value, scope)
    if number < 0:
        if setting.field == "MaxConcurrency":
            reason = f"Expected non-negative integer for MaxConcurrency, got '{number}' instead."
        else:
            reason = f"{setting.field} cannot be negative."
        raise out_of_range(setting, reason)
    return number


def percentage(setting: Setting, value: JSON, scope: Scope) -> float:
    """A number from 0 to 100."""
    found = setting.evaluate(value, scope)
    number = None if isinstance(found, str) and setting.path is None else _as_float(found)
    if number is None:
        raise _misfit(setting, found, "float")
    if not 0 <= number <= 100:
        raise out_of_range(setting, f"{setting.field} must be between 0 and 100.")
    return number


def out_of_range(setting: Setting, reason: str) -> StateFailure:
    """How a state fails whose number is none that the field takes.

    Of an expression it is `States.QueryEvaluationError` ("Handling expression errors": "Value out of range").
    """
    if setting.path is None:
        return evaluation_failure(reason, location=setting.field)
    return runtime_failure(reason)


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
