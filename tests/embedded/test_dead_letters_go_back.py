"""Dead letters go back whole: with their attributes, their own records, edited or not; one holds up no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import dead_letters as commands
from penstock.errors import UsageError
from penstock.handlers import (
    DynamoDBChange,
    Undecodable,
    on_dynamodb_change,
    on_kinesis_record,
    on_sqs_message,
)
from penstock.handlers.events import parse_event
from penstock.pipelines import Bucket, Function, Pipeline, Queue, QueueMapping, Stream, StreamMapping, Table
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import FromStream, letters_in
from penstock.runtime.dead_letters.pulling import as_test
from penstock.runtime.dead_letters.records import records_of
from penstock.runtime.dead_letters.redrive import edited, parcel_of, send
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

SEEN: list[Any] = []


@on_sqs_message
def settle(order: dict[str, int]) -> None:
    if order["amount"] < 0:
        raise ValueError("negative")
    SEEN.append(order["amount"])


@on_kinesis_record(undecodable=Undecodable.FAIL)
def count(click: dict[str, int]) -> None:
    SEEN.append(click["page"])


@on_dynamodb_change
def fail_change(change: DynamoDBChange[dict[str, object]]) -> None:
    raise ValueError(change.keys)


failed = Queue("failed.fifo", fifo=True, content_based_deduplication=True)
orders = Queue(
    "orders.fifo",
    fifo=True,
    content_based_deduplication=True,
    visibility_timeout_seconds=60,
    dead_letter_queue=failed,
    max_receive_count=1,
)
clicks, poison = Stream("clicks"), Queue("poison")
pipeline = Pipeline(
    "shop",
    parts=(
        QueueMapping(orders, Function("settle", settle, timeout_seconds=10), batch_size=10),
        StreamMapping(
            clicks, Function("count", count), batch_size=10, maximum_retry_attempts=0, on_failure=poison
        ),
    ),
)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    SEEN.clear()
    with Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock()) as started:
        yield started


def order(run: Embedded, amount: int, **attributes: Mapping[str, Any]) -> None:
    sqs: Any = run.client("sqs")
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName="orders.fifo")["QueueUrl"],
        MessageBody=json.dumps({"amount": amount}),
        MessageGroupId="one",
        MessageAttributes=attributes,
    )


def put_poison(run: Embedded) -> None:
    kinesis: Any = run.client("kinesis")
    kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=b"poison")


def redriven(run: Embedded, queue: str, **options: Any) -> tuple[commands.Redriven, list[str]]:
    said: list[str] = []
    request = commands.RedriveRequest(
        **{"queue": queue, "where": None, "dry_run": False, "rate": None, "edit": None, **options}
    )
    here = commands.Opened(pipeline, run.client, run.scheduler.run_for)
    return commands.redrive_in(here, request, said.append), said


def test_attributes_of_every_type_go_back(run: Embedded) -> None:
    """Binary and numeric ones as they were; a text that the editor ended with a line break has none."""
    order(
        run,
        -1,
        raw={"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
        price={"DataType": "Number", "StringValue": "5"},
    )
    run.run_until_idle()
    with letters_in(run.client("sqs"), "failed.fifo") as (letter,):
        assert letter.attributes == {"raw": "AP8=", "price": "5"}
        _, test = as_test(letter, pipeline, run.client)
        parcel = edited(parcel_of(letter, run.client), lambda text: text.replace("-1", "-2") + "\n")
        assert parcel is not None
        send(parcel, run.client)
    run.run_until_idle()
    (message,) = run.queues.find("failed.fifo").messages.values()
    assert message.body == '{"amount": -2}'
    with letters_in(run.client("sqs"), "failed.fifo") as (letter,):
        assert {name: dict(value) for name, value in letter.typed.items()} == {
            "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
            "price": {"DataType": "Number", "StringValue": "5"},
        }
    event: Any = parse_event("sqs", _event_in(test))
    assert event.records[0].message_attributes["raw"].value == b"\x00\xff"


def test_a_group_of_any_length_goes_back_in_order(run: Embedded) -> None:
    """A FIFO queue gives ten messages of a group at a time; `show` tells of the others."""
    for number in range(25):
        order(run, -1 - number)
    run.run_until_idle()
    said: list[str] = []
    here = commands.Opened(pipeline, run.client, run.scheduler.run_for)
    commands.show_in(here, "failed.fifo", None, said.append, records=False)
    assert said[-1].startswith("and 15 more behind them")
    done, said = redriven(run, "failed.fifo", edit=lambda text: text.replace("-", ""))
    assert (done.sent, done.refused) == (25, 0)
    run.run_until_idle()
    assert list(SEEN) == list(range(1, 26))


def test_the_records_of_a_letter_are_what_is_edited(run: Embedded) -> None:
    """Each for itself, and not the document that tells of them; what is no text is Base64."""
    kinesis: Any = run.client("kinesis")
    for data in (b"\xff", b'{"page": "x"}'):
        kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=data)
        run.run_until_idle()
    shown: list[str] = []

    def edit(text: str) -> str | None:
        shown.append(text)
        return "base64:eyJwYWdlIjogN30=" if text.startswith("base64:") else '{"page": 8}\n'

    dry, said = redriven(run, "poison", dry_run=True)
    assert dry.sent == 0
    assert [line.strip() for line in said[1::2]] == ["base64:/w==", '{"page": "x"}']
    done, said = redriven(run, "poison", edit=edit)
    assert (done.sent, shown) == (2, ["base64:/w==", '{"page": "x"}'])
    run.run_until_idle()
    assert sorted(SEEN) == [7, 8]
    with pytest.raises(UsageError, match="no Base64"):
        _edited_to("base64:?", b"\xff")


def _edited_to(text: str, data: bytes) -> None:
    from penstock.runtime.dead_letters.records import data_in

    data_in(text, like=data, at="m")


def test_what_cannot_go_back_holds_up_nothing(run: Embedded) -> None:
    """It is told of, and the others go."""
    sqs: Any = run.client("sqs")
    url = sqs.get_queue_url(QueueName="poison")["QueueUrl"]
    odd = [
        {"requestContext": {"http": {}}},
        {"requestContext": {}, "KinesisBatchInfo": {}},
        {"requestContext": {}, "KinesisBatchInfo": {"shardId": "s", "batchSize": "many"}},
        ["\u001b[2J"],
    ]
    for body in odd:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    put_poison(run)
    run.run_until_idle()
    done, said = redriven(run, "poison", dry_run=True)
    assert (done.sent, done.refused) == (0, 4)
    assert sum("cannot go back: the letter does not say where it came from" in line for line in said) == 4
    done, said = redriven(run, "poison")
    assert (done.sent, done.refused) == (1, 4)
    sqs.send_message(QueueUrl=url, MessageBody="\t\u0085 and \r")
    shown: list[str] = []
    here = commands.Opened(pipeline, run.client, run.scheduler.run_for)
    commands.show_in(here, "poison", None, shown.append, records=True)
    assert all(line.isprintable() for line in shown)
    commands.show_in(here, "poison", '{"id": ["none"]}', shown.append, records=True)
    assert shown[-1] == "no letter matches"


def test_every_record_between_the_first_and_the_last_is_found(run: Embedded) -> None:
    """Those of a filter or of another batch stand between them: none that failed is left out."""
    kinesis: Any = run.client("kinesis")
    numbers = [
        kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=json.dumps({"page": page}))[
            "SequenceNumber"
        ]
        for page in range(5)
    ]
    arn = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]["StreamARN"]
    origin = FromStream(arn=arn, shard="shardId-000000000000", first=numbers[1], last=numbers[4], count=2)
    assert [one["SequenceNumber"] for one in records_of(origin, run.client)] == numbers[1:]
    gone = FromStream(arn=arn, shard="shardId-000000000000", first="7", last="8", count=1)
    with pytest.raises(UsageError, match="cannot be read"):
        records_of(gone, run.client)


def test_a_pulled_record_is_an_event_of_kinesis(run: Embedded) -> None:
    """As the function was given it."""
    put_poison(run)
    run.run_until_idle()
    with letters_in(run.client("sqs"), "poison") as (letter,):
        _, test = as_test(letter, pipeline, run.client)
    event: Any = parse_event("kinesis", _event_in(test))
    assert event.records[0].kinesis.data == b"poison"


def test_a_pulled_record_is_for_the_function_that_gave_it_up(tmp_path: Path) -> None:
    """A stream may have several readers; the letter's `functionArn` tells whose it is."""
    first, second = Queue("poison-of-first"), Queue("poison-of-second")
    readers = Pipeline(
        "readers",
        parts=tuple(
            StreamMapping(clicks, Function(name, count), maximum_retry_attempts=0, on_failure=letters)
            for name, letters in (("first", first), ("second", second))
        ),
    )
    with Embedded(readers, new_run("readers", base=tmp_path), clock=VirtualClock()) as run:
        put_poison(run)
        run.run_until_idle()
        for name in ("first", "second"):
            with letters_in(run.client("sqs"), f"poison-of-{name}") as (letter,):
                _, test = as_test(letter, readers, run.client)
            assert f'FunctionName="{name}"' in test


