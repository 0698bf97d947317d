"""Kinesis and DynamoDB Streams on the embedded target, through boto3 and through mappings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.handlers import DynamoDBChange, on_dynamodb_change, on_kinesis_record
from penstock.pipelines import (
    Bucket,
    Function,
    Part,
    Pipeline,
    Queue,
    Stream,
    StreamMapping,
    Subscription,
    Table,
    Topic,
)
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal_events import RecordsDiscarded, RecordsPut
from penstock.runtime.state_folder import last_run, new_run
from penstock.runtime.streams.streams import MAXIMUM_RECORD_BYTES

SEEN: list[object] = []
STREAM = Stream("clicks", shard_count=2)
TABLE = Table("orders", partition_key="id", stream_view_type="NEW_AND_OLD_IMAGES")


@on_kinesis_record
def click(data: dict[str, Any]) -> None:
    if data.get("bad"):
        raise ValueError("a bad click")
    SEEN.append(data["n"])


@on_dynamodb_change
def change(item: DynamoDBChange[dict[str, Any]]) -> None:
    SEEN.append((item.old, item.new))


CLICKS = Function("clicks-reader", click)
CHANGES = Function("changes-reader", change)


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


@contextmanager
def running(base: Path, *parts: Part, resume: bool = False) -> Iterator[Embedded]:
    folder = last_run("test", base=base) if resume else new_run("test", base=base)
    with Embedded(Pipeline("test", parts=parts), folder, clock=VirtualClock()) as run:
        yield run


def kinesis(run: Embedded) -> Any:
    return run.client("kinesis")


def dynamodb(run: Embedded, service: str = "dynamodb") -> Any:
    return run.client(service)


def put(run: Embedded, *numbers: int, bad: int | None = None) -> None:
    kinesis(run).put_records(
        StreamName="clicks",
        Records=[
            {"PartitionKey": "one", "Data": json.dumps({"n": n, "bad": n == bad}).encode()} for n in numbers
        ],
    )


def test_records_reach_the_function_in_order(tmp_path: Path) -> None:
    """What boto3 puts is what the handler gets."""
    with running(tmp_path, StreamMapping(STREAM, CLICKS)) as run:
        put(run, 1, 2, 3)
        run.run_until_idle()
        put(run, 4)
        run.run_until_idle()
    assert SEEN == [1, 2, 3, 4]


def test_a_topic_is_told_of_what_was_given_up(tmp_path: Path) -> None:
    """Lambda, "Retain discarded batch records": the metadata, to everybody who is subscribed."""
    failures, readers = Topic("failures"), Queue("readers")
    mapping = StreamMapping(STREAM, CLICKS, maximum_retry_attempts=0, on_failure=failures)
    subscription = Subscription(failures, to=readers, raw_message_delivery=True)
    with running(tmp_path, mapping, subscription) as run:
        put(run, 1, bad=1)
        run.run_until_idle()
        (message,) = run.queues.find("readers").messages.values()
    assert json.loads(message.body)["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in json.loads(message.body)


def test_a_poison_record_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    """Bisecting finds it; its metadata goes to the on-failure queue; the record can still be read."""
    failed = Queue("failed")
    mapping = StreamMapping(
        STREAM, CLICKS, maximum_retry_attempts=1, bisect_batch_on_function_error=True, on_failure=failed
    )
    with running(tmp_path, mapping) as run:
        put(run, 1, 2, 3, 4, 5, bad=3)
        run.run_until_idle()
        (message,) = run.queues.find("failed").messages.values()
        info = json.loads(message.body)["KinesisBatchInfo"]
        iterator = kinesis(run).get_shard_iterator(
            StreamName="clicks",
            ShardId=info["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=info["startSequenceNumber"],
        )["ShardIterator"]
        (record,) = kinesis(run).get_records(ShardIterator=iterator, Limit=1)["Records"]
    assert SEEN == [1, 2, 4, 5]
    assert info["batchSize"] == 1
    assert json.loads(record["Data"])["n"] == 3


def test_a_record_that_always_fails_is_tried_until_its_stream_lets_go_of_it(tmp_path: Path) -> None:
    """By default nothing ends the retries but the stream's retention, a day: over 1,400 of them."""
    discarded: list[RecordsDiscarded] = []
    with running(tmp_path, StreamMapping(STREAM, CLICKS)) as run:
        run.journal.subscribe(discarded.append, RecordsDiscarded)
        put(run, 1, bad=1)
        run.run_until_idle()
        put(run, 2)
        run.run_until_idle()
    assert [event.condition for event in discarded] == ["Expired"]
    assert SEEN == [2]


