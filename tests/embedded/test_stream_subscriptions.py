"""`SubscribeToShard` on the embedded target: events, continuations, the end of a shard, takeovers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from penstock.pipelines import Pipeline, Stream
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
FIRST = "shardId-000000000000"
OLDEST, NEWEST = {"Type": "TRIM_HORIZON"}, {"Type": "LATEST"}


class Consumer:
    """A run with one consumer of one stream."""

    def __init__(self, run: Embedded) -> None:
        self.run = run
        client: Any = run.client("kinesis")
        self.client = client
        made = client.register_stream_consumer(StreamARN=ARN, ConsumerName="mine")
        self.arn = made["Consumer"]["ConsumerARN"]

    def put(self, *data: bytes, key: str = "k") -> None:
        records = [{"PartitionKey": key, "Data": one} for one in data]
        self.client.put_records(StreamName="clicks", Records=records)

    def subscribe(self, where: dict[str, Any], shard: str = FIRST) -> Any:
        answer = self.client.subscribe_to_shard(ConsumerARN=self.arn, ShardId=shard, StartingPosition=where)
        return answer["EventStream"]

    def refused(self, where: dict[str, Any], shard: str = FIRST) -> str:
        with pytest.raises(ClientError) as caught:
            self.subscribe(where, shard)
        return str(caught.value.response["Error"]["Code"])


@contextmanager
def consuming(base: Path, *, shards: int = 1) -> Iterator[Consumer]:
    pipeline = Pipeline("subscribed", parts=(Stream("clicks", shard_count=shards),))
    with Embedded(pipeline, new_run("subscribed", base=base), clock=VirtualClock()) as run:
        yield Consumer(run)


def events(stream: Any) -> list[dict[str, Any]]:
    return [one["SubscribeToShardEvent"] for one in stream]


def data(stream: Any) -> list[bytes]:
    return [record["Data"] for one in events(stream) for record in one["Records"]]


def behind(event: dict[str, Any], kind: str = "AFTER_SEQUENCE_NUMBER") -> dict[str, str]:
    return {"Type": kind, "SequenceNumber": event["ContinuationSequenceNumber"]}


def test_a_subscription_gives_what_is_there_and_ends(tmp_path: Path) -> None:
    """In events of 2 MB at most, each with how far it is behind."""
    with consuming(tmp_path) as consumer:
        consumer.put(b"a" * 1_000_000, b"b" * 1_000_000, b"c" * 1_000_000)
        consumer.run.scheduler.run_for(2)
        first, second = events(consumer.subscribe(OLDEST))
    assert [len(one["Records"]) for one in (first, second)] == [2, 1]
    assert [one["MillisBehindLatest"] for one in (first, second)] == [2000, 0]
    assert first["Records"][0].keys() >= {
        "Data",
        "PartitionKey",
        "SequenceNumber",
        "ApproximateArrivalTimestamp",
    }


def test_what_comes_while_it_is_read_is_given_as_well(tmp_path: Path) -> None:
    """From LATEST on, which is where the stream was when the subscription was made."""
    with consuming(tmp_path) as consumer:
        consumer.put(b"before")
        stream = consumer.subscribe(NEWEST)
        consumer.put(b"1")
        reading = iter(stream)
        found = next(reading)["SubscribeToShardEvent"]["Records"]
        consumer.put(b"2")
        assert [one["Data"] for one in found] + data(reading) == [b"1", b"2"]
        assert events(stream) == []


def test_an_idle_shard_gives_a_continuation(tmp_path: Path) -> None:
    """One event without records; a subscription behind it misses nothing, before the first record as after others."""
    with consuming(tmp_path) as consumer:
        (idle,) = events(consumer.subscribe(OLDEST))
        assert (idle["Records"], idle["MillisBehindLatest"]) == ([], 0)
        consumer.put(b"1")
        assert data(consumer.subscribe(behind(idle))) == [b"1"]
        (last,) = events(consumer.subscribe(behind(idle, "AT_SEQUENCE_NUMBER")))
        consumer.put(b"2")
        assert data(consumer.subscribe(behind(last))) == [b"2"]
        assert data(consumer.subscribe(behind(last, "AT_SEQUENCE_NUMBER"))) == [b"1", b"2"]


def test_a_shard_ends_with_its_children(tmp_path: Path) -> None:
    """The last event has no continuation."""
    with consuming(tmp_path) as consumer:
        consumer.put(b"1")
        consumer.client.update_shard_count(
            StreamName="clicks", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
        )
        found, end = events(consumer.subscribe(OLDEST))
        assert [one["Data"] for one in found["Records"]] == [b"1"]
        assert (end["Records"], "ContinuationSequenceNumber" in end) == ([], False)
        assert [(one["ShardId"][-1], one["ParentShards"]) for one in end["ChildShards"]] == [
            ("1", [FIRST]),
            ("2", [FIRST]),
        ]


def test_a_consumer_has_one_subscription_of_a_shard(tmp_path: Path) -> None:
    """Within five seconds another is refused; after that it takes over, and the earlier one fails."""
    with consuming(tmp_path, shards=2) as consumer:
        consumer.put(b"1")
        early = consumer.subscribe(OLDEST)
        assert consumer.refused(OLDEST) == "ResourceInUseException"
        consumer.subscribe(OLDEST, "shardId-000000000001")
        consumer.run.scheduler.run_for(5)
        late = consumer.subscribe(OLDEST)
        with pytest.raises(EventStreamError, match="ResourceInUseException"):
            events(early)
        events(late)
        events(consumer.subscribe(OLDEST))


def test_a_subscription_lives_for_five_minutes(tmp_path: Path) -> None:
    """What comes later is for the next one."""
    with consuming(tmp_path) as consumer:
        reading = iter(consumer.subscribe(OLDEST))
        consumer.put(b"1")
        event = next(reading)["SubscribeToShardEvent"]
        consumer.run.scheduler.run_for(300)
        consumer.put(b"2")
        assert data(reading) == []
        assert data(consumer.subscribe(behind(event))) == [b"2"]


def test_a_subscription_that_is_closed_gives_nothing_more(tmp_path: Path) -> None:
    """As botocore's event stream."""
    with consuming(tmp_path) as consumer:
        consumer.put(b"1")
        stream = consumer.subscribe(OLDEST)
        stream.close()
        assert events(stream) == []