def _event_in(test: str) -> object:
    return json.loads(test.partition('r"""')[2].partition('"""')[0])


# --- Buckets ----------------------------------------------------------------------------------------------

kept = Bucket("kept-clicks")
into_bucket = Pipeline(
    "kept",
    parts=(
        StreamMapping(
            clicks, Function("count", count), batch_size=10, maximum_retry_attempts=0, on_failure=kept
        ),
    ),
)


def test_what_a_bucket_keeps_is_listed_shown_and_goes_back(tmp_path: Path) -> None:
    """With its records, also when the stream has none of them any longer; then the object is deleted."""
    SEEN.clear()
    said: list[str] = []
    with Embedded(into_bucket, new_run("kept", base=tmp_path), clock=VirtualClock()) as run:
        here = commands.Opened(into_bucket, run.client, run.scheduler.run_for)
        kinesis: Any = run.client("kinesis")
        for data in (b'{"page": "first"}', b"\xff\x00"):
            kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=data)
        run.run_until_idle()
        run.scheduler.run_for(48 * 3600)
        s3: Any = run.client("s3")
        s3.put_object(Bucket="kept-clicks", Key="aws/lambda/not-lambdas-own", Body=b"[]")
        assert here.buckets() == ["kept-clicks"]
        commands.show_in(here, "kept-clicks", None, said.append, records=True)
        assert "from stream clicks, shardId-000000000000, 2 records: RetryAttemptsExhausted" in said[0]
        assert said[1:] == ['  {"page": "first"}', "  base64:/wA="]
        with here.letters("kept-clicks") as (letter,):
            name, text = as_test(letter, into_bucket, run.client)
        assert name.startswith("test_dead_letter_")
        assert "kinesis" in text
        request = commands.RedriveRequest(
            queue="kept-clicks", where=None, dry_run=False, rate=None, edit=lambda text: '{"page": 3}'
        )
        assert commands.redrive_in(here, request, said.append) == commands.Redriven(sent=1)
        run.run_until_idle()
        assert [one["Key"] for one in s3.list_objects_v2(Bucket="kept-clicks")["Contents"]] == [
            "aws/lambda/not-lambdas-own"
        ]
    assert SEEN == [3, 3]


