"""Limits of patterns that each service has of its own, told of before anything is deployed."""

from typing import Any

import pytest

from penstock.errors import EventPatternError
from penstock.pipelines.checks.rules import RULES
from penstock.pipelines.filter_criteria import FilterCriteria
from penstock.pipelines.pattern_limits import Scope, check_length, check_policy

LONG = {"a": ["x" * 4096]}


def test_a_long_pattern_is_refused_for_rules_and_mappings() -> None:
    """As text or as an object, by its characters."""
    for one in (LONG, '{"a": ["' + "x" * 4096 + '"]}'):
        with pytest.raises(EventPatternError, match=r"4,1\d\d characters; 4,096 are allowed"):
            check_length(one)
        with pytest.raises(EventPatternError, match="4,096 are allowed"):
            FilterCriteria([one], source="sqs")
    check_length({"a": ["x" * 4085]})


@pytest.mark.parametrize(
    ("policy", "scope", "words"),
    [
        ({name: ["x"] for name in "abcdef"}, "MessageAttributes", "6 keys; 5 are allowed"),
        ({"a": {"b": ["x"]}}, "MessageAttributes", '"a" is nested, and attributes are not'),
        ({name: [str(n) for n in range(6)] for name in "abc"}, "MessageAttributes", "216 combinations"),
        ({"a": {"b": {"c": [1, 2, 3, 4]}}, "d": {"e": list(range(7))}}, "MessageBody", "168 combinations"),
        ({"a": [{"numeric": [">", 1_000_000_001]}]}, "MessageAttributes", "no number that SNS compares with"),
        ({"a": [-2e9]}, "MessageBody", "no number that SNS compares with"),
        ({"a": ["\u00fc" * 140_000]}, "MessageBody", "bytes; 262,144 are allowed"),
    ],
)
def test_what_sns_refuses_besides(policy: dict[str, Any], scope: Scope, words: str) -> None:
    """With what to do."""
    with pytest.raises(EventPatternError, match=words) as refused:
        check_policy(policy, scope)
    assert refused.value.fix


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ({name: ["x"] for name in "abcde"}, "MessageAttributes"),
        ({"a": {"b": {"c": [1, 2, 3, 4]}}, "d": {"e": [1, 2, 3]}}, "MessageBody"),  # AWS's own example: 72
        ({"a": [{"numeric": ["<=", 1e9]}, {"anything-but": [1, 2]}, True]}, "MessageAttributes"),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}], "c": ["z"]}, "MessageAttributes"),
    ],
)
def test_what_sns_takes(policy: dict[str, Any], scope: Scope) -> None:
    """At the limits."""
    check_policy(policy, scope)


def test_the_rules_hold_declarations_to_them() -> None:
    """PL701 and PL703 name AWS's pages of limits."""
    sources = {rule.id: rule.source for rule in RULES}
    assert "eb-quota" in sources["PL701"]
    assert "subscription-filter-policy-constraints" in sources["PL703"]
