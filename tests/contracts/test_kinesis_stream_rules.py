"""How Kinesis keeps, orders and gives out records, rule by rule."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import streams
from tests.contracts.delivery.asking import states
from tests.contracts.delivery.stream_calls import (
    KEYS,
    RESHAPED,
    STREAM,
    put,
    range_of,
    shards,
    split,
    when_active,
)

pipeline = streams.pipeline
KINESIS = "https://docs.aws.amazon.com/streams/latest/dev"
API = "https://docs.aws.amazon.com/kinesis/latest/APIReference"
A_DAY = "it would wait for a day"
NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_an_iterator_lives_for_five_minutes": ("shards",),
    "test_reading_tells_how_far_it_is_behind": ("shards",),
    "test_two_adjacent_shards_are_merged": ("reshaped",),
    "test_shards_are_chosen_by_when_they_were_open": ("reshaped",),
}
ONLY_EMBEDDED = {
    "test_records_are_kept_for_a_day": A_DAY,
    "test_a_longer_retention_brings_nothing_back": A_DAY,
    "test_a_closed_shard_is_forgotten_with_its_records": A_DAY,
    "test_what_is_too_large_is_refused": "elsewhere the limits are those of before 2025",
}


def iterator(run: Running, shard: str, kind: str, *, stream: str = STREAM, **more: object) -> str:
    found = run.client("kinesis").get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more
    )
    return str(found["ShardIterator"])


def read(run: Running, found: str, **more: object) -> dict[str, Any]:
    answer = run.client("kinesis").get_records(ShardIterator=found, **more)
    assert isinstance(answer, dict)
    return answer


def data_in(run: Running, shard: str, kind: str = "TRIM_HORIZON", **more: Any) -> list[bytes]:
    """What can be read from there to the shard's end."""
    answer = read(run, iterator(run, shard, kind, **more))
    return [one["Data"] for one in answer["Records"]]


@states(f"{KINESIS}/key-concepts.html")
def test_shards_divide_the_hash_keys(delivering: Running, page: str) -> None:
    """The shards of a stream divide the 128-bit hash keys among them, without gaps."""
    (begin, middle), (behind, end) = map(range_of, shards(delivering))
    assert (begin, behind, end) == (0, middle + 1, KEYS - 1)
    assert abs(behind - KEYS // 2) <= 1


@states(f"{API}/API_PutRecord.html")
def test_a_partition_key_is_hashed_to_its_shard(delivering: Running, page: str) -> None:
    """A record goes to the shard whose range has the MD5 hash of its partition key."""
    client = delivering.client("kinesis")
    by_shard = {shard["ShardId"]: range_of(shard) for shard in shards(delivering)}
    placed = set()
    for number in range(12):
        key = f"key{number}"
        low, high = by_shard[client.put_record(StreamName=STREAM, PartitionKey=key, Data=b"x")["ShardId"]]
        assert low <= int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest(), "big") <= high
        placed.add(low)
    assert len(placed) == 2


@states(f"{API}/API_PutRecord.html")
def test_an_explicit_hash_key_goes_before_the_partition_key(delivering: Running, page: str) -> None:
    """ExplicitHashKey says which shard a record goes to, whatever its partition key is."""
    for shard in shards(delivering):
        for hash_key in range_of(shard):
            (placed,) = put(delivering, b"x", hash_key=hash_key)
            assert placed["ShardId"] == shard["ShardId"]


@states(f"{API}/API_PutRecords.html")
def test_sequence_numbers_grow_within_a_shard(delivering: Running, page: str) -> None:
    """Sequence numbers grow within a shard, in the order in which its records were put and are read."""
    placed = put(delivering, *(f"{number}".encode() for number in range(20)))
    numbers = [int(one["SequenceNumber"]) for one in placed]
    assert numbers == sorted(set(numbers))
    first = placed[0]
    found = data_in(
        delivering, first["ShardId"], "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first["SequenceNumber"]
    )
    assert found[:20] == [f"{number}".encode() for number in range(20)]


@states(f"{API}/API_PutRecords.html")
def test_what_is_too_large_is_refused(delivering: Running, page: str) -> None:
    """A record has at most 1 MiB with its key, a request 500 records and 10 MiB, a key 256 characters."""
    client = delivering.client("kinesis")
    most = b"x" * (1_048_576 - 1)
    put(delivering, most)
    refused = [
        [{"PartitionKey": "kk", "Data": most}],
        [{"PartitionKey": "k", "Data": b"x"}] * 501,
        [{"PartitionKey": "k", "Data": most}] * 11,
        [{"PartitionKey": "k" * 257, "Data": b"x"}],
    ]
    for records in refused:
        with pytest.raises(ClientError, match=r"ValidationException|InvalidArgumentException"):
            client.put_records(StreamName=STREAM, Records=records)


