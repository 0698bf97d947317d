"""Firehose's transformations: Ok, Dropped and ProcessingFailed, record by record."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass

import pytest

from penstock.errors import EventError, HandlerError
from penstock.handlers import LogEvent, SQSMessage
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext
from penstock.testing.events import packed_logs


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


@on_firehose_record
def line(event: LogEvent[Click]) -> str | None:
    click = event.message
    if click.page == "boom":
        raise ValueError("boom")
    return None if click.page == "skip" else f"{event.at:.3f} {event.log_group} {click.page}\n"


def logs(**told: object) -> bytes:
    return gzip.compress(json.dumps(told).encode(), mtime=0)


def clicks(*pages: str) -> bytes:
    return packed_logs(*({"page": page} for page in pages), log_group="web")


def test_the_log_events_of_a_record_become_one_record() -> None:
    """CloudWatch Logs puts several into one record: what is returned for them is joined, in their order."""
    (answered,) = line.invoke(event(clicks("a", "skip", "b")), FakeContext())["records"]
    assert answered["result"] == "Ok"
    lines = b64decode(answered["data"]).decode().splitlines()
    assert [one.split()[1:] for one in lines] == [["web", "a"], ["web", "b"]]
    assert float(lines[1].split()[0]) == pytest.approx(float(lines[0].split()[0]) + 0.002)


def test_what_holds_no_log_event_is_dropped() -> None:
    """A control message only tries whether the stream can be reached; and all events of a record may be dropped."""
    control = logs(messageType="CONTROL_MESSAGE", logEvents=[{"id": "", "timestamp": 1, "message": "hello"}])
    none = logs(messageType="DATA_MESSAGE", logEvents=[])
    answered = line.invoke(event(control, none, clicks("skip", "skip")), FakeContext())["records"]
    assert [one["result"] for one in answered] == ["Dropped"] * 3
    assert b64decode(answered[0]["data"]) == control


def test_one_log_event_that_fails_fails_its_record() -> None:
    """Nothing of it is delivered, so that it can be put back as it came; the other records are delivered."""
    given = (
        clicks("a", "boom"),
        packed_logs({"page": "a"}, "no JSON"),
        b"no logs",
        logs(messageType="OTHER", logEvents=[]),
        logs(messageType="DATA_MESSAGE", logEvents=[{"message": "{}"}]),
        gzip.compress(b"x")[:-1],
        clicks("b"),
    )
    answered = line.invoke(event(*given), FakeContext())["records"]
    assert [one["result"] for one in answered] == [*["ProcessingFailed"] * 6, "Ok"]
    assert [b64decode(one["data"]) for one in answered[:6]] == list(given[:6])


def test_records_of_other_sources_are_refused() -> None:
    """A queue's message never comes from a delivery stream."""
    with pytest.raises(HandlerError, match="SQSMessage does not come from this source"):

        @on_firehose_record
        def wrong(message: SQSMessage[str]) -> None: ...


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