def test_what_cannot_be_subscribed_to_is_refused(tmp_path: Path) -> None:
    """Shards, consumers, positions that there are not, and moments in the future."""
    with consuming(tmp_path) as consumer:
        consumer.put(b"1")
        (found,) = events(consumer.subscribe(OLDEST))
        (record,) = found["Records"]
        assert consumer.refused(OLDEST, "shardId-000000000009") == "ResourceNotFoundException"
        later = record["ApproximateArrivalTimestamp"] + timedelta(seconds=1)
        assert consumer.refused({"Type": "AT_TIMESTAMP", "Timestamp": later}) == "InvalidArgumentException"
        assert consumer.refused({"Type": "AT_SEQUENCE_NUMBER"}) == "InvalidArgumentException"
        far = str(int(record["SequenceNumber"]) + 5)
        wrong = {"Type": "AT_SEQUENCE_NUMBER", "SequenceNumber": far}
        assert consumer.refused(wrong) == "InvalidArgumentException"
        consumer.client.deregister_stream_consumer(ConsumerARN=consumer.arn)
        assert consumer.refused(OLDEST) == "ResourceNotFoundException"


def test_a_reader_follows_a_stream_that_is_scaled(tmp_path: Path) -> None:
    """As consumers of the client library do: from continuations, children after all their parents, keys in order."""
    seen: dict[str, list[int]] = {}
    with consuming(tmp_path) as consumer:
        where: dict[str, dict[str, Any]] = {FIRST: OLDEST}
        done: set[str] = set()
        number = 0

        def read() -> None:
            waiting = True
            while waiting:
                waiting = False
                for shard, position in list(where.items()):
                    for event in events(consumer.subscribe(position, shard)):
                        for record in event["Records"]:
                            seen.setdefault(record["PartitionKey"], []).append(int(record["Data"]))
                        if "ContinuationSequenceNumber" in event:
                            where[shard] = behind(event)
                            continue
                        done.add(shard)
                        del where[shard]
                        for child in event["ChildShards"]:
                            if done.issuperset(child["ParentShards"]) and child["ShardId"] not in done:
                                where[child["ShardId"]] = OLDEST
                                waiting = True

        for count in (2, 3, 5, 3, 2):
            for key in "abcdefgh":
                number += 1
                consumer.put(b"%d" % number, key=key)
            if count != 3:
                read()
            consumer.client.update_shard_count(
                StreamName="clicks", TargetShardCount=count, ScalingType="UNIFORM_SCALING"
            )
        read()
    assert sorted(one for found in seen.values() for one in found) == list(range(1, number + 1))
    assert all(found == sorted(found) for found in seen.values())
