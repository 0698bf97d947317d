"""Firehose's transformations: Ok, Dropped and ProcessingFailed, record by record."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass

import pytest

from penstock.errors import EventError, HandlerError
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext


@dataclass(frozen=True, slots=True)
class Click:
    page: str
    count: int = 1


@on_firehose_record
def transform(click: Click) -> Click | None:
    if click.page == "boom":
        raise ValueError("boom")
    return None if click.page == "skip" else Click(click.page.upper(), click.count + 1)


def event(*data: bytes) -> dict[str, object]:
    records = [{"recordId": f"r{n}", "data": b64encode(one).decode()} for n, one in enumerate(data, 1)]
    return {"invocationId": "i", "deliveryStreamArn": "arn", "region": "us-east-1", "records": records}


def test_each_record_is_answered_with_what_became_of_it() -> None:
    """The answer has every id; what was not transformed goes back as it came."""
    given = (b'{"page": "a"}', b'{"page": "skip"}', b'{"page": "boom"}', b'{"page": 1}', b"no JSON")
    answered = transform.invoke(event(*given), FakeContext())["records"]
    assert [one["recordId"] for one in answered] == ["r1", "r2", "r3", "r4", "r5"]
    assert [one["result"] for one in answered] == ["Ok", "Dropped", *["ProcessingFailed"] * 3]
    assert b64decode(answered[0]["data"]) == b'{"page":"A","count":2}\n'
    assert [b64decode(one["data"]) for one in answered[1:]] == list(given[1:])


def test_text_and_bytes_are_delivered_as_they_are() -> None:
    """No line break is added, and nothing is quoted."""

    @on_firehose_record
    def plain(data: bytes) -> str | bytes:
        return data if data == b"\xff" else data.decode() + "!"

    answered = plain.invoke(event(b"a", b"\xff"), FakeContext())["records"]
    assert [b64decode(one["data"]) for one in answered] == [b"a!", b"\xff"]


def test_the_function_stays_callable() -> None:
    """A unit test calls it with the record itself."""
    assert transform(Click("a")) == Click("A", 2)


def test_another_event_is_an_error() -> None:
    """The function was mapped to something else."""
    with pytest.raises(EventError, match="no event of Firehose"):
        transform.invoke({"Records": []}, FakeContext())


def test_a_function_without_an_annotation_is_refused() -> None:
    """Nothing says what the data is."""
    with pytest.raises(HandlerError, match="has no annotation"):

        @on_firehose_record
        def bare(data):  # type: ignore[no-untyped-def]
            return data