def test_an_on_failure_bucket_keeps_the_records_themselves(tmp_path: Path) -> None:
    """The object's key says mapping, shard and day; the event is in it."""
    failed = Bucket("failed-records")
    with running(tmp_path, StreamMapping(STREAM, CLICKS, maximum_retry_attempts=0, on_failure=failed)) as run:
        put(run, 1, bad=1)
        run.run_until_idle()
        (found,) = run.s3_client().list_objects_v2(Bucket="failed-records")["Contents"]
        body = run.s3_client().get_object(Bucket="failed-records", Key=found["Key"])["Body"].read()
    assert found["Key"].startswith("aws/lambda/")
    assert "/shardId-00000000000" in found["Key"]
    assert len(json.loads(body)["payload"]["Records"]) == 1


def test_only_what_the_filter_wants_is_delivered(tmp_path: Path) -> None:
    """Everything else counts as done."""
    mapping = StreamMapping(STREAM, CLICKS, filter_criteria=[{"data": {"n": [{"numeric": [">", 2]}]}}])
    with running(tmp_path, mapping) as run:
        put(run, 1, 2, 3, 4)
        run.run_until_idle()
    assert SEEN == [3, 4]


def test_children_are_read_after_their_parents(tmp_path: Path) -> None:
    """Splitting and merging lose nothing and keep the order of a key."""
    with running(tmp_path, Stream("clicks"), StreamMapping(Stream("clicks"), CLICKS, batch_size=2)) as run:
        put(run, 1, 2, 3)
        client = kinesis(run)
        middle = str(1 << 127)
        client.split_shard(
            StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=middle
        )
        put(run, 4, 5)
        client.merge_shards(
            StreamName="clicks",
            ShardToMerge="shardId-000000000001",
            AdjacentShardToMerge="shardId-000000000002",
        )
        put(run, 6)
        run.run_until_idle()
        shards = client.list_shards(StreamName="clicks")["Shards"]
    assert SEEN == [1, 2, 3, 4, 5, 6]
    assert [shard.get("ParentShardId") for shard in shards] == [
        None,
        "shardId-000000000000",
        "shardId-000000000000",
        "shardId-000000000001",
    ]


def test_a_resumed_run_goes_on_at_its_checkpoint(tmp_path: Path) -> None:
    """Records that were put and not delivered are delivered; what is done is not done again."""
    mapping = StreamMapping(STREAM, CLICKS)
    with running(tmp_path, mapping) as run:
        put(run, 1, 2)
        run.run_until_idle()
        put(run, 3)
        run.journal.flush()
    with running(tmp_path, mapping, resume=True) as run:
        put(run, 4)
        run.run_until_idle()
    assert SEEN == [1, 2, 3, 4]


def test_a_table_tells_of_every_change_and_of_nothing_else(tmp_path: Path) -> None:
    """Exact images; a write that changes nothing has no record, nor has a transaction that fails."""
    with running(tmp_path, StreamMapping(TABLE, CHANGES)) as run:
        client = dynamodb(run)
        client.put_item(TableName="orders", Item={"id": {"S": "1"}, "n": {"N": "1"}})
        client.put_item(TableName="orders", Item={"id": {"S": "1"}, "n": {"N": "1"}})
        client.update_item(
            TableName="orders",
            Key={"id": {"S": "1"}},
            UpdateExpression="SET n = :n",
            ExpressionAttributeValues={":n": {"N": "2"}},
        )
        with pytest.raises(ClientError, match="TransactionCanceledException"):
            client.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": "orders", "Item": {"id": {"S": "2"}}}},
                    {
                        "ConditionCheck": {
                            "TableName": "orders",
                            "Key": {"id": {"S": "1"}},
                            "ConditionExpression": "attribute_not_exists(id)",
                        }
                    },
                ]
            )
        client.delete_item(TableName="orders", Key={"id": {"S": "1"}})
        client.delete_item(TableName="orders", Key={"id": {"S": "nowhere"}})
        run.run_until_idle()
    one, two = {"id": "1", "n": 1}, {"id": "1", "n": 2}
    assert [(None, one), (one, two), (two, None)] == SEEN


def test_a_stream_and_a_table_of_one_name_are_two_sources(tmp_path: Path) -> None:
    """Each has checkpoints of its own, also if one function reads both."""
    plain = Function("both", "tests.embedded.test_streams.anything")
    table = Table("clicks", partition_key="id", stream_view_type="NEW_IMAGE")
    parts = (StreamMapping(STREAM, plain), StreamMapping(table, plain))
    with running(tmp_path, *parts) as run:
        put(run, *range(5))
        client: Any = run.client("dynamodb")
        client.put_item(TableName="clicks", Item={"id": {"S": "a"}})
        run.run_until_idle()
    with running(tmp_path, *parts, resume=True) as run:
        put(run, 5)
        client = run.client("dynamodb")
        client.put_item(TableName="clicks", Item={"id": {"S": "b"}})
        run.run_until_idle()
    assert sorted(map(str, SEEN)) == sorted(["aws:kinesis"] * 6 + ["aws:dynamodb"] * 2)