@states(f"{API}/API_GetShardIterator.html")
def test_a_shard_is_read_from_where_it_is_asked_for(delivering: Running, page: str) -> None:
    """A shard is read from its oldest record, its newest, a sequence number, or behind it."""
    put(delivering, b"before")
    (first, second) = put(delivering, b"one", b"two")
    shard = first["ShardId"]
    latest = iterator(delivering, shard, "LATEST")
    put(delivering, b"three")
    assert data_in(delivering, shard)[-4:] == [b"before", b"one", b"two", b"three"]
    at, behind = "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"
    number = first["SequenceNumber"]
    assert data_in(delivering, shard, at, StartingSequenceNumber=number) == [b"one", b"two", b"three"]
    assert data_in(delivering, shard, behind, StartingSequenceNumber=number) == [b"two", b"three"]
    assert [one["Data"] for one in read(delivering, latest)["Records"]] == [b"three"]
    assert first["SequenceNumber"] != second["SequenceNumber"]


@states(f"{API}/API_GetShardIterator.html")
def test_a_shard_is_read_from_a_point_in_time(delivering: Running, page: str) -> None:
    """AT_TIMESTAMP begins at the first record that arrived then or later."""
    (placed,) = put(delivering, b"early")
    delivering.wait(1.1)
    put(delivering, b"late")
    shard = placed["ShardId"]
    *_, early, late = read(delivering, iterator(delivering, shard, "TRIM_HORIZON"))["Records"]
    moment = late["ApproximateArrivalTimestamp"]
    assert early["ApproximateArrivalTimestamp"] < moment
    assert data_in(delivering, shard, "AT_TIMESTAMP", Timestamp=moment) == [b"late"]


@states(f"{API}/API_GetShardIterator.html")
def test_a_point_in_time_cannot_be_in_the_future(delivering: Running, page: str) -> None:
    """AT_TIMESTAMP takes no moment in the future; one before the oldest record is that record's."""
    (placed,) = put(delivering, b"now")
    shard = placed["ShardId"]
    oldest, *_ = records = read(delivering, iterator(delivering, shard, "TRIM_HORIZON"))["Records"]
    early = oldest["ApproximateArrivalTimestamp"] - dt.timedelta(days=2)
    assert data_in(delivering, shard, "AT_TIMESTAMP", Timestamp=early)[0] == oldest["Data"]
    late = records[-1]["ApproximateArrivalTimestamp"] + dt.timedelta(hours=1)
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        iterator(delivering, shard, "AT_TIMESTAMP", Timestamp=late)


@states(f"{API}/API_GetRecords.html")
def test_reading_goes_on_with_the_next_iterator(delivering: Running, page: str) -> None:
    """A read gives at most as many records as Limit says, and the iterator that goes on behind them."""
    placed = put(delivering, *(f"{number}".encode() for number in range(5)))
    first = placed[0]
    found = iterator(
        delivering, first["ShardId"], "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first["SequenceNumber"]
    )
    pages = []
    for _ in range(4):
        answer = read(delivering, found, Limit=2)
        pages.append([one["Data"] for one in answer["Records"]])
        found = answer["NextShardIterator"]
    assert pages == [[b"0", b"1"], [b"2", b"3"], [b"4"], []]


@states(f"{API}/API_GetRecords.html")
def test_reading_tells_how_far_it_is_behind(delivering: Running, page: str) -> None:
    """MillisBehindLatest says how long what has not been read has been waiting."""
    put(delivering, b"1")
    delivering.wait(60)
    put(delivering, b"2")
    found = iterator(delivering, "shardId-000000000000", "TRIM_HORIZON")
    delivering.wait(30)
    first = read(delivering, found, Limit=1)
    assert first["MillisBehindLatest"] == pytest.approx(30_000, abs=1000 * delivering.slack_seconds)
    assert read(delivering, first["NextShardIterator"])["MillisBehindLatest"] == 0


@states(f"{API}/API_GetShardIterator.html")
def test_an_iterator_lives_for_five_minutes(delivering: Running, page: str) -> None:
    """A shard iterator expires five minutes after it was given out."""
    found = iterator(delivering, "shardId-000000000000", "LATEST")
    delivering.wait(300 - delivering.slack_seconds)
    assert read(delivering, found)["Records"] == []
    delivering.wait(1 + 2 * delivering.slack_seconds)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        read(delivering, found)


