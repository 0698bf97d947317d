"""What Firehose makes of a transformation's answer, record by record."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.runtime.firehose.transformation import transformation_of
from penstock.testing.events import firehose_event


def test_records_are_delivered_or_dropped_as_the_function_says() -> None:
    """With the data that it gives back."""
    event: dict[str, Any] = firehose_event("a", "b", "c")
    first, second, third = (one["recordId"] for one in event["records"])
    answer = {
        "records": [
            {"recordId": first, "result": "Ok", "data": "QQ=="},
            {"recordId": second, "result": "Dropped", "data": ""},
            {"recordId": third, "result": "ProcessingFailed", "data": ""},
        ]
    }
    made = transformation_of(event, answer)
    assert (made.delivered, made.dropped, list(made.failed)) == ({first: b"A"}, (second,), [third])


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"records": "none"}, {"records": [{"recordId": "other", "result": "Ok"}]}],
)
def test_a_record_that_is_not_answered_has_failed(answer: object) -> None:
    """Whatever the answer is."""
    event = firehose_event("a", "b")
    assert len(transformation_of(event, answer).failed) == 2


def test_wrong_results_fail_their_record() -> None:
    """A result that is none, and data that is no Base64."""
    event: dict[str, Any] = firehose_event("a", "b", "c", "d")
    first, second, third, fourth = (one["recordId"] for one in event["records"])
    answer = {
        "records": [
            {"recordId": first, "result": "OK", "data": ""},
            {"recordId": second, "result": "Ok", "data": "no base64!"},
            {"recordId": third, "result": "Ok", "data": None},
            {"recordId": fourth, "result": "Ok"},
        ]
    }
    assert set(transformation_of(event, answer).failed) == {first, second, third, fourth}
