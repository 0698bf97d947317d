"""Records that cannot be decoded: dead-lettered with their reason, or failed; never lost, never retried to death."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from pydantic import BaseModel, field_validator

from penstock.handlers import (
    DynamoDBChange,
    FailedRecordsError,
    Handler,
    KinesisRecord,
    LogEvent,
    S3Upload,
    SQSMessage,
    Undecodable,
    dead_letters,
    on_dynamodb_change,
    on_kinesis_record,
    on_sqs_message,
)
from penstock.testing.context import FakeContext
from penstock.testing.events import (
    aggregated,
    dynamodb_event,
    kinesis_event,
    message_id,
    packed_logs,
    sequence_number,
    sqs_event,
)


@dataclass
class Order:
    id: str


class FakeQueue:
    """An SQS client that keeps what it is sent; or refuses it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.refuses = False

    def send_message(self, **message: Any) -> None:
        if self.refuses:
            raise ConnectionError("no queue today")
        self.sent.append(message)

    @property
    def bodies(self) -> list[str]:
        return [message["MessageBody"] for message in self.sent]

    def attributes(self, number: int = 0) -> dict[str, str]:
        sent: dict[str, dict[str, str]] = self.sent[number]["MessageAttributes"]
        return {name: value["StringValue"] for name, value in sent.items()}


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    fake = FakeQueue()
    monkeypatch.setattr(dead_letters, "_made", fake)
    monkeypatch.setenv(dead_letters.QUEUE_VARIABLE, "https://sqs.us-east-1.amazonaws.com/123456789012/dead")
    return fake


@on_sqs_message
def takes_orders(order: Order) -> None: ...


@on_sqs_message
def takes_batches(batch: list[Order]) -> None:
    failed = [place for place, order in enumerate(batch) if order.id == "fails"]
    if any(order.id == "explodes" for order in batch):
        raise RuntimeError
    if failed:
        raise FailedRecordsError(*failed)


def told(*numbers: int) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": message_id(number)} for number in numbers]}


def test_it_is_dead_lettered_with_its_reason(queue: FakeQueue) -> None:
    """The body is the message's own; the attributes say what is wrong, where it came from and who refused it."""
    event = sqs_event('{"id": 5}', Order("1"), "not JSON")
    assert takes_orders.invoke(event, FakeContext()) == told()
    assert queue.bodies == ['{"id": 5}', "not JSON"]
    assert queue.attributes() == {
        "Reason": "$.id: Expected `str`, got `int`",
        "RecordId": message_id(0),
        "Source": "arn:aws:sqs:us-east-1:123456789012:jobs",
        "Handler": f"{__name__}.takes_orders",
    }
    assert queue.attributes(1)["Reason"].startswith("the payload is not JSON")


class BadOrderError(Exception):
    """A domain's own; its text cannot always be made."""

    def __str__(self) -> str:
        return str(self.args[0].upper())


@dataclass
class Checked:
    """A type whose own check raises whatever it likes."""

    id: str

    def __post_init__(self) -> None:
        if self.id == "key":
            raise KeyError(self.id)
        if self.id == "domain":
            raise BadOrderError("no such order")
        if self.id == "mute":
            raise BadOrderError(None)
        if self.id == "large":
            raise MemoryError


class CheckedModel(BaseModel):
    id: str

    @field_validator("id")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "good":
            raise RuntimeError(f"no {value} here")
        return value


@on_sqs_message
def takes_checked(order: Checked) -> None: ...


@on_sqs_message
def takes_models(order: CheckedModel) -> None: ...


@on_sqs_message
def takes_lists_of_checked(orders: tuple[CheckedModel, ...]) -> None: ...


@on_sqs_message
def takes_messages(message: SQSMessage[bytes]) -> None: ...


@on_sqs_message
def takes_uploads(upload: S3Upload) -> None: ...


