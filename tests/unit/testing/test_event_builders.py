"""Builders of events, as a test's author uses them: one line, given to the handler of its kind."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

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
    on_s3_upload,
    on_schedule,
    on_sns_message,
    on_sqs_message,
)
from penstock.handlers.attribute_values import value_of
from penstock.handlers.events import parse_event
from penstock.handlers.transformations import on_firehose_record
from penstock.testing import events, http_events
from penstock.testing.attribute_values import attribute_value
from penstock.testing.context import FakeContext


@dataclass
class Order:
    id: str
    total: int = 0


class Model(BaseModel):
    id: str


class Named(BaseModel):
    """A model of whose member JSON has another name."""

    number: str = Field(alias="id")


SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


@pytest.mark.parametrize(
    "payload", [Order("1"), {"id": "1"}, Model(id="1"), Named(id="1"), '{"id": "1"}', b'{"id": "1"}']
)
def test_a_payload_is_anything_with_a_json_form(payload: object) -> None:
    """A dataclass, a dictionary, a Pydantic model (by its aliases), a text, bytes: everywhere the same."""

    @on_sqs_message
    def message(order: Order) -> None:
        SEEN.append(order)

    @on_kinesis_record
    def record(order: Order) -> None:
        SEEN.append(order)

    @on_sns_message
    def notification(order: Order) -> None:
        SEEN.append(order)

    @on_log_event
    def line(order: Order) -> None:
        SEEN.append(order)

    message.invoke(events.sqs_event(payload), FakeContext())
    record.invoke(events.kinesis_event(payload), FakeContext())
    notification.invoke(events.sns_event(payload), FakeContext())
    line.invoke(events.cloudwatch_logs_event(payload), FakeContext())
    message.invoke(events.sqs_event(events.sns_envelope(payload)), FakeContext())
    assert list(SEEN) == [Order("1")] * 4  # the envelope is no order


def test_a_text_that_is_none_is_no_message() -> None:
    """SQS and SNS take no bytes."""
    with pytest.raises(UnicodeDecodeError):
        events.sqs_event(b"\xff")
    with pytest.raises(TypeError, match="object has no JSON form"):
        events.sqs_event(object())


def test_what_a_producer_packs_arrives_one_by_one() -> None:
    """User records with their own partition keys and places; log lines with their group."""

    @on_kinesis_record
    def record(one: KinesisRecord[str]) -> None:
        SEEN.append((one.data, one.partition_key, one.subsequence_number))

    @on_kinesis_record
    def line(one: LogEvent[str]) -> None:
        SEEN.append((one.log_group, one.message))

    @on_firehose_record
    def delivered(logs: dict[str, Any]) -> None:
        SEEN.append(logs["messageType"])

    record.invoke(
        events.kinesis_event(events.aggregated("a", {"b": 1}, partition_key=["x", "y"])), FakeContext()
    )
    assert SEEN[:2] == [("a", "x", 0), ('{"b":1}', "y", 1)]
    line.invoke(events.kinesis_event(events.packed_logs("up", "down", log_group="g")), FakeContext())
    assert SEEN[2:] == [("g", "up"), ("g", "down")]
    assert line.invoke(events.kinesis_event(events.packed_logs()), FakeContext()) == {"batchItemFailures": []}
    delivered.invoke(events.firehose_event(events.packed_logs("up"), events.packed_logs()), FakeContext())
    assert SEEN[4:] == ["DATA_MESSAGE", "CONTROL_MESSAGE"]
    with pytest.raises(ValueError, match="zip"):
        events.aggregated("a", partition_key=["x", "y"])


def test_changes_of_a_table() -> None:
    """Each kind of change; composite keys; what a view leaves out; who deleted an item."""

    @on_dynamodb_change
    def change(one: DynamoDBChange[dict[str, Any]]) -> None:
        SEEN.append((one.event_name, one.keys, one.new, one.old, one.expired))

    old, new = {"id": "1", "at": 1, "n": 1.5}, {"id": "1", "at": 1, "tags": {"x"}}
    given = events.dynamodb_event((None, new), (old, new), (old, None), key=("id", "at"), expired=True)
    change.invoke(given, FakeContext())
    keys = {"id": "1", "at": 1}
    read = {**old, "n": Decimal("1.5")}
    assert list(SEEN) == [
        ("INSERT", keys, new, None, False),
        ("MODIFY", keys, new, read, False),
        ("REMOVE", keys, None, read, True),
    ]
    change.invoke(events.dynamodb_event((old, new), view="KEYS_ONLY"), FakeContext())
    assert SEEN[3] == ("MODIFY", {"id": "1"}, None, None, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [((None, None), "change 0 has no image"), ((None, {"name": "x"}), "change 0 has no key 'id'")],
)
def test_a_change_that_cannot_be_is_refused(change: Any, words: str) -> None:
    """With what to give instead."""
    with pytest.raises(ValueError, match=words):
        events.dynamodb_event(change)


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**38 + 1, Decimal("1E+126"), set()])
def test_what_dynamodb_does_not_hold_is_refused(value: object) -> None:
    """Before a reader refuses it."""
    with pytest.raises(ValueError, match="DynamoDB holds no"):
        attribute_value(value)


@pytest.mark.parametrize("value", [{1, "a"}, {True}, {None}, object()])
def test_what_dynamodb_has_no_type_for_is_refused(value: object) -> None:
    """A set of several types too."""
    with pytest.raises(TypeError, match="DynamoDB has no"):
        attribute_value(value)


@pytest.mark.parametrize(
    "value",
    [None, True, "", b"", b"\xff", 0, -7, 10**37, Decimal("1E-130"), 1e20, {1, 2}, {b"a"}, [{"a": {"b"}}]],
)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    """What is written is what the reader of events reads."""
    assert value_of(attribute_value(value), "x") == value


def test_uploads_in_every_envelope() -> None:
    """From S3, its queue and its topic; the prefix of configurations does no harm."""

    @on_s3_upload
    def upload(one: S3Upload) -> None:
        SEEN.append((one.key, one.event_name))

    @on_sqs_message
    def queued(one: SQSMessage[S3Upload]) -> None:
        SEEN.append(one.body.key)

    upload.invoke(events.s3_event("ä b+c", event_name="s3:ObjectCreated:Copy"), FakeContext())
    upload.invoke(events.s3_bus_event("ä b+c"), FakeContext())
    queued.invoke(events.sqs_event(events.sns_envelope(events.s3_event("ä b+c"))), FakeContext())
    assert list(SEEN) == [("ä b+c", "ObjectCreated:Copy"), ("ä b+c", "Object Created"), "ä b+c"]
    batch: Any = parse_event("s3-batch", events.s3_batch_event("ä b+c", bucket="b"))
    assert (batch.tasks[0].key, batch.tasks[0].bucket) == ("ä b+c", "b")
    with pytest.raises(ValueError, match="no user arguments"):
        events.s3_batch_event("a", schema_version="1.0", user_arguments={})


def test_events_of_buses_and_schedules() -> None:
    """A detail is a JSON object; the Scheduler writes one as a text."""

    @on_event
    def event(one: EventBridgeEvent[Order]) -> None:
        SEEN.append(one.detail)

    @on_schedule
    def schedule(one: EventBridgeEvent[dict[str, Any]]) -> None:
        SEEN.append((one.source, one.detail))

    event.invoke(events.bus_event(Order("1")), FakeContext())
    schedule.invoke(events.scheduled_event(), FakeContext())
    schedule.invoke(events.scheduler_event(), FakeContext())
    assert list(SEEN) == [Order("1"), ("aws.events", {}), ("aws.scheduler", {})]
    with pytest.raises(TypeError, match="a JSON object, not str"):
        events.bus_event("text")


def test_envelopes_in_a_queue_are_opened_by_type() -> None:
    """What a topic or a rule sent to the queue, alone or with the message's own metadata."""

    @on_sqs_message
    def notified(one: SNSMessage[Order]) -> None:
        SEEN.append((one.message, one.subject, one.message_attributes))

    @on_sqs_message
    def told(one: SQSMessage[EventBridgeEvent[Order]]) -> None:
        SEEN.append((one.body.detail, one.body.source, one.message_id))

    envelope = events.sns_envelope(Order("1"), subject="new", message_attributes={"raw": b"\x00"})
    notified.invoke(events.sqs_event(envelope), FakeContext())
    told.invoke(events.sqs_event(events.bus_event(Order("2"), source="shop")), FakeContext())
    assert list(SEEN) == [(Order("1"), "new", {"raw": b"\x00"}), (Order("2"), "shop", events.message_id(0))]
    parse_event("sqs", events.sqs_event(envelope))


