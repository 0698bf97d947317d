"""Choice rules: every operator, its `Path` twin, And, Or, Not (States Language, "Choice state")."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DefinitionError
from penstock.statemachines.choice_rules import COMPARISONS, TYPE_TESTS, parse_choice
from penstock.statemachines.failures import StateFailure
from penstock.statemachines.fields import Fields
from penstock.statemachines.model import Scope
from tests.properties.state_machines import json_values


class NoTime:
    """Ports that no rule asks."""

    draw = Random(0)
    now = 0.0


NO_TIME = NoTime()


def holds(rule: dict[str, object], document: object, variables: dict[str, object] | None = None) -> bool:
    fields = Fields({**rule, "Next": "N"}, "/States/C/Choices/0", jsonata=False)
    return parse_choice(fields).condition(document, Scope(variables or {}, {"k": "c"}, NO_TIME))


@pytest.mark.parametrize(
    ("operator", "value", "other", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", 1, False),
        ("StringEquals", 1, 1, False),
        ("StringLessThan", "B", "a", True),
        ("StringLessThan", "\ufb03", "\U0001f600", False),  # Java compares UTF-16 units
        ("StringGreaterThan", "b", "a", True),
        ("StringLessThanEquals", "a", "a", True),
        ("StringGreaterThanEquals", "a", "b", False),
        ("NumericEquals", 1, 1.0, True),
        ("NumericEquals", True, 1, False),
        ("NumericEquals", "1", 1, False),
        ("NumericLessThan", 1, 2, True),
        ("NumericGreaterThan", 1, 2, False),
        ("NumericLessThanEquals", 2, 2, True),
        ("NumericGreaterThanEquals", 1.5, 2, False),
        ("BooleanEquals", True, True, True),
        ("BooleanEquals", True, 1, False),
        ("TimestampEquals", "2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", True),
        ("TimestampLessThan", "2020-01-01T00:00:00.1Z", "2020-01-01T00:00:00.2Z", True),
        ("TimestampGreaterThan", "2020-01-01T00:00:00Z", "not a time", False),
        ("TimestampLessThanEquals", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", True),
        ("TimestampGreaterThanEquals", "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", False),
        ("StringMatches", "log-1.txt", "log-*.txt", True),
        ("StringMatches", "log-*.txt", "log-\\*.txt", True),
        ("StringMatches", "log-1.txt", "log-\\*.txt", False),
        ("StringMatches", "a\nb", "a*b", True),
        ("StringMatches", "a.b", "a?b", False),
        ("StringMatches", 5, "*", False),
    ],
)
def test_comparisons(operator: str, value: object, other: object, expected: bool) -> None:
    """Values of different types are never equal, less or greater; `...Path` compares with what it finds."""
    assert holds({"Variable": "$.v", operator: other}, {"v": value}) is expected
    if operator != "StringMatches":
        assert holds({"Variable": "$.v", f"{operator}Path": "$.o"}, {"v": value, "o": other}) is expected


@pytest.mark.parametrize(
    ("operator", "yes", "no"),
    [
        ("IsNull", [None], [0, "", False]),
        ("IsString", ["", "a"], [None, 1]),
        ("IsNumeric", [0, 1.5], [True, "1"]),
        ("IsBoolean", [True, False], [0, "true"]),
        ("IsTimestamp", ["2020-01-01T00:00:00Z"], ["2020-01-01", 5, "2020-13-01T00:00:00Z"]),
    ],
)
def test_type_tests(operator: str, yes: list[object], no: list[object]) -> None:
    """A type test is compared with true or false."""
    for value in yes:
        assert holds({"Variable": "$.v", operator: True}, {"v": value})
        assert not holds({"Variable": "$.v", operator: False}, {"v": value})
    for value in no:
        assert not holds({"Variable": "$.v", operator: True}, {"v": value})


def test_is_present_asks_whether_the_path_finds_something() -> None:
    """Only IsPresent may be asked of a path that finds nothing; null is present."""
    assert holds({"Variable": "$.v", "IsPresent": True}, {"v": None})
    assert holds({"Variable": "$.v", "IsPresent": False}, {})
    with pytest.raises(StateFailure) as caught:
        holds({"Variable": "$.v", "IsNull": True}, {})
    assert caught.value.cause == (
        "Invalid path '$.v': The choice state's condition path references an invalid value."
    )


def test_combinations() -> None:
    """And, Or and Not nest; they stop at the first rule that decides."""
    low = {"Variable": "$.v", "NumericLessThan": 3}
    even = {"Variable": "$.even", "BooleanEquals": True}
    assert holds({"And": [low, even]}, {"v": 2, "even": True})
    assert not holds({"And": [low, {"Not": even}]}, {"v": 2, "even": True})
    assert holds({"Or": [low, even]}, {"v": 2})
    assert not holds({"And": [low, even]}, {"v": 5})


def test_variables_and_context() -> None:
    """A rule may look at a variable, or at the context object."""
    assert holds({"Variable": "$x.y", "NumericEquals": 1}, {}, {"x": {"y": 1}})
    assert holds({"Variable": "$$.k", "StringEqualsPath": "$x"}, {}, {"x": "c"})


@pytest.mark.parametrize("rule", [{"Variable": "$.v"}, {"StringEquals": "a"}, {"Variable": "$.v", "Is": 1}])
def test_rules_that_cannot_be_read(rule: dict[str, object]) -> None:
    """A rule has a Variable and one known operator."""
    with pytest.raises(DefinitionError):
        holds(rule, {})


@given(json_values, json_values)
def test_comparisons_never_raise(value: object, other: object) -> None:
    """Whatever is compared, the answer is true or false."""
    for compare in COMPARISONS.values():
        assert compare(value, other) in (True, False)
    for test in TYPE_TESTS.values():
        assert test(value) in (True, False)


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("", "*", True),
        ("", "", True),
        ("ab", "a*b", True),
        ("a", "a*a", False),
        ("abab", "*ab", True),
        ("abcb", "a*b*cb", True),
        ("abc", "*b", False),
        ("x\ny", "x*y", True),
        ("a\\", "a\\\\", True),
        ("a\\", "a\\", True),
        ("a**", "a\\*\\*", True),
        ("a" * 100_000, "*a*a*a*a*a*a*a*a*b", False),
        ("a" * 100_000 + "b", "*a*a*a*a*a*a*a*a*b", True),
    ],
)
def test_stars_match_any_text(value: str, pattern: str, expected: bool) -> None:
    """However many stars there are, the time is that of reading the text: no choice is taken back."""
    assert holds({"Variable": "$", "StringMatches": pattern}, value) is expected


@given(st.text("ab*\\", max_size=8), st.text("ab", max_size=10))
def test_stars_mean_what_a_regular_expression_says(pattern: str, value: str) -> None:
    """The same texts match as with `.*` for each star."""
    parts = re.findall(r"\\.|[^\\]|\\$", pattern)
    source = "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)
    expected = re.fullmatch(source, value, re.DOTALL) is not None
    assert holds({"Variable": "$", "StringMatches": pattern}, value) is expected
