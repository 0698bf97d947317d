"""One record in another: what a topic, a bus or a bucket sends arrives in a message of a queue or of a topic."""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.errors import HandlerError
from penstock.handlers import (
    DynamoDBChange,
    EventBridgeEvent,
    KinesisRecord,
    LogEvent,
    S3Upload,
    SNSMessage,
    SQSMessage,
    on_dynamodb_change,
    on_event,
    on_kinesis_record,
    on_log_event,
    on_schedule,
    on_sns_message,
    on_sqs_message,
)
from penstock.handlers.transformations import on_firehose_record
from penstock.testing.context import FakeContext
from penstock.testing.events import bus_event, s3_bus_event, s3_event, sns_envelope, sns_event, sqs_event

DETAIL = {"id": "1"}


def keeping(seen: list[Any], annotation: object) -> Callable[[Any], None]:
    def handle(payload: object) -> None:
        seen.append(payload)

    handle.__annotations__["payload"] = annotation
    return handle


@pytest.mark.parametrize(
    ("decorator", "annotation", "event", "path"),
    [
        (on_sns_message, SNSMessage[S3Upload], sns_event(s3_event("a b")), "message.key"),
        (
            on_sns_message,
            SNSMessage[EventBridgeEvent[dict[str, Any]]],
            sns_event(bus_event(DETAIL)),
            "message.detail",
        ),
        (on_sns_message, EventBridgeEvent[dict[str, Any]], sns_event(bus_event(DETAIL)), "detail"),
        (on_sns_message, EventBridgeEvent[S3Upload], sns_event(s3_bus_event("a b")), "detail.key"),
        (on_event, S3Upload, s3_bus_event("a b"), "key"),
        (on_event, EventBridgeEvent[S3Upload], s3_bus_event("a b"), "detail.key"),
        (on_sqs_message, SNSMessage[S3Upload], sqs_event(sns_envelope(s3_event("a b"))), "message.key"),
        (on_sqs_message, EventBridgeEvent[S3Upload], sqs_event(s3_bus_event("a b")), "detail.key"),
        (
            on_sqs_message,
            SQSMessage[SNSMessage[EventBridgeEvent[S3Upload]]],
            sqs_event(sns_envelope(s3_bus_event("a b"))),
            "body.message.detail.key",
        ),
    ],
)
def test_each_envelope_is_opened(decorator: Any, annotation: object, event: object, path: str) -> None:
    """By the types that the annotation names, from the outside to the inside."""
    seen: list[Any] = []
    assert not (decorator(keeping(seen, annotation)).invoke(event, FakeContext()) or {}).get(
        "batchItemFailures"
    )
    (found,) = seen
    for name in path.split("."):
        found = getattr(found, name)
    assert found in ("a b", DETAIL)


def test_every_upload_in_a_notification_is_given_with_its_envelope() -> None:
    """S3 may put several into one event."""
    seen: list[SNSMessage[S3Upload]] = []

    @on_sns_message
    def handle(one: SNSMessage[S3Upload]) -> None:
        seen.append(one)

    handle.invoke(sns_event(s3_event("a", "b"), subject="Amazon S3 Notification"), FakeContext())
    assert [(one.subject, one.message.key) for one in seen] == [
        ("Amazon S3 Notification", "a"),
        ("Amazon S3 Notification", "b"),
    ]


@pytest.mark.parametrize(
    ("decorator", "annotation", "record"),
    [
        (on_sqs_message, SQSMessage[SQSMessage[str]], "SQSMessage"),
        (on_sqs_message, SQSMessage[KinesisRecord[str]], "KinesisRecord"),
        (on_sqs_message, SQSMessage[list[S3Upload]], "S3Upload"),
        (on_sqs_message, S3Upload | None, "S3Upload"),
        (on_sqs_message, EventBridgeEvent[SNSMessage[str]], "SNSMessage"),
        (on_sns_message, SNSMessage[SNSMessage[str]], "SNSMessage"),
        (on_event, EventBridgeEvent[SQSMessage[str]], "SQSMessage"),
        (on_schedule, S3Upload, "S3Upload"),
        (on_kinesis_record, KinesisRecord[LogEvent[str]], "LogEvent"),
        (on_kinesis_record, KinesisRecord[S3Upload], "S3Upload"),
        (on_kinesis_record, LogEvent[S3Upload], "S3Upload"),
        (on_dynamodb_change, DynamoDBChange[DynamoDBChange[dict[str, Any]]], "DynamoDBChange"),
        (on_log_event, LogEvent[SNSMessage[str]], "SNSMessage"),
        (on_firehose_record, LogEvent[KinesisRecord[str]], "KinesisRecord"),
    ],
)
def test_a_record_that_never_stands_there_is_refused_at_once(
    decorator: Any, annotation: object, record: str
) -> None:
    """Otherwise every one would be a record that cannot be decoded."""
    with pytest.raises(HandlerError, match=f"{record} (is not opened where|does not come from)"):
        decorator(keeping([], annotation))
