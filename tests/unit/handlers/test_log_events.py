"""CloudWatch Logs: subscriptions of functions, and log events in the records of a stream."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.errors import DecodeError, HandlerError
from penstock.handlers import LogEvent, on_kinesis_record, on_log_event, on_sqs_message
from penstock.testing.context import FakeContext
from penstock.testing.events import cloudwatch_logs_event, kinesis_event

SEEN: list[object] = []


@dataclass
class Line:
    level: str
    code: int = 0


@on_log_event
def each(line: Line) -> None:
    SEEN.append(line)


@on_log_event
def several(lines: list[LogEvent[str]]) -> None:
    SEEN.extend(lines)


@on_kinesis_record
def streamed(event: LogEvent[str]) -> None:
    SEEN.append((event.log_group, event.message))


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    SEEN.clear()


def packed(**told: object) -> dict[str, object]:
    data = gzip.compress(json.dumps(told).encode(), mtime=0)
    return {"awslogs": {"data": base64.b64encode(data).decode()}}


def invoke(handler: Any, event: object) -> Any:
    return handler(event, FakeContext())


def test_each_message_is_decoded() -> None:
    """The messages are JSON lines."""
    invoke(each, cloudwatch_logs_event('{"level": "ERROR", "code": 7}', '{"level": "INFO"}'))
    assert [Line("ERROR", 7), Line("INFO")] == SEEN


def test_a_batch_with_everything_about_it() -> None:
    """Text as it is, its time in seconds, its group and stream."""
    invoke(several, cloudwatch_logs_event("a", "b", log_group="/aws/lambda/x"))
    first, second = SEEN
    assert isinstance(first, LogEvent)
    assert isinstance(second, LogEvent)
    assert (first.message, first.log_group, second.message) == ("a", "/aws/lambda/x", "b")
    assert second.at == pytest.approx(first.at + 0.001)
    assert first.log_stream.startswith("2026/")


def test_fields_that_a_filter_took_out() -> None:
    """CloudWatch Logs: `extractedFields`."""
    event = {"id": "1", "timestamp": 1000, "message": "a b", "extractedFields": {"1": "a", "n": 2}}
    invoke(several, packed(messageType="DATA_MESSAGE", logGroup="g", logStream="s", logEvents=[event]))
    (found,) = SEEN
    assert isinstance(found, LogEvent)
    assert found.fields == {"1": "a", "n": "2"}


def test_a_control_message_holds_nothing() -> None:
    """It only tries whether the function can be reached."""
    invoke(each, packed(messageType="CONTROL_MESSAGE", logEvents=[{"id": "", "message": "hello"}]))
    assert SEEN == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"Records": []}, "awslogs.data: a text is missing"),
        ({"awslogs": {"data": "%%%"}}, "no Base64|not Base64"),
        ({"awslogs": {"data": base64.b64encode(b"\x1f\x8bno").decode()}}, "awslogs.data"),
        (packed(other=1), "messageType"),
        (packed(messageType="DATA_MESSAGE"), "logEvents"),
        (packed(messageType="DATA_MESSAGE", logEvents=[{"message": "x"}]), "timestamp"),
        (packed(messageType="DATA_MESSAGE", logEvents=[{"timestamp": 1}]), "message"),
    ],
)
def test_what_is_no_log_event_fails_the_invocation(event: object, words: str) -> None:
    """The error names the member."""
    with pytest.raises(DecodeError, match=words):
        invoke(several, event)


def test_log_events_in_a_stream_are_payloads_of_their_own() -> None:
    """A subscription's destination is a Kinesis stream: one record holds several of them."""
    logs = json.loads(gzip.decompress(base64.b64decode(_data(cloudwatch_logs_event("a", "b")))))
    data = gzip.compress(json.dumps(logs).encode(), mtime=0)
    assert invoke(streamed, kinesis_event(data)) == {"batchItemFailures": []}
    assert SEEN == [("/aws/lambda/handler", "a"), ("/aws/lambda/handler", "b")]
    control = gzip.compress(b'{"messageType": "CONTROL_MESSAGE", "logEvents": []}', mtime=0)
    assert invoke(streamed, kinesis_event(control)) == {"batchItemFailures": []}


def _data(event: Any) -> str:
    found: str = event["awslogs"]["data"]
    return found


def test_a_queue_has_no_log_events() -> None:
    """Told when the handler is decorated."""
    with pytest.raises(HandlerError, match="LogEvent does not come from this source"):

        @on_sqs_message
        def wrong(event: LogEvent[str]) -> None: ...
