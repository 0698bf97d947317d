"""Kinesis as boto3 sees it: what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from penstock.errors import UnansweredOperationError
from penstock.runtime.aws_calls import answering
from penstock.runtime.clock import VirtualClock
from penstock.runtime.journal import Journal
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.service import KinesisService
from penstock.runtime.streams.streams import Streams, StreamSettings

SETTINGS = StreamSettings(name="clicks", arn="arn:aws:kinesis:us-east-1:123456789012:stream/clicks")
SHARD = "shardId-000000000000"


@pytest.fixture
def kinesis() -> Iterator[Any]:
    scheduler = Scheduler(VirtualClock())
    service = KinesisService(Streams([SETTINGS], scheduler=scheduler, journal=Journal()), scheduler)
    with answering(service.answer):
        yield boto3.client("kinesis")


def refused(act: Any, **parameters: object) -> str:
    """The code of a refusal."""
    with pytest.raises(ClientError) as caught:
        act(StreamName="clicks", **parameters)
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("key", ["abc", "-1", "1.5", "", "²", "9" * 40])
def test_a_hash_key_is_a_number(kinesis: Any, key: str) -> None:
    """Kinesis says so; no error of Python's comes through."""
    split = refused(kinesis.split_shard, ShardToSplit=SHARD, NewStartingHashKey=key)
    record: Any = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": key}
    assert (split, refused(kinesis.put_record, **record)) == ("InvalidArgumentException",) * 2


def test_an_iterator_is_of_a_type_that_there_is(kinesis: Any) -> None:
    """A type that is misspelt is not taken for AFTER_SEQUENCE_NUMBER."""
    number = kinesis.put_record(StreamName="clicks", Data=b"x", PartitionKey="k")["SequenceNumber"]
    asked: Any = {"ShardId": SHARD, "ShardIteratorType": "AFTER_NUMBER", "StartingSequenceNumber": number}
    assert refused(kinesis.get_shard_iterator, **asked) == "ValidationException"


def test_nothing_is_put_to_try_whether_it_could_be(kinesis: Any) -> None:
    """`DryRun` is refused: the record would be put. (Older versions of botocore do not know it.)"""
    with pytest.raises((UnansweredOperationError, ParamValidationError), match="DryRun"):
        kinesis.put_record(StreamName="clicks", Data=b"x", PartitionKey="k", DryRun=True)
    asked: Any = {"StreamName": "clicks", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(**asked)["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator)["Records"] == []