@pytest.mark.parametrize("body", ["text", "[1]", "{}", {"Type": "Notification", "Message": '{"id": 5}'}])
def test_a_body_that_is_no_such_envelope_cannot_be_decoded(body: object) -> None:
    """It fails like any other body that does not fit, and takes no other along."""

    @on_sqs_message
    def notified(one: SNSMessage[Order]) -> None:
        SEEN.append(one.message)

    given = events.sqs_event(body, events.sns_envelope(Order("1")))
    assert notified.invoke(given, FakeContext()) == {
        "batchItemFailures": [{"itemIdentifier": events.message_id(0)}]
    }
    assert list(SEEN) == [Order("1")]


def test_attributes_of_messages() -> None:
    """Texts and bytes, of a queue and of a topic."""

    @on_sqs_message
    def message(one: SQSMessage[str]) -> None:
        SEEN.append(one.message_attributes)

    @on_sns_message
    def notification(one: SNSMessage[str]) -> None:
        SEEN.append(one.message_attributes)

    attributes: dict[str, str | bytes] = {"text": "t", "raw": b"\x00\xff"}
    message.invoke(events.sqs_event("x", message_attributes=attributes), FakeContext())
    notification.invoke(events.sns_event("x", message_attributes=attributes), FakeContext())
    assert list(SEEN) == [attributes, attributes]


def test_bodies_and_queries_of_requests() -> None:
    """Bytes are Base64 in the event; several values of a parameter are joined as the kind joins them."""
    for build in (
        http_events.http_event,
        http_events.function_url_event,
        http_events.rest_event,
        http_events.load_balancer_event,
    ):
        made: Any = build("POST", "/", body=b"\xff\x00")
        assert (made["body"], made["isBase64Encoded"]) == ("/wA=", True)
    made = http_events.http_event(query={"a": ["1", "2"]}, cookies=["s=1"])
    assert (made["rawQueryString"], made["queryStringParameters"]) == ("a=1&a=2", {"a": "1,2"})
    assert made["cookies"] == ["s=1"]
    made = http_events.rest_event(query={"a": ["1", "2"]})
    assert made["queryStringParameters"] == {"a": "2"}
    assert made["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
