"""DynamoDB Streams as boto3 sees it: pages, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.runtime.aws_calls import answering
from penstock.runtime.clock import VirtualClock
from penstock.runtime.journal import Journal
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.streams import Streams, StreamSettings
from penstock.runtime.streams.table_changes import TableStreamSettings
from penstock.runtime.streams.table_service import TableStreamsService

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/{}/stream/2026-01-01T00:00:00.000"


@pytest.fixture
def client() -> Iterator[Any]:
    tables = [
        TableStreamSettings(
            table=name, stream=f"{name}-stream", arn=ARN.format(name), view_type="NEW_IMAGE", keys=("id",)
        )
        for name in ("b", "c", "a")
    ]
    scheduler = Scheduler(VirtualClock())
    settings = [StreamSettings(name=one.stream, arn=one.arn, kind="dynamodb") for one in tables]
    streams = Streams(settings, scheduler=scheduler, journal=Journal())
    with answering(TableStreamsService(tables, streams=streams, scheduler=scheduler).answer):
        yield boto3.client("dynamodbstreams")


def test_streams_are_listed_in_pages(client: Any) -> None:
    """Limit cuts the list; the last ARN of a page begins the next one."""
    first = client.list_streams(Limit=2)
    assert [one["TableName"] for one in first["Streams"]] == ["a", "b"]
    rest = client.list_streams(Limit=2, ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"])
    assert ([one["TableName"] for one in rest["Streams"]], "LastEvaluatedStreamArn" in rest) == (
        ["c"],
        False,
    )
    with pytest.raises(ClientError, match="Limit"):
        client.list_streams(Limit=101)


def test_an_iterator_is_of_a_type_that_there_is(client: Any) -> None:
    """A table's stream cannot be read from a point in time."""
    (shard,) = client.describe_stream(StreamArn=ARN.format("a"))["StreamDescription"]["Shards"]
    with pytest.raises(ClientError, match="ValidationException"):
        client.get_shard_iterator(
            StreamArn=ARN.format("a"),
            ShardId=shard["ShardId"],
            ShardIteratorType="AT_TIMESTAMP",
            SequenceNumber=shard["SequenceNumberRange"]["StartingSequenceNumber"],
        )
