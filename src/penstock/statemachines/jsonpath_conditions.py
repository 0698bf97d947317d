"""The conditions of path filters (`[?(@.price < 10)]`) and the functions that may end a path.

Semantics are those of Jayway JsonPath: values of different types are unequal and are not ordered, a path
that finds nothing is not equal to anything. Only evaluation lives here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from penstock.errors import PathError
from penstock.statemachines.jsonpath_steps import (
    Comparison,
    Condition,
    Junction,
    Negation,
    Operand,
    ParsedPath,
)
from penstock.statemachines.patterns import Allowance

__all__ = ["Resolver", "function_value", "holds"]

_UNDEFINED = object()
Resolver = Callable[[ParsedPath, object], "tuple[bool, object]"]


def holds(condition: Condition, item: object, resolve: Resolver, searches: Allowance) -> bool:
    """Whether a filter accepts `item`; `resolve` answers the paths in it with (found, value).

    Args:
        searches: what its regular expressions may take of the processor's time.

    Raises:
        PatternStoppedError: one of them takes longer.
    """
    match condition:
        case Junction(operator="&&", parts=parts):
            return all(holds(part, item, resolve, searches) for part in parts)
        case Junction(parts=parts):
            return any(holds(part, item, resolve, searches) for part in parts)
        case Negation(part=part):
            return not holds(part, item, resolve, searches)
        case Comparison(left=left, operator="") if left.path is not None:
            return resolve(left.path, item)[0]
        case Comparison(left=left, operator=operator, right=right):
            value = _value(left, item, resolve)
            if right.pattern is not None:
                return operator == "=~" and isinstance(value, str) and right.pattern.covers(value, searches)
            return _compare(operator, value, _value(right, item, resolve))


def _value(operand: Operand, item: object, resolve: Resolver) -> object:
    if operand.path is None:
        return operand.value
    found, value = resolve(operand.path, item)
    return value if found else _UNDEFINED


def _compare(operator: str, left: object, right: object) -> bool:
    if operator in ("==", "==="):
        return _equal(left, right)
    if operator in ("!=", "!=="):
        return not _equal(left, right)
    if operator in ("<", "<=", ">", ">="):
        return _ordered(operator, left, right)
    return _membership(operator, left, right)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _equal(left: object, right: object) -> bool:
    if left is _UNDEFINED or right is _UNDEFINED:
        return left is right
    return _kind(left) == _kind(right) and left == right


def _ordered(operator: str, left: object, right: object) -> bool:
    both_numbers = _kind(left) == _kind(right) == "number"
    if not both_numbers and not (isinstance(left, str) and isinstance(right, str)):
        return False
    less, equal = bool(left < right), left == right  # type: ignore[operator]
    return {"<": less, "<=": less or equal, ">": not less and not equal, ">=": not less}[operator]


def _membership(operator: str, left: object, right: object) -> bool:
    if operator == "size":
        return isinstance(left, str | list) and _equal(len(left), right)
    if operator == "empty":
        return isinstance(left, str | list | Mapping) and (len(left) == 0) == (right is True)
    if operator == "contains":
        if isinstance(left, str) and isinstance(right, str):
            return right in left
        return isinstance(left, list) and any(_equal(one, right) for one in left)
    if not isinstance(right, list):
        return False
    if operator == "in":
        return any(_equal(left, one) for one in right)
    if operator == "nin":
        return not any(_equal(left, one) for one in right)
    if not isinstance(left, list):
        return False
    shared = [one for one in left if any(_equal(one, other) for other in right)]
    return {"subsetof": len(shared) == len(left), "anyof": bool(shared), "noneof": not shared}.get(
        operator, False
    )


def function_value(name: str, value: object) -> object:
    """The value of `.length()`, `.max()` and the others on what the path found so far.

    Raises:
        PathError: the function cannot be applied to this value.
    """
    if name in ("length", "size"):
        if isinstance(value, list | Mapping | str):
            return len(value)
        return None
    if name == "keys" and isinstance(value, Mapping):
        return list(value)
    if name in ("first", "last") and isinstance(value, list) and value:
        return value[0 if name == "first" else -1]
    numbers = [one for one in value if _kind(one) == "number"] if isinstance(value, list) else []
    if not numbers:
        raise PathError("Aggregation function attempted to calculate value using empty array")
    total = math.fsum(numbers)
    match name:
        case "min":
            return float(min(numbers))
        case "max":
            return float(max(numbers))
        case "sum":
            return total
        case "avg":
            return total / len(numbers)
        case "stddev":
            mean = total / len(numbers)
            return math.sqrt(math.fsum((one - mean) ** 2 for one in numbers) / len(numbers))
    raise PathError(f"Function {name} cannot be applied here")
