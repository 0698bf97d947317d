"""Batches of SQS messages: what is opened, and what Lambda is told."""

from dataclasses import dataclass

import pydantic
import pytest

from penstock.errors import EventError, HandlerError
from penstock.handlers import (
    DynamoDBChange,
    FailedRecordsError,
    Handler,
    S3Upload,
    SQSMessage,
    Undecodable,
    on_dynamodb_change,
    on_kinesis_record,
    on_sns_message,
    on_sqs_message,
)
from penstock.testing.context import FakeContext
from penstock.testing.events import (
    kinesis_event,
    message_id,
    s3_event,
    s3_test_event,
    sns_envelope,
    sns_event,
    sqs_event,
)


@dataclass
class Order:
    id: str
    total: int


def told(*numbers: int) -> dict[str, list[dict[str, str]]]:
    """The partial batch response that names these messages."""
    return {"batchItemFailures": [{"itemIdentifier": message_id(number)} for number in numbers]}


def orders(*totals: int) -> list[Order]:
    return [Order(str(number), total) for number, total in enumerate(totals)]


@on_sqs_message
def refuses_negative(order: Order) -> None:
    """Fails for a total below zero."""
    if order.total < 0:
        raise ValueError(order.total)


@on_kinesis_record
def clicks(click: str) -> None: ...


@on_dynamodb_change
def changes(change: DynamoDBChange[Order]) -> None: ...


@on_sns_message
def notifications(message: str) -> None: ...


def test_only_the_messages_that_failed_are_named() -> None:
    """A standard queue's messages stand each for themselves."""
    event = sqs_event(*orders(1, -1, 2, -2))
    assert refuses_negative.invoke(event, FakeContext()) == told(1, 3)


def test_a_batch_of_which_all_failed_is_answered_like_any_other() -> None:
    """Every message is named; nothing is raised."""
    assert refuses_negative.invoke(sqs_event(*orders(-1, -1)), FakeContext()) == told(0, 1)


def test_a_fifo_queue_is_told_of_the_first_failure_and_all_that_follow() -> None:
    """Lambda, "Reporting batch item failures": stop after the first failure, return all failed and unprocessed."""
    seen: list[int] = []

    @on_sqs_message
    def handle(order: Order) -> None:
        seen.append(order.total)
        if order.total < 0:
            raise ValueError

    assert handle.invoke(sqs_event(*orders(1, -1, 2), queue="jobs.fifo"), FakeContext()) == told(1, 2)
    assert seen == [1, -1]


def test_the_rest_is_handed_back_when_time_runs_out() -> None:
    """No further message is begun when less than the margin is left."""
    seen: list[str] = []

    @on_sqs_message(stop_margin_seconds=10)
    def handle(body: str) -> None:
        seen.append(body)
        context.spend(6)

    context = FakeContext(remaining_seconds=20)
    assert handle.invoke(sqs_event("a", "b", "c", "d"), context) == told(2, 3)
    assert seen == ["a", "b"]


def test_the_first_message_is_always_begun() -> None:
    """Else a margin beyond the function's timeout would mean that nothing is ever done."""
    seen: list[str] = []

    @on_sqs_message(stop_margin_seconds=900)
    def handle(body: str) -> None:
        seen.append(body)

    assert handle.invoke(sqs_event("a", "b"), FakeContext(remaining_seconds=3)) == told(1)
    assert seen == ["a"]


def test_metadata_comes_with_an_sqs_message() -> None:
    """Attributes, the sender's attributes (binary ones as bytes), receive count, the queue."""
    seen: list[SQSMessage[Order]] = []

    @on_sqs_message
    def handle(message: SQSMessage[Order]) -> None:
        seen.append(message)

    event = sqs_event(
        Order("1", 5), queue="q.fifo", receive_count=2, message_attributes={"trace": "x", "raw": b"\x00\xff"}
    )
    handle.invoke(event, FakeContext())
    (message,) = seen
    assert message.body == Order("1", 5)
    assert message.message_id == message_id(0)
    assert message.receive_count == 2
    assert message.message_attributes == {"trace": "x", "raw": b"\x00\xff"}
    assert message.attributes["MessageGroupId"] == "group"
    assert message.queue_arn.endswith(":q.fifo")


