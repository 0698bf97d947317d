"""Event patterns, held against any JSON: what is made from an event matches it, and nothing else is ever raised."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.filter_criteria import FilterCriteria

NAMES = st.text(alphabet="abcxyz-_ ", min_size=1, max_size=4)
SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=6)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
EVENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    NAMES,
    st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=8),
    min_size=1,
    max_size=4,
)
STRING_OPERATORS = ("prefix", "suffix", "equals-ignore-case", "wildcard", "cidr")
OPERATORS = st.sampled_from([*STRING_OPERATORS, "anything-but", "numeric", "exists", "$or", "nonsense"])
PATTERNS: st.SearchStrategy[Any] = st.recursive(
    st.lists(SCALARS | st.dictionaries(OPERATORS, ANYTHING, min_size=1, max_size=2), max_size=3) | ANYTHING,
    lambda inner: st.dictionaries(NAMES | OPERATORS, inner, max_size=3),
    max_leaves=8,
)


def selected(event: dict[str, Any], draw: Any) -> dict[str, Any]:
    """A pattern of some of the event's leaves, each as one of two values that are asked for."""
    pattern: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(event)), min_size=1, unique=True)):
        value = event[name]
        pattern[name] = selected(value, draw) if isinstance(value, dict) else ["not this one", value]
    return pattern


@given(event=EVENTS, data=st.data())
def test_a_pattern_made_of_an_events_leaves_matches_it(event: dict[str, Any], data: st.DataObject) -> None:
    """And so does its JSON text."""
    pattern = selected(event, data.draw)
    assert compile_pattern(pattern).matches(event)
    assert compile_pattern(json.dumps(pattern)).matches(event)


@given(event=EVENTS, data=st.data())
def test_one_name_more_that_is_not_there_and_it_does_not_match(
    event: dict[str, Any], data: st.DataObject
) -> None:
    """Every name of a pattern has to be in the event, unless the pattern says that it is not there."""
    pattern = selected(event, data.draw)
    assert not compile_pattern({**pattern, "missing": [1]}).matches(event)
    assert compile_pattern({**pattern, "missing": [{"exists": False}]}).matches(event)


@given(pattern=PATTERNS, event=st.dictionaries(st.text(max_size=4), ANYTHING, max_size=4))
def test_any_pattern_is_compiled_or_refused(pattern: Any, event: dict[str, Any]) -> None:
    """Nothing but `EventPatternError` is raised; what is compiled can be asked about any event."""
    try:
        compiled = compile_pattern(pattern)
    except EventPatternError:
        return
    assert compiled.matches(event) in (True, False)


DOTTED = st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c"])
NESTED: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 2) | st.none() | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(DOTTED, inner, max_size=3),
    max_leaves=8,
)
ASKED: st.SearchStrategy[Any] = st.recursive(
    st.lists(
        st.integers(0, 2)
        | st.none()
        | st.sampled_from(["x", {"exists": False}, {"exists": True}, {"anything-but": "x"}, {"prefix": "y"}]),
        min_size=1,
        max_size=2,
    ),
    lambda inner: st.dictionaries(DOTTED | st.just("d"), inner, min_size=1, max_size=3),
    max_leaves=5,
)


@given(
    pattern=st.dictionaries(DOTTED, ASKED, min_size=1, max_size=3),
    either=st.none()
    | st.lists(st.dictionaries(DOTTED, ASKED, min_size=1, max_size=2), min_size=2, max_size=3),
    event=st.dictionaries(DOTTED, NESTED, max_size=4),
)
def test_the_short_way_and_the_long_way_agree(
    pattern: dict[str, Any], either: list[Any] | None, event: dict[str, Any]
) -> None:
    """Asked name by name or by all leaves: names with dots, arrays of anything, names that are not there, `$or`."""
    compiled = compile_pattern(pattern if either is None else {**pattern, "$or": either})
    assert compiled.matches(event) == compiled.matches_leaves(event)


@given(body=st.text() | ANYTHING.map(json.dumps))
def test_any_record_is_accepted_or_not(body: str) -> None:
    """Filter criteria never fail on a record; a filter for JSON takes only JSON, one for text only text."""
    json_filter = FilterCriteria([{"body": {"a": [{"exists": True}]}}], source="sqs")
    text_filter = FilterCriteria([{"body": [{"prefix": ""}]}], source="sqs")
    record = {"body": body}
    assert not (json_filter.accepts(record) and text_filter.accepts(record))
    assert text_filter.accepts(record) != _is_object(body)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
