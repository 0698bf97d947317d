"""Choice rules, compiled into conditions (States Language, "Choice state").

A comparison between values of different types is false, never an error; a path that finds nothing is an
error, except under `IsPresent`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from penstock.errors import PathError
from penstock.statemachines.expressions import identity, on_something, query
from penstock.statemachines.failures import runtime_failure
from penstock.statemachines.fields import Fields
from penstock.statemachines.model import ChoiceRule, Condition, Evaluate, Scope
from penstock.statemachines.timestamps import parse_timestamp
from penstock.statemachines.values import JSON

Comparison = Callable[[JSON, JSON], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _strings(order: Callable[[Any, Any], bool]) -> Comparison:
    def compare(value: JSON, other: JSON) -> bool:
        if not (isinstance(value, str) and isinstance(other, str)):
            return False
        # Java orders strings by UTF-16 code units.
        return order(value.encode("utf-16-be", "surrogatepass"), other.encode("utf-16-be", "surrogatepass"))

    return compare


def _numbers(order: Callable[[Any, Any], bool]) -> Comparison:
    def compare(value: JSON, other: JSON) -> bool:
        return _is_number(value) and _is_number(other) and order(value, other)

    return compare


def _timestamps(order: Callable[[Any, Any], bool]) -> Comparison:
    def compare(value: JSON, other: JSON) -> bool:
        moment, limit = parse_timestamp(value), parse_timestamp(other)
        return moment is not None and limit is not None and order(moment, limit)

    return compare


def _booleans(value: JSON, other: JSON) -> bool:
    return isinstance(value, bool) and isinstance(other, bool) and value == other


def _string_matches(value: JSON, pattern: JSON) -> bool:
    """Each piece between two stars is found as early as it can be: the time is linear in the text's length."""
    if not (isinstance(value, str) and isinstance(pattern, str)):
        return False
    first, *others = _pieces(pattern)
    if not others:
        return value == first
    *middle, last = others
    end = len(value) - len(last)
    if end < len(first) or not (value.startswith(first) and value.endswith(last)):
        return False
    at = len(first)
    for piece in middle:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _pieces(pattern: str) -> list[str]:
    """The texts between the stars; `\\*` is a star and `\\\\` a backslash."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += next(characters, "\\") if character == "\\" else character
    return pieces


# Operators that compare the variable with a value; each has a twin whose name ends in "Path".
COMPARISONS: dict[str, Comparison] = {
    **{f"String{name}": _strings(order) for name, order in _ORDERS.items()},
    **{f"Numeric{name}": _numbers(order) for name, order in _ORDERS.items()},
    **{f"Timestamp{name}": _timestamps(order) for name, order in _ORDERS.items()},
    "BooleanEquals": _booleans,
    "StringMatches": _string_matches,
}

# Operators that ask what the variable is; they are compared with true or false.
TYPE_TESTS: dict[str, Callable[[JSON], bool]] = {
    "IsNull": lambda value: value is None,
    "IsString": lambda value: isinstance(value, str),
    "IsNumeric": _is_number,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: parse_timestamp(value) is not None,
}


def parse_choice(fields: Fields) -> ChoiceRule:
    """Compile one rule of `Choices`.

    Raises:
        DefinitionError: the rule has no known operator.
    """
    place = f"Choices[{fields.pointer.rpartition('/')[2]}]"
    condition = _jsonata_condition(fields, place) if fields.jsonata else _condition(fields)
    return ChoiceRule(
        condition=condition,
        next=fields.required_text("Next"),
        output=fields.template("Output", field=f"{place}/Output") if fields.jsonata else None,
        assign=fields.template("Assign", field=f"{place}/Assign"),
    )


def _jsonata_condition(fields: Fields, place: str) -> Condition:
    evaluate = fields.template("Condition", field=f"{place}/Condition", expected="boolean")
    if evaluate is None or not isinstance(fields.value("Condition"), str | bool):
        raise fields.fault("a JSONata rule has a Condition", fix='add "Condition": "{% ... %}"')
    holds = evaluate
    return lambda document, scope: holds(document, scope) is True


def _condition(fields: Fields) -> Condition:
    if "And" in fields:
        every = [_condition(rule) for rule in fields.objects("And")]
        return lambda document, scope: all(rule(document, scope) for rule in every)
    if "Or" in fields:
        some = [_condition(rule) for rule in fields.objects("Or")]
        return lambda document, scope: any(rule(document, scope) for rule in some)
    negated = fields.object("Not")
    if negated is not None:
        inner = _condition(negated)
        return lambda document, scope: not inner(document, scope)
    return _comparison(fields)


def _comparison(fields: Fields) -> Condition:
    text = fields.required_text("Variable")
    find = identity if text == "$" else fields.query("Variable")
    if find is None:
        raise fields.fault("Variable is missing", fix='add "Variable"')
    for name in fields.members:
        if name == "IsPresent":
            return _is_present(find, fields.value(name) is True)
        if name in TYPE_TESTS:
            return _type_test(_valid(find, text), TYPE_TESTS[name], expected=fields.value(name) is True)
        if name in COMPARISONS:
            return _with_value(_valid(find, text), COMPARISONS[name], fields.value(name))
        if name.endswith("Path") and name[:-4] in COMPARISONS:
            other = fields.required_text(name)
            return _with_path(_valid(find, text), COMPARISONS[name[:-4]], _valid(query(other), other))
    raise fields.fault("the rule has no comparison operator", fix="use StringEquals, IsPresent, And, ...")


def _valid(find: Evaluate, text: str) -> Evaluate:
    def evaluate(document: JSON, scope: Scope) -> JSON:
        try:
            return find(document, scope)
        except PathError as error:
            raise runtime_failure(
                f"Invalid path '{text}': The choice state's condition path references an invalid value."
            ) from error

    return on_something(text, evaluate)


def _is_present(find: Evaluate, expected: bool) -> Condition:
    def condition(document: JSON, scope: Scope) -> bool:
        try:
            find(document, scope)
        except PathError:
            return not expected
        return expected

    return condition


def _type_test(find: Evaluate, test: Callable[[JSON], bool], *, expected: bool) -> Condition:
    def condition(document: JSON, scope: Scope) -> bool:
        return test(find(document, scope)) is expected

    return condition


def _with_value(find: Evaluate, compare: Comparison, other: JSON) -> Condition:
    def condition(document: JSON, scope: Scope) -> bool:
        return compare(find(document, scope), other)

    return condition


def _with_path(find: Evaluate, compare: Comparison, other: Evaluate) -> Condition:
    def condition(document: JSON, scope: Scope) -> bool:
        return compare(find(document, scope), other(document, scope))

    return condition