def test_uploads_are_found_through_every_envelope() -> None:
    """S3 in SQS, S3 in SNS in SQS, raw SNS delivery; several records in one message; test events are no uploads."""
    seen: list[str] = []

    @on_sqs_message
    def handle(upload: S3Upload) -> None:
        seen.append(upload.key)

    event = sqs_event(
        s3_event("a b/ü.csv", "second.csv"), sns_envelope(s3_event("through+topic.csv")), s3_test_event()
    )
    assert handle.invoke(event, FakeContext()) == told()
    assert seen == ["a b/ü.csv", "second.csv", "through+topic.csv"]


def test_a_body_that_is_no_s3_event_fails_with_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """The error names the field."""

    @on_sqs_message
    def handle(upload: S3Upload) -> None: ...

    assert handle.invoke(sqs_event({"Records": [{"s3": {"bucket": {}}}]}), FakeContext()) == told(0)
    assert "Records[0].s3.object" in caplog.text


def test_a_whole_batch_at_once() -> None:
    """The function is given a list; it names what failed by its places in it."""

    @on_sqs_message
    def handle(batch: list[Order]) -> None:
        raise FailedRecordsError(*[place for place, order in enumerate(batch) if order.total < 0])

    assert handle.invoke(sqs_event(*orders(1, -1, 2, -2)), FakeContext()) == told(1, 3)


def test_a_place_that_is_not_in_the_batch_is_an_error() -> None:
    """A wrong index must not acknowledge a message that failed."""

    @on_sqs_message
    def handle(batch: list[str]) -> None:
        raise FailedRecordsError(7)

    @on_sqs_message
    def lists(batch: list[str]) -> None:
        raise FailedRecordsError([0])  # type: ignore[arg-type]

    with pytest.raises(HandlerError, match="payload 7 of a batch of 1"):
        handle.invoke(sqs_event("a"), FakeContext())
    with pytest.raises(HandlerError, match=r"payload \[0\] of a batch of 1"):
        lists.invoke(sqs_event("a"), FakeContext())


def test_what_a_batch_handler_raises_fails_the_whole_batch() -> None:
    """It comes out, so that Lambda delivers all the messages again."""

    @on_sqs_message
    def handle(batch: list[str]) -> None:
        raise RuntimeError("no connection")

    with pytest.raises(RuntimeError, match="no connection"):
        handle.invoke(sqs_event("a"), FakeContext())


def test_a_batch_over_several_uploads_of_one_message() -> None:
    """A message fails if any of its uploads failed."""

    @on_sqs_message
    def handle(uploads: list[S3Upload]) -> None:
        assert [upload.key for upload in uploads] == ["a", "b", "c"]
        raise FailedRecordsError(1)

    assert handle.invoke(sqs_event(s3_event("a", "b"), s3_event("c")), FakeContext()) == told(0)


def test_models_inside_a_list_are_validated() -> None:
    """A Pydantic model may stand inside another type."""

    class Line(pydantic.BaseModel):
        price: int

    seen: list[object] = []

    @on_sqs_message(undecodable=Undecodable.FAIL)
    def handle(message: SQSMessage[dict[str, Line]]) -> None:
        seen.append(message.body["a"].price)

    assert handle.invoke(sqs_event({"a": {"price": "5"}}, {"a": {}}), FakeContext()) == told(1)
    assert seen == [5]


@pytest.mark.parametrize("event", [None, [], "x", {}, {"Records": None}, {"Records": [None]}])
def test_what_is_no_event_of_a_queue_fails_the_invocation(event: object) -> None:
    """There is no message that could be named."""
    with pytest.raises(EventError, match="no event of SQS"):
        refuses_negative.invoke(event, FakeContext())


@pytest.mark.parametrize(
    ("handler", "event", "sent_by"),
    [
        (refuses_negative, kinesis_event("x"), "aws:kinesis"),
        (refuses_negative, sns_event("x"), "aws:sns"),
        (clicks, sqs_event("x"), "aws:sqs"),
        (changes, kinesis_event("x"), "aws:kinesis"),
        (notifications, s3_event("x"), "aws:s3"),
    ],
)
def test_records_of_another_source_fail_the_invocation(
    handler: Handler[..., object], event: object, sent_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They can be decoded, by the right handler: no dead-letter queue is given an empty message for them."""
    monkeypatch.setenv("PENSTOCK_DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/nobody")
    with pytest.raises(EventError, match=f"its records are of {sent_by}"):
        handler.invoke(event, FakeContext())


def test_an_empty_batch_has_no_failures() -> None:
    """Nothing to do is no error."""
    assert refuses_negative.invoke({"Records": []}, FakeContext()) == told()
