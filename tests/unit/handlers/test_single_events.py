"""S3, topics, buses and schedules: a failure fails the invocation, and Lambda tries it again."""

from dataclasses import dataclass
from typing import Any

import pytest

from penstock.errors import DecodeError, EventError, UsageError
from penstock.handlers import (
    EventBridgeEvent,
    S3Upload,
    SNSMessage,
    on_event,
    on_s3_upload,
    on_schedule,
    on_sns_message,
)
from penstock.handlers.s3_events import uploads_in
from penstock.testing.context import FakeContext
from penstock.testing.events import (
    bus_event,
    s3_bus_event,
    s3_event,
    s3_test_event,
    scheduled_event,
    sns_event,
    sqs_event,
)


@dataclass
class Order:
    id: str


def test_an_upload_is_complete() -> None:
    """Keys arrive decoded; sizes in bytes; the version if the bucket has them."""
    seen: list[S3Upload] = []

    @on_s3_upload
    def handle(upload: S3Upload) -> None:
        seen.append(upload)

    handle.invoke(s3_event("2026/año 1+1.csv", bucket="b", size_bytes=7, version_id="v1"), FakeContext())
    (upload,) = seen
    assert (upload.bucket, upload.key, upload.size_bytes) == ("b", "2026/año 1+1.csv", 7)
    assert (upload.version_id, upload.sequencer) == ("v1", "0055AED6DCD90281E5")
    assert (upload.event_name, upload.event_time) == ("ObjectCreated:Put", "2026-01-01T00:00:00.000Z")
    assert len(upload.etag) == 32


def test_uploads_come_directly_through_a_topic_and_through_a_bus() -> None:
    """One handler takes each form; a test event is no upload; a bus does not encode keys."""
    seen: list[str] = []

    @on_s3_upload
    def handle(upload: S3Upload) -> None:
        seen.append(upload.key)

    for event in (s3_event("a b"), sns_event(s3_event("c")), s3_bus_event("d+e"), s3_test_event()):
        assert handle.invoke(event, FakeContext()) is None
    assert seen == ["a b", "c", "d+e"]


def test_all_uploads_of_an_event_at_once() -> None:
    """A list in the annotation asks for all."""
    seen: list[list[S3Upload]] = []

    @on_s3_upload
    def handle(uploads: list[S3Upload]) -> None:
        seen.append(uploads)

    handle.invoke(s3_event("a", "b"), FakeContext())
    assert [[upload.key for upload in uploads] for uploads in seen] == [["a", "b"]]


def test_what_the_function_raises_comes_out() -> None:
    """Lambda tries an asynchronous invocation again, and then sends it where failures go."""

    @on_s3_upload
    def handle(upload: S3Upload) -> None:
        raise RuntimeError(upload.key)

    with pytest.raises(RuntimeError, match="a"):
        handle.invoke(s3_event("a"), FakeContext())


def test_an_event_of_another_source_is_refused() -> None:
    """The error says what is missing."""

    @on_s3_upload
    def handle(upload: S3Upload) -> None: ...

    with pytest.raises(DecodeError, match="message of a queue, whose handler has @on_sqs_message"):
        handle.invoke(sqs_event("x"), FakeContext())
    with pytest.raises(DecodeError, match=r"Records\[0\].s3: an object is missing"):
        handle.invoke({"Records": [{}]}, FakeContext())
    with pytest.raises(DecodeError, match="list of records"):
        handle.invoke({}, FakeContext())


def test_a_buckets_records_as_they_are_come_through_a_topic_too() -> None:
    """A handler that takes any object is given the topic's."""
    seen: list[dict[str, Any]] = []

    @on_s3_upload
    def handle(record: dict[str, Any]) -> None:
        seen.append(record)

    handle.invoke(s3_event("a"), FakeContext())
    handle.invoke(sns_event(s3_event("b")), FakeContext())
    assert [next(name for name in ("s3", "Sns") if name in record) for record in seen] == ["s3", "Sns"]
    with pytest.raises(EventError, match="its records are of aws:sqs"):
        handle.invoke(sqs_event("x"), FakeContext())


def test_notifications_of_a_topic() -> None:
    """The message, decoded; with its metadata if it is asked for."""
    seen: list[object] = []

    @on_sns_message
    def plain(order: Order) -> None:
        seen.append(order)

    @on_sns_message
    def with_metadata(message: SNSMessage[Order]) -> None:
        seen.append((message.message, message.subject, message.topic_arn))

    @on_sns_message
    def upload(upload: S3Upload) -> None:
        seen.append(upload.key)

    plain.invoke(sns_event(Order("1")), FakeContext())
    with_metadata.invoke(sns_event(Order("2"), subject="s", topic="t"), FakeContext())
    upload.invoke(sns_event(s3_event("k")), FakeContext())
    assert seen == [Order("1"), (Order("2"), "s", "arn:aws:sns:us-east-1:123456789012:t"), "k"]


def test_events_of_a_bus() -> None:
    """The detail, decoded; with its metadata if it is asked for; as a dict."""
    seen: list[Any] = []

    @on_event
    def plain(order: Order) -> None:
        seen.append(order)

    @on_event
    def with_metadata(event: EventBridgeEvent[Order]) -> None:
        seen.append((event.detail, event.detail_type, event.source))

    @on_schedule
    def scheduled(event: EventBridgeEvent[dict[str, Any]]) -> None:
        seen.append(event.resources)

    plain.invoke(bus_event(Order("1")), FakeContext())
    with_metadata.invoke(bus_event(Order("2")), FakeContext())
    scheduled.invoke(scheduled_event(rule="nightly"), FakeContext())
    assert seen == [
        Order("1"),
        (Order("2"), "Order Placed", "shop.orders"),
        ("arn:aws:events:us-east-1:123456789012:rule/nightly",),
    ]


@pytest.mark.parametrize("event", [{}, bus_event({"id": 5}), {**bus_event({}), "detail": None}])
def test_an_event_that_does_not_fit_fails_the_invocation(event: object) -> None:
    """With the handler, the field and what to do."""

    @on_event
    def handle(order: Order) -> None: ...

    with pytest.raises(DecodeError, match="does not fit") as caught:
        handle.invoke(event, FakeContext())
    assert caught.value.at is not None
    assert caught.value.at.endswith("handle")


def test_what_is_no_object_is_no_event() -> None:
    """A list, a text, nothing."""

    @on_event
    def handle(order: Order) -> None: ...

    with pytest.raises(EventError, match="no event of EVENTBRIDGE"):
        handle.invoke([], FakeContext())


def test_sequencers_are_those_of_one_object() -> None:
    """The later event of an object has the larger sequencer, filled up on its right; of another's it says nothing."""
    event: Any = s3_event("a", "a", "b")
    for record, sequencer in zip(event["Records"], ("0055AE", "0055AE1", "FF"), strict=True):
        record["s3"]["object"]["sequencer"] = sequencer
    one, other, stranger = uploads_in(event)
    assert other.is_later_than(one)
    assert not one.is_later_than(other)
    with pytest.raises(UsageError, match="two objects"):
        stranger.is_later_than(one)


def test_another_major_version_is_another_structure() -> None:
    """Minor versions of S3's records add members; a new major version is refused."""
    event: Any = s3_event("a")
    event["Records"][0]["eventVersion"] = "2.99"
    assert [one.key for one in uploads_in(event)] == ["a"]
    event["Records"][0]["eventVersion"] = "3.0"
    with pytest.raises(DecodeError, match=r"eventVersion: 3\.0 is not 2\.x"):
        uploads_in(event)