def test_a_change_of_a_table_that_a_bucket_keeps_is_shown(tmp_path: Path) -> None:
    """It cannot go back: a table's stream cannot be written."""

    table = Table("pages", partition_key="page", stream_view_type="NEW_IMAGE")
    function = Function("fail-change", fail_change)
    mapping = StreamMapping(table, function, maximum_retry_attempts=0, on_failure=kept)
    changes = Pipeline("changes", parts=(mapping,))
    said: list[str] = []
    with Embedded(changes, new_run("changes", base=tmp_path), clock=VirtualClock()) as run:
        here = commands.Opened(changes, run.client, run.scheduler.run_for)
        dynamodb: Any = run.client("dynamodb")
        dynamodb.put_item(TableName="pages", Item={"page": {"S": "home"}})
        run.run_until_idle()
        commands.show_in(here, "kept-clicks", None, said.append, records=True)
        assert '"NewImage": {"page": {"S": "home"}}' in said[1]
        with here.letters("kept-clicks") as (letter,):
            assert '"home"' in as_test(letter, changes, run.client)[1]
        request = commands.RedriveRequest(
            queue="kept-clicks", where=None, dry_run=False, rate=None, edit=None
        )
        assert commands.redrive_in(here, request, said.append) == commands.Redriven(refused=1)
    assert "a table's stream cannot be written" in said[-1]
