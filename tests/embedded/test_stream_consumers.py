"""Consumers with enhanced fan-out, retention and lists of shards, as Kinesis answers about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.errors import UnansweredOperationError
from penstock.handlers import on_kinesis_record
from penstock.pipelines import Function, Pipeline, Stream, StreamMapping
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

SEEN: list[object] = []
STREAM = Stream("clicks")
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"


@on_kinesis_record
def click(data: dict[str, Any]) -> None:
    SEEN.append(data["n"])


PIPELINE = Pipeline(
    "consumers",
    parts=(
        StreamMapping(STREAM, Function("fast", click), consumer="fast"),
        StreamMapping(STREAM, Function("plain", click)),
    ),
)


@contextmanager
def running(base: Path, *, resume: bool = False) -> Iterator[Embedded]:
    folder = last_run("consumers", base=base) if resume else new_run("consumers", base=base)
    with Embedded(PIPELINE, folder, clock=VirtualClock()) as run:
        yield run


def kinesis(run: Embedded) -> Any:
    return run.client("kinesis")


def test_a_mapping_reads_as_its_consumer(tmp_path: Path) -> None:
    """Beside the others; the consumer is there from the beginning."""
    SEEN.clear()
    with running(tmp_path) as run:
        client = kinesis(run)
        client.put_record(StreamName="clicks", PartitionKey="k", Data=b'{"n": 1}')
        run.run_until_idle()
        (consumer,) = client.list_stream_consumers(StreamARN=ARN)["Consumers"]
        summary = client.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    assert SEEN == [1, 1]
    assert (consumer["ConsumerName"], consumer["ConsumerStatus"]) == ("fast", "ACTIVE")
    assert summary["ConsumerCount"] == 1


def test_consumers_belong_to_a_stream_and_outlive_a_run_that_was_cut_off(tmp_path: Path) -> None:
    """Registered ones are found by ARN and by name, also by the run that goes on."""
    with running(tmp_path) as run:
        made = kinesis(run).register_stream_consumer(StreamARN=ARN, ConsumerName="mine")["Consumer"]
    assert made["ConsumerStatus"] == "CREATING"
    with running(tmp_path, resume=True) as run:
        client = kinesis(run)
        by_arn = client.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
        by_name = client.describe_stream_consumer(StreamARN=ARN, ConsumerName="mine")["ConsumerDescription"]
        assert by_arn == by_name
        assert (by_arn["ConsumerStatus"], by_arn["StreamARN"]) == ("ACTIVE", ARN)
        client.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            client.describe_stream_consumer(ConsumerARN=made["ConsumerARN"])


def test_what_cannot_be_registered_is_refused(tmp_path: Path) -> None:
    """Twice the same name, more than twenty, a name that is none."""
    with running(tmp_path) as run:
        client = kinesis(run)
        for number in range(19):
            client.register_stream_consumer(StreamARN=ARN, ConsumerName=f"c{number}")
        for name, code in (
            ("fast", "ResourceInUseException"),
            ("one-too-many", "LimitExceededException"),
            ("a b", "ValidationException"),
        ):
            with pytest.raises(ClientError, match=code):
                client.register_stream_consumer(StreamARN=ARN, ConsumerName=name)
        names: list[str] = []
        for page in client.get_paginator("list_stream_consumers").paginate(
            StreamARN=ARN, PaginationConfig={"PageSize": 7}
        ):
            assert len(page["Consumers"]) <= 7
            names += [one["ConsumerName"] for one in page["Consumers"]]
    assert sorted(names) == sorted(["fast", *(f"c{number}" for number in range(19))])


def test_what_is_not_answered_says_what_to_do(tmp_path: Path) -> None:
    """A mapping's consumer stays with its mapping."""
    with running(tmp_path) as run:
        client = kinesis(run)
        (consumer,) = client.list_stream_consumers(StreamARN=ARN)["Consumers"]
        with pytest.raises(UnansweredOperationError, match="reads as fast"):
            client.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])


def test_what_expired_stays_so_however_long_records_are_kept_since(tmp_path: Path) -> None:
    """A longer retention brings nothing back (Kinesis, `IncreaseStreamRetentionPeriod`); a shorter one loses more."""
    with running(tmp_path) as run:
        client = kinesis(run)

        def kept() -> int:
            iterator = client.get_shard_iterator(
                StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            return len(client.get_records(ShardIterator=iterator)["Records"])

        for _ in range(3):
            client.put_record(StreamName="clicks", PartitionKey="k", Data=b'{"n": 1}')
            run.scheduler.run_for(15 * 3600)
        assert kept() == 1
        client.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48)
        client.put_record(StreamName="clicks", PartitionKey="k", Data=b'{"n": 1}')
        assert kept() == 2
        run.scheduler.run_for(30 * 3600)
        assert kept() == 2
        client.decrease_stream_retention_period(StreamName="clicks", RetentionPeriodHours=24)
        assert kept() == 0
        for hours, operation in ((23, "decrease"), (9000, "increase"), (48, "decrease")):
            with pytest.raises(ClientError, match="InvalidArgumentException"):
                getattr(client, f"{operation}_stream_retention_period")(
                    StreamName="clicks", RetentionPeriodHours=hours
                )


def test_shards_are_listed_by_when_they_were_open(tmp_path: Path) -> None:
    """Open ones, those of a moment, those behind another; expired ones no more (Kinesis, `ListShards`)."""
    with running(tmp_path) as run:
        client = kinesis(run)
        began = client.describe_stream(StreamName="clicks")["StreamDescription"]["StreamCreationTimestamp"]
        run.scheduler.run_for(60)
        client.split_shard(
            StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
        )

        def listed(**wanted: object) -> list[int]:
            shards = client.list_shards(StreamName="clicks", ShardFilter=wanted)["Shards"]
            return [int(one["ShardId"][-3:]) for one in shards]

        assert listed(Type="FROM_TRIM_HORIZON") == [0, 1, 2]
        assert listed(Type="AT_LATEST") == [1, 2]
        assert listed(Type="AT_TRIM_HORIZON") == [0]
        assert listed(Type="AT_TIMESTAMP", Timestamp=began) == [0]
        assert listed(Type="FROM_TIMESTAMP", Timestamp=began) == [0, 1, 2]
        assert listed(Type="AFTER_SHARD_ID", ShardId="shardId-000000000001") == [2]
        page = client.list_shards(StreamName="clicks", MaxResults=2)
        rest = client.list_shards(NextToken=page["NextToken"])
        assert [len(one["Shards"]) for one in (page, rest)] == [2, 1]
        assert "NextToken" not in rest
        with pytest.raises(ClientError, match="cannot be provided together"):
            client.list_shards(StreamName="clicks", NextToken=page["NextToken"])
        first = client.describe_stream(StreamName="clicks", Limit=1)["StreamDescription"]
        assert (len(first["Shards"]), first["HasMoreShards"]) == (1, True)
        run.scheduler.run_for(25 * 3600)
        assert listed(Type="FROM_TRIM_HORIZON") == [1, 2]
        again = client.describe_stream(StreamName="clicks")["StreamDescription"]["StreamCreationTimestamp"]
        assert again == began