def test_what_a_types_own_check_raises_refuses_its_record_alone(queue: FakeQueue) -> None:
    """Whatever class that exception has, and even if it has no text."""
    ids = ("good", "key", "domain", "mute", "good")
    assert takes_checked.invoke(sqs_event(*({"id": one} for one in ids)), FakeContext()) == told()
    assert [queue.attributes(number)["Reason"] for number in range(3)] == [
        "the payload's type refuses it: KeyError: 'key'",
        "the payload's type refuses it: BadOrderError: NO SUCH ORDER",
        "the payload's type refuses it: BadOrderError",
    ]


def test_a_lack_of_memory_is_no_refusal(queue: FakeQueue) -> None:
    """The record fails, and comes again; it is not given up."""
    event = sqs_event({"id": "good"}, {"id": "large"}, {"id": "good"})
    assert takes_checked.invoke(event, FakeContext()) == told(1)
    assert queue.sent == []


@pytest.mark.parametrize(
    ("good", "bad"), [({"id": "good"}, {"id": "bad"}), ([{"id": "good"}], [{"id": "bad"}])]
)
def test_a_models_validator_refuses_its_record_alone(queue: FakeQueue, good: object, bad: object) -> None:
    """By itself, and inside another type."""
    handle = takes_models if isinstance(good, dict) else takes_lists_of_checked
    assert handle.invoke(sqs_event(good, bad, good), FakeContext()) == told()
    assert queue.attributes()["Reason"] == "the payload's type refuses it: RuntimeError: no bad here"


@pytest.mark.parametrize(
    "handle", [takes_messages, takes_checked, takes_uploads], ids=["bytes", "type", "s3"]
)
def test_half_a_character_refuses_its_record_alone(queue: FakeQueue, handle: Handler[..., None]) -> None:
    """JSON's `\\ud800` is a text that has no bytes."""
    event: Any = sqs_event("-")
    event["Records"][0]["body"] = "\ud800"
    assert handle.invoke(event, FakeContext()) == told()
    assert queue.attributes()["Encoding"] == "base64"


def test_a_receive_count_that_is_no_number_refuses_its_record_alone(queue: FakeQueue) -> None:
    """Also one that is a number in Python."""
    event: Any = sqs_event("a", "b", "c")
    for number, count in enumerate(("inf", "nan", "1")):
        event["Records"][number]["attributes"]["ApproximateReceiveCount"] = count
    assert takes_messages.invoke(event, FakeContext()) == told()
    assert queue.bodies == ["a", "b"]


@pytest.mark.parametrize("fifo", [False, True])
@pytest.mark.parametrize("per_batch", [False, True])
def test_a_record_that_cannot_be_opened_at_all_fails_alone(
    queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, fifo: bool, per_batch: bool
) -> None:
    """Whatever goes wrong in opening it, the others are settled; what is ordered stops there."""
    handle = takes_batches if per_batch else takes_orders
    opened = handle._open

    def runs_out_of_memory(record: Mapping[str, Any]) -> Sequence[object]:
        if record["messageId"] == message_id(1):
            raise MemoryError
        return opened(record)

    monkeypatch.setattr(handle, "_rules", msgspec.structs.replace(handle._rules, open=runs_out_of_memory))
    event = sqs_event(*(Order(str(number)) for number in range(3)), queue="jobs.fifo" if fifo else "jobs")
    assert handle.invoke(event, FakeContext()) == (told(1, 2) if fifo else told(1))
    assert queue.sent == []


def test_without_a_queue_it_fails_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """AWS's own redrive catches it; the log says which variable is missing."""
    monkeypatch.delenv(dead_letters.QUEUE_VARIABLE, raising=False)
    assert takes_orders.invoke(sqs_event("{}"), FakeContext()) == told(0)
    assert "no dead-letter queue for it is in PENSTOCK_DEAD_LETTER_QUEUE_URL" in caplog.text
    assert "missing required field `id`" in caplog.text


def test_it_may_be_made_to_fail(queue: FakeQueue) -> None:
    """`Undecodable.FAIL`: for a queue whose redrive policy is wanted for everything."""

    @on_sqs_message(undecodable=Undecodable.FAIL)
    def handle(order: Order) -> None: ...

    assert handle.invoke(sqs_event("{}"), FakeContext()) == told(0)
    assert queue.sent == []