@states(f"{KINESIS}/kinesis-extended-retention.html")
def test_records_are_kept_for_a_day(delivering: Running, page: str) -> None:
    """Records can be read for 24 hours if the stream's retention does not say otherwise."""
    put(delivering, b"old")
    delivering.wait(12 * 3600)
    put(delivering, b"new")
    delivering.wait(12 * 3600)
    assert data_in(delivering, "shardId-000000000000") == [b"old", b"new"]
    delivering.wait(1)
    assert data_in(delivering, "shardId-000000000000") == [b"new"]


@states(f"{API}/API_IncreaseStreamRetentionPeriod.html")
def test_a_longer_retention_brings_nothing_back(delivering: Running, page: str) -> None:
    """A longer retention keeps what has not expired; what had expired before stays lost."""
    client = delivering.client("kinesis")
    put(delivering, b"lost")
    delivering.wait(20 * 3600)
    put(delivering, b"kept")
    delivering.wait(5 * 3600)
    client.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=168)
    delivering.wait(100 * 3600)
    assert data_in(delivering, "shardId-000000000000") == [b"kept"]
    client.decrease_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=24)
    assert data_in(delivering, "shardId-000000000000") == []


@states(f"{KINESIS}/kinesis-using-sdk-java-after-resharding.html")
def test_a_closed_shard_leads_to_its_children(delivering: Running, page: str) -> None:
    """A shard that was split takes no more records, keeps what it has, and ends with the ids of its children."""
    put(delivering, b"before", stream=RESHAPED)
    split(delivering)
    when_active(delivering, RESHAPED)
    for hash_key in (0, KEYS - 1):
        (placed,) = put(delivering, b"after", stream=RESHAPED, hash_key=hash_key)
        assert placed["ShardId"] != "shardId-000000000000"
    parent, *children = shards(delivering, RESHAPED)
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert [range_of(one) for one in children] == [(0, KEYS // 2 - 1), (KEYS // 2, KEYS - 1)]
    assert {one["ParentShardId"] for one in children} == {parent["ShardId"]}
    answer = read(delivering, iterator(delivering, parent["ShardId"], "TRIM_HORIZON", stream=RESHAPED))
    assert [one["Data"] for one in answer["Records"]] == [b"before"]
    assert "NextShardIterator" not in answer
    assert [one["ShardId"] for one in answer["ChildShards"]] == [one["ShardId"] for one in children]


@states(f"{API}/API_MergeShards.html")
def test_two_adjacent_shards_are_merged(delivering: Running, page: str) -> None:
    """Two shards whose ranges touch become one; others are refused, and so is a shard that is closed."""
    client = delivering.client("kinesis")
    split(delivering)
    when_active(delivering, RESHAPED)
    left, right = (one["ShardId"] for one in shards(delivering, RESHAPED)[1:])
    client.split_shard(StreamName=RESHAPED, ShardToSplit=right, NewStartingHashKey=str(KEYS // 4 * 3))
    when_active(delivering, RESHAPED)
    *_, near, far = (one["ShardId"] for one in shards(delivering, RESHAPED))
    for adjacent in (far, right):
        with pytest.raises(ClientError, match="InvalidArgumentException"):
            client.merge_shards(StreamName=RESHAPED, ShardToMerge=left, AdjacentShardToMerge=adjacent)
    client.merge_shards(StreamName=RESHAPED, ShardToMerge=left, AdjacentShardToMerge=near)
    when_active(delivering, RESHAPED)
    merged = shards(delivering, RESHAPED)[-1]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (left, near)
    assert range_of(merged) == (0, KEYS // 4 * 3 - 1)


@states(f"{API}/API_ListShards.html")
def test_shards_are_chosen_by_when_they_were_open(delivering: Running, page: str) -> None:
    """ShardFilter chooses the shards that are open, that were open at a time, or all since then."""
    delivering.wait(2)
    split(delivering)
    when_active(delivering, RESHAPED)

    def chosen(kind: str) -> list[str]:
        return [one["ShardId"][-1] for one in shards(delivering, RESHAPED, ShardFilter={"Type": kind})]

    assert chosen("AT_LATEST") == ["1", "2"]
    assert chosen("AT_TRIM_HORIZON") == ["0"]
    assert chosen("FROM_TRIM_HORIZON") == ["0", "1", "2"]


@states(f"{KINESIS}/kinesis-using-sdk-java-after-resharding.html")
def test_a_closed_shard_is_forgotten_with_its_records(delivering: Running, page: str) -> None:
    """When the records of a closed shard have expired it is no longer listed."""
    split(delivering)
    delivering.wait(24 * 3600 + 1)
    assert [one["ShardId"][-1] for one in shards(delivering, RESHAPED)] == ["1", "2"]