def anything(event: dict[str, Any], context: object) -> None:
    SEEN.extend(record["eventSource"] for record in event["Records"])


def test_a_table_goes_on_telling_after_a_resumption(tmp_path: Path) -> None:
    """The old image is the one from before."""
    mapping = StreamMapping(TABLE, CHANGES)
    with running(tmp_path, mapping) as run:
        dynamodb(run).put_item(TableName="orders", Item={"id": {"S": "1"}})
        run.run_until_idle()
    SEEN.clear()
    with running(tmp_path, mapping, resume=True) as run:
        dynamodb(run).delete_item(TableName="orders", Key={"id": {"S": "1"}})
        run.run_until_idle()
    assert SEEN == [({"id": "1"}, None)]


def test_a_table_stream_is_read_through_boto3(tmp_path: Path) -> None:
    """ListStreams, DescribeStream, GetShardIterator, GetRecords."""
    with running(tmp_path, TABLE) as run:
        dynamodb(run).put_item(TableName="orders", Item={"id": {"S": "1"}})
        client = dynamodb(run, "dynamodbstreams")
        (stream,) = client.list_streams(TableName="orders")["Streams"]
        described = client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
        iterator = client.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=described["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        (record,) = client.get_records(ShardIterator=iterator)["Records"]
    assert described["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "1"}}


def test_what_was_let_go_of_is_read_from_the_journal(tmp_path: Path) -> None:
    """Records that every mapping is done with are not kept in memory, and can be read all the same."""
    with running(tmp_path, StreamMapping(STREAM, CLICKS)) as run:
        put(run, 1, 2)
        run.run_until_idle()
        ((shard, event),) = [(one.shard, one) for one in run_events(run) if isinstance(one, RecordsPut)]
        kept = run.streams.find("clicks").shards[shard]._blocks[0].records
        assert kept is None
        assert tuple(run.streams.read("clicks", shard, 0, 10)) == event.records


def run_events(run: Embedded) -> list[object]:
    from penstock.runtime.journal import read_journal

    return list(read_journal(run.folder.journal))


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        (
            "put_record",
            {"StreamName": "nowhere", "Data": b"", "PartitionKey": "k"},
            "ResourceNotFoundException",
        ),
        (
            "put_record",
            {"StreamName": "clicks", "Data": b"x" * (MAXIMUM_RECORD_BYTES + 1), "PartitionKey": "k"},
            "ValidationException",
        ),
        (
            "put_record",
            {"StreamName": "clicks", "Data": b"", "PartitionKey": "k", "ExplicitHashKey": "-1"},
            "InvalidArgumentException",
        ),
        ("get_records", {"ShardIterator": "nonsense"}, "InvalidArgumentException"),
        (
            "get_shard_iterator",
            {"StreamName": "clicks", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP"},
            "InvalidArgumentException",
        ),
        (
            "get_shard_iterator",
            {
                "StreamName": "clicks",
                "ShardId": "shardId-000000000000",
                "ShardIteratorType": "AT_SEQUENCE_NUMBER",
                "StartingSequenceNumber": "1",
            },
            "InvalidArgumentException",
        ),
        (
            "split_shard",
            {"StreamName": "clicks", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "0"},
            "InvalidArgumentException",
        ),
        (
            "merge_shards",
            {
                "StreamName": "clicks",
                "ShardToMerge": "shardId-000000000000",
                "AdjacentShardToMerge": "shardId-000000000000",
            },
            "InvalidArgumentException",
        ),
    ],
)
def test_what_kinesis_refuses_is_refused(
    tmp_path: Path, operation: str, parameters: dict[str, object], code: str
) -> None:
    """With Kinesis's error codes."""
    with running(tmp_path, STREAM) as run, pytest.raises(ClientError) as refused:
        getattr(kinesis(run), operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == code


def test_an_iterator_lives_for_five_minutes(tmp_path: Path) -> None:
    """As on AWS."""
    with running(tmp_path, STREAM) as run:
        iterator = kinesis(run).get_shard_iterator(
            StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="LATEST"
        )["ShardIterator"]
        run.scheduler.run_for(301)
        with pytest.raises(ClientError, match="ExpiredIteratorException"):
            kinesis(run).get_records(ShardIterator=iterator)
