"""Kinesis and DynamoDB streams to a function; the tables, and what their streams tell of a write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.testing.localstack import LocalStack, eventually
from tests.integration.functions import create_function

SOURCE = """
import json, os, boto3

def handle(event, context):
    sqs = boto3.client("sqs")
    for record in event["Records"]:
        sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(record))
"""


def seen(localstack: LocalStack, url: str, count: int) -> list[dict[str, Any]]:
    """The first records that the function has been given, in their order."""
    sqs: Any = localstack.client("sqs")
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            found.append(json.loads(one["Body"]))
        return len(found) >= count

    eventually(enough, of=f"{count} records")
    return found


def follow(localstack: LocalStack, name: str, stream_arn: str) -> str:
    """Have a function of the name called with the stream's records; the URL of the queue that it tells."""
    sqs: Any = localstack.client("sqs")
    functions: Any = localstack.client("lambda")
    url = str(sqs.create_queue(QueueName=f"{name}-seen")["QueueUrl"])
    create_function(localstack, name, SOURCE, environment={"SEEN": url})
    functions.create_event_source_mapping(
        EventSourceArn=stream_arn, FunctionName=name, StartingPosition="TRIM_HORIZON", BatchSize=10
    )
    return url


def test_kinesis_records_reach_a_function(kinesis: LocalStack, named: Callable[[str], str]) -> None:
    """All of them, in the order of their partition key."""
    client: Any = kinesis.client("kinesis")
    stream = named("departures")
    client.create_stream(StreamName=stream, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    arn = client.describe_stream(StreamName=stream)["StreamDescription"]["StreamARN"]
    url = follow(kinesis, named("on-departure"), arn)
    for number in range(5):
        client.put_record(StreamName=stream, Data=f"record {number}".encode(), PartitionKey="one")
    found = seen(kinesis, url, 5)
    numbers = [one["kinesis"]["sequenceNumber"] for one in found]
    assert {one["kinesis"]["partitionKey"] for one in found} == {"one"}
    assert {one["eventSource"] for one in found} == {"aws:kinesis"}
    assert len(set(numbers)) == 5


@pytest.fixture
def table(localstack: LocalStack, named: Callable[[str], str]) -> tuple[Any, str, str]:
    """A client, a table's name and its stream's ARN."""
    client: Any = localstack.client("dynamodb")
    name = named("windows")
    made = client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return client, name, made["TableDescription"]["LatestStreamArn"]


def test_changes_of_a_table_reach_a_function(
    localstack: LocalStack, named: Callable[[str], str], table: tuple[Any, str, str]
) -> None:
    """Inserted, modified, removed: with the images that there are, and nothing for a write that changes nothing."""
    client, name, arn = table
    url = follow(localstack, named("on-change"), arn)
    for number in ("1", "1", "2"):
        client.put_item(TableName=name, Item={"id": {"S": "a"}, "n": {"N": number}})
    client.delete_item(TableName=name, Key={"id": {"S": "a"}})
    found = sorted(seen(localstack, url, 3), key=lambda one: int(one["dynamodb"]["SequenceNumber"]))
    assert [one["eventName"] for one in found] == ["INSERT", "MODIFY", "REMOVE"]
    assert [one["dynamodb"].get("OldImage", {}).get("n") for one in found] == [None, {"N": "1"}, {"N": "2"}]
    assert [one["dynamodb"].get("NewImage", {}).get("n") for one in found] == [{"N": "1"}, {"N": "2"}, None]
    assert "OldImage" not in found[0]["dynamodb"]
    assert "NewImage" not in found[2]["dynamodb"]
    assert {one["eventSourceARN"] for one in found} == {arn}


def test_a_transaction_that_fails_is_not_told_of(localstack: LocalStack, table: tuple[Any, str, str]) -> None:
    """Its first write is taken back, in the table and in the stream; a reader that was there before goes on."""
    client, name, arn = table
    streams: Any = localstack.client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    put = {"Put": {"TableName": name, "Item": {"id": {"S": "a"}}}}
    refused = {
        "Put": {**put["Put"], "Item": {"id": {"S": "b"}}, "ConditionExpression": "attribute_exists(id)"}
    }
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        client.transact_write_items(TransactItems=[put, refused])
    client.put_item(TableName=name, Item={"id": {"S": "c"}})
    records = streams.get_records(ShardIterator=iterator)["Records"]
    assert [one["dynamodb"]["Keys"] for one in records] == [{"id": {"S": "c"}}]
    assert client.scan(TableName=name)["Items"] == [{"id": {"S": "c"}}]


WINDOWS = """
import base64, json, os, boto3

def handle(event, context):
    data = [base64.b64decode(one["kinesis"]["data"]).decode() for one in event["Records"]]
    if "poison" in data:
        raise ValueError("poison")
    state = {"seen": event["state"].get("seen", []) + data}
    if event["isFinalInvokeForWindow"]:
        told = {"seen": state["seen"], "window": event["window"], "shard": event["shardId"]}
        boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(told))
    return {"state": state}
"""


def test_a_tumbling_window_of_which_poison_is_cut_out(
    kinesis: LocalStack, named: Callable[[str], str]
) -> None:
    """The state goes from batch to batch until the window is over; the poison alone is told of as a failure."""
    if kinesis.functions_on is None:
        pytest.skip("LocalStack in a container has neither tumbling windows nor bisecting")
    client: Any = kinesis.client("kinesis")
    functions: Any = kinesis.client("lambda")
    sqs: Any = kinesis.client("sqs")
    stream, name = named("clicks"), named("count")
    client.create_stream(StreamName=stream, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
    arn = client.describe_stream(StreamName=stream)["StreamDescription"]["StreamARN"]
    seen_url = str(sqs.create_queue(QueueName=named("totals"))["QueueUrl"])
    poison_url = str(sqs.create_queue(QueueName=named("poison"))["QueueUrl"])
    poison_arn = sqs.get_queue_attributes(QueueUrl=poison_url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    create_function(kinesis, name, WINDOWS, environment={"SEEN": seen_url})
    sent = [b"a", b"b", b"poison", b"c", b"d"]
    client.put_records(StreamName=stream, Records=[{"Data": one, "PartitionKey": "k"} for one in sent])
    functions.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        MaximumRetryAttempts=0,
        BisectBatchOnFunctionError=True,
        TumblingWindowInSeconds=1,
        DestinationConfig={"OnFailure": {"Destination": poison_arn}},
    )
    totals: list[str] = []
    while len(totals) < 4:  # one window, or two if the second turned while the records were put
        totals += [data for window in seen(kinesis, seen_url, 1) for data in window["seen"]]
    assert totals == ["a", "b", "c", "d"]
    (failure,) = seen(kinesis, poison_url, 1)
    assert failure["KinesisBatchInfo"]["batchSize"] == 1
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
