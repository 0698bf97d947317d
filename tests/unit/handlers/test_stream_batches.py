"""Records of Kinesis and changes of DynamoDB: order, and where Lambda is told to go on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from penstock.handlers import (
    DynamoDBChange,
    FailedRecordsError,
    KinesisRecord,
    Undecodable,
    on_dynamodb_change,
    on_kinesis_record,
)
from penstock.testing.context import FakeContext
from penstock.testing.events import dynamodb_event, kinesis_event, sequence_number


@dataclass
class Click:
    page: str
    n: int


def told(*numbers: int) -> dict[str, list[dict[str, str]]]:
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(number)} for number in numbers]}


def clicks(*numbers: int) -> list[Click]:
    return [Click("home", number) for number in numbers]


def test_a_shard_stops_at_the_first_failure() -> None:
    """Lambda goes back to the lowest sequence number that it is told; what follows is not begun."""
    seen: list[int] = []

    @on_kinesis_record
    def handle(click: Click) -> None:
        seen.append(click.n)
        if click.n < 0:
            raise ValueError

    assert handle.invoke(kinesis_event(*clicks(1, -1, 2)), FakeContext()) == told(1)
    assert seen == [1, -1]


def test_a_shard_hands_back_from_where_time_ran_out() -> None:
    """One sequence number is enough."""

    @on_kinesis_record(stop_margin_seconds=10)
    def handle(click: Click) -> None: ...

    context = FakeContext(remaining_seconds=20, seconds_per_look=4)
    assert handle.invoke(kinesis_event(*clicks(1, 2, 3, 4, 5, 6)), context) == told(4)


def test_a_batch_names_its_lowest_failure() -> None:
    """Whatever else failed comes again anyway."""

    @on_kinesis_record
    def handle(batch: list[Click]) -> None:
        raise FailedRecordsError(2, 1)

    assert handle.invoke(kinesis_event(*clicks(1, 2, 3)), FakeContext()) == told(1)


def test_a_record_that_cannot_be_decoded_stops_a_batch_before_it() -> None:
    """Without a dead-letter queue it fails, so the function is given what stands before it and no more."""
    seen: list[Click] = []

    @on_kinesis_record(undecodable=Undecodable.FAIL)
    def handle(batch: list[Click]) -> None:
        seen.extend(batch)

    assert handle.invoke(kinesis_event(Click("a", 1), {"page": "b"}, Click("c", 3)), FakeContext()) == told(1)
    assert seen == [Click("a", 1)]


def test_metadata_of_a_record() -> None:
    """Partition key, sequence number, time of arrival, shard."""
    seen: list[KinesisRecord[bytes]] = []

    @on_kinesis_record
    def handle(record: KinesisRecord[bytes]) -> None:
        seen.append(record)

    handle.invoke(kinesis_event(b"\xff\x00", partition_key="k"), FakeContext())
    (record,) = seen
    assert (record.data, record.partition_key, record.shard_id) == (b"\xff\x00", "k", "shardId-000000000000")
    assert (record.sequence_number, record.arrived_at) == (sequence_number(0), 1767225600.0)


def test_a_consumer_of_its_own_reads_the_same_stream() -> None:
    """With enhanced fan-out the source is the consumer; the stream is the stream."""
    seen: list[str] = []

    @on_kinesis_record
    def handle(record: KinesisRecord[str]) -> None:
        seen.append(record.stream_arn)

    event: Any = kinesis_event("x")
    event["Records"][0]["eventSourceARN"] += "/consumer/fast:1700000000"
    handle.invoke(event, FakeContext())
    assert seen == ["arn:aws:kinesis:us-east-1:123456789012:stream/clicks"]


def test_a_tumbling_windows_state_goes_through() -> None:
    """Lambda, "Tumbling windows": what the function does not touch comes back as it was."""

    @on_kinesis_record
    def handle(click: Click) -> None: ...

    event = {**kinesis_event(*clicks(1)), "state": {"1": 5}, "isFinalInvokeForWindow": False}
    assert handle.invoke(event, FakeContext()) == {"batchItemFailures": [], "state": {"1": 5}}


@dataclass
class Item:
    id: str
    total: Decimal
    count: int
    rate: float
    tags: set[str]
    blob: bytes
    lines: list[dict[str, int]]
    note: str | None = None


ITEM: dict[str, object] = {
    "id": "1",
    "total": Decimal("3.50"),
    "count": 2,
    "rate": Decimal("0.25"),
    "tags": {"a", "b"},
    "blob": b"\x00\xff",
    "lines": [{"n": 1}],
    "note": None,
}


def test_images_become_what_the_annotation_says() -> None:
    """Every attribute type, into fields of a dataclass."""
    seen: list[DynamoDBChange[Item]] = []

    @on_dynamodb_change
    def handle(change: DynamoDBChange[Item]) -> None:
        seen.append(change)

    assert handle.invoke(dynamodb_event((None, ITEM), (ITEM, {**ITEM, "count": 3})), FakeContext()) == told()
    inserted, modified = seen
    assert inserted.new == Item("1", Decimal("3.50"), 2, 0.25, {"a", "b"}, b"\x00\xff", [{"n": 1}])
    assert (inserted.event_name, inserted.old, inserted.keys) == ("INSERT", None, {"id": "1"})
    assert modified.event_name == "MODIFY"
    assert modified.old is not None
    assert modified.new is not None
    assert (modified.old.count, modified.new.count) == (2, 3)
    assert (modified.table, modified.sequence_number) == ("orders", sequence_number(1))


def test_images_as_plain_dictionaries() -> None:
    """Numbers are int or Decimal, sets are sets, binary values are bytes."""
    seen: list[DynamoDBChange[dict[str, Any]]] = []

    @on_dynamodb_change
    def handle(change: DynamoDBChange[dict[str, Any]]) -> None:
        seen.append(change)

    handle.invoke(dynamodb_event((ITEM, None), expired=True), FakeContext())
    assert seen[0].old == ITEM
    assert seen[0].new is None
    assert seen[0].event_name == "REMOVE"
    assert seen[0].expired


@pytest.mark.parametrize("broken", [{"N": "x"}, {"B": "%"}, {"Q": "1"}, {}, {"S": "a", "N": "1"}, "a"])
def test_an_attribute_value_that_dynamodb_does_not_write_is_named(
    broken: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names the attribute; the change fails."""

    @on_dynamodb_change
    def handle(change: DynamoDBChange[dict[str, Any]]) -> None: ...

    event = dynamodb_event((None, {"id": "1", "odd": "x"}))
    event["Records"][0]["dynamodb"]["NewImage"]["odd"] = broken  # type: ignore[index]
    assert handle.invoke(event, FakeContext()) == told(0)
    assert "odd" in caplog.text