def test_the_queue_may_stand_in_another_variable(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """One function may have several handlers' dead letters go to different queues."""
    monkeypatch.setenv("POISON", "https://sqs.us-east-1.amazonaws.com/123456789012/poison")

    @on_sqs_message(dead_letter_variable="POISON")
    def handle(order: Order) -> None: ...

    handle.invoke(sqs_event("{}"), FakeContext())
    assert queue.sent[0]["QueueUrl"].endswith("/poison")


def test_each_source_may_have_a_queue_of_its_own(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its ARN; a source without one has its records fail, in a batch and alone."""
    jobs, table = (
        "arn:aws:sqs:us-east-1:123456789012:jobs",
        "arn:aws:dynamodb:us-east-1:123456789012:table/orders",
    )
    monkeypatch.setenv(dead_letters.QUEUE_VARIABLE, json.dumps({jobs: "https://q/a", table: "https://q/b"}))

    @on_dynamodb_change
    def changes(change: DynamoDBChange[Order]) -> None: ...

    assert takes_orders.invoke(sqs_event("{}"), FakeContext()) == told()
    assert changes.invoke(dynamodb_event((None, {"id": 1.5})), FakeContext()) == {"batchItemFailures": []}
    for handle in (takes_orders, takes_batches):
        assert handle.invoke(sqs_event("{}", queue="jobs2"), FakeContext()) == told(0)
        assert handle.invoke(sqs_event("{}", queue="jobs2.fifo"), FakeContext()) == told(0)
    assert [message["QueueUrl"] for message in queue.sent] == ["https://q/a", "https://q/b"]


def test_when_the_queue_refuses_it_the_record_fails(queue: FakeQueue) -> None:
    """And nothing else does: what was done stays done."""
    queue.refuses = True
    assert takes_orders.invoke(sqs_event(Order("1"), "{}", Order("2")), FakeContext()) == told(1)


def test_a_fifo_queue_takes_it_once_in_its_group(queue: FakeQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group stays; the message's id keeps a second delivery out."""
    monkeypatch.setenv(
        dead_letters.QUEUE_VARIABLE, "https://sqs.us-east-1.amazonaws.com/123456789012/dead.fifo"
    )
    takes_orders.invoke(sqs_event("{}", queue="jobs.fifo", group_id="g"), FakeContext())
    assert queue.sent[0]["MessageGroupId"] == "g"
    assert queue.sent[0]["MessageDeduplicationId"] == message_id(0)


def test_in_a_batch_the_others_are_done_first(queue: FakeQueue) -> None:
    """If the handler raises, everything comes again: nothing is dead-lettered twice."""
    with pytest.raises(RuntimeError):
        takes_batches.invoke(sqs_event("{}", Order("explodes")), FakeContext())
    assert queue.sent == []
    assert takes_batches.invoke(sqs_event("{}", Order("fails"), Order("1")), FakeContext()) == told(1)
    assert queue.bodies == ["{}"]


def test_in_an_ordered_batch_what_follows_a_failure_waits(queue: FakeQueue) -> None:
    """It is delivered again after the failure, and is dead-lettered then."""
    event = sqs_event("{}", Order("fails"), "[]", queue="jobs.fifo")
    assert takes_batches.invoke(event, FakeContext()) == told(1, 2)
    assert queue.bodies == ["{}"]


def test_a_stream_goes_on_after_a_dead_letter(queue: FakeQueue) -> None:
    """Text stays text; bytes that SQS takes not are sent as Base64, and an attribute says so."""
    seen: list[str] = []

    @on_kinesis_record
    def handle(order: Order) -> None:
        seen.append(order.id)

    verdict = handle.invoke(kinesis_event("{}", b"\xff\x00", b"a\x00b", b"", Order("1")), FakeContext())
    assert verdict == {"batchItemFailures": []}
    assert seen == ["1"]
    assert queue.bodies == ["{}", "/wA=", "YQBi", " "]
    assert queue.attributes(0).get("Encoding") is None
    assert queue.attributes(1)["Encoding"] == "base64"
    assert queue.attributes(1)["RecordId"] == sequence_number(1)


def test_of_a_packed_record_only_the_parts_that_cannot_be_decoded_are(queue: FakeQueue) -> None:
    """One takes no neighbours along, and has a letter of its own: its data, and its place in the record."""
    seen: list[str] = []

    @on_kinesis_record
    def handle(order: Order) -> None:
        seen.append(order.id)

    @on_kinesis_record
    def with_metadata(record: KinesisRecord[Order]) -> None:
        seen.append(record.data.id)

    @on_kinesis_record
    def batch(orders: list[Order]) -> None:
        seen.extend(order.id for order in orders)

    event = kinesis_event(aggregated(Order("1"), "{}", Order("2"), b"\xff"), Order("3"))
    for handler in (handle, with_metadata, batch):
        seen.clear()
        queue.sent.clear()
        assert handler.invoke(event, FakeContext()) == {"batchItemFailures": []}
        assert seen == ["1", "2", "3"]
        assert queue.bodies == ["{}", "/w=="]
        assert [queue.attributes(one)["RecordId"] for one in (0, 1)] == [
            f"{sequence_number(0)}/1",
            f"{sequence_number(0)}/3",
        ]


def test_a_log_event_takes_no_neighbours_along(queue: FakeQueue) -> None:
    """A subscription packs lines that are no JSON beside those that are."""
    seen: list[str] = []

    @on_kinesis_record
    def handle(event: LogEvent[Order]) -> None:
        seen.append(event.message.id)

    event = kinesis_event(packed_logs("START RequestId: 1", Order("1"), "END RequestId: 1"))
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": []}
    assert (seen, queue.bodies) == (["1"], ["START RequestId: 1", "END RequestId: 1"])


def test_a_packed_record_that_comes_again_leaves_no_letter(queue: FakeQueue) -> None:
    """Neither where a part of it fails, nor where there is no queue: then nothing of it is done."""
    seen: list[str] = []

    @on_kinesis_record
    def handle(order: Order) -> None:
        seen.append(order.id)
        raise ValueError(order.id)

    @on_kinesis_record
    def batch(orders: list[Order]) -> None:
        raise FailedRecordsError(0)

    @on_kinesis_record(undecodable=Undecodable.FAIL)
    def strict(order: Order) -> None:
        seen.append(order.id)

    event = kinesis_event(aggregated(Order("1"), "{}"), "{}")
    for handler in (handle, batch, strict):
        verdict = handler.invoke(event, FakeContext())
        assert verdict == {"batchItemFailures": [{"itemIdentifier": sequence_number(0)}]}
    assert (seen, queue.bodies) == (["1"], [])


def test_a_packed_record_of_which_a_letter_is_refused_comes_again(queue: FakeQueue) -> None:
    """What was sent already is sent again with it."""
    queue.refuses = True

    @on_kinesis_record
    def handle(order: Order) -> None: ...

    verdict = handle.invoke(kinesis_event(aggregated(Order("1"), "{}")), FakeContext())
    assert verdict == {"batchItemFailures": [{"itemIdentifier": sequence_number(0)}]}


def test_a_change_is_dead_lettered_whole(queue: FakeQueue) -> None:
    """Its record as JSON: the keys, the images and the sequence number."""

    @on_dynamodb_change
    def handle(change: DynamoDBChange[Order]) -> None: ...

    assert handle.invoke(dynamodb_event((None, {"id": {"a", "b"}})), FakeContext()) == {
        "batchItemFailures": []
    }
    assert '"NewImage":{"id":{"SS":["a","b"]}}' in queue.bodies[0]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(dead_letters, "_made", None)
    with mock_aws():
        yield


def test_a_real_client_sends_it(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 takes the message as it is made."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    monkeypatch.setenv(dead_letters.QUEUE_VARIABLE, url)
    takes_orders.invoke(sqs_event("\x00"), FakeContext())
    (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert message["Body"] == "AA=="
    assert message["MessageAttributes"]["Encoding"]["StringValue"] == "base64"
