"""JSON that anybody may have written, wherever it is looked at: no depth brings a run down."""

import json
from typing import Any

import pytest

from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import compile_pattern
from penstock.pipelines.filter_criteria import FilterCriteria
from penstock.pipelines.json_texts import json_in, object_in
from penstock.runtime.dead_letters.letters import Letter
from penstock.testing.events import kinesis_event, sqs_event

DEEP = ["[" * 100_000, '{"a":' * 100_000]


@pytest.mark.parametrize("text", DEEP)
def test_a_text_without_end_is_no_json(text: str) -> None:
    """A ValueError, as for any other text that is none."""
    with pytest.raises(ValueError, match="nested too deeply"):
        json_in(text)
    assert object_in(text) is None
    assert object_in(None) is None
    assert object_in("[1]") is None
    assert object_in(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("text", DEEP)
def test_filters_pass_such_records_over(text: str) -> None:
    """A message and a stream's record, which anybody may have sent."""
    queued: Any = sqs_event(text)
    streamed: Any = kinesis_event(text)
    assert not FilterCriteria([{"body": {"a": [1]}}], source="sqs").accepts(queued["Records"][0])
    assert not FilterCriteria([{"data": {"a": [1]}}], source="kinesis").accepts(streamed["Records"][0])


def test_a_pattern_without_end_is_refused() -> None:
    """As text and as an object."""
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(5000):
        inner["a"] = {}
        inner = inner["a"]
    inner["a"] = [1]
    text = '{"a":' * 5000 + "[1]" + "}" * 5000
    for pattern in (deep, text):
        with pytest.raises(EventPatternError, match="nested too deeply"):
            compile_pattern(pattern)


@pytest.mark.parametrize("text", DEEP)
def test_a_dead_letter_may_hold_it(text: str) -> None:
    """It is shown as the text that it is."""
    letter = Letter(
        queue="q", message_id="m", receipt_handle="r", body=text, attributes={}, system={}, origin=None
    )
    assert letter.fields()["body"] == text
    assert json.dumps(letter.reason()) == '""'
