"""How Kinesis streams are scaled, and change their mode, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import streams
from tests.contracts.delivery.asking import states
from tests.contracts.delivery.stream_calls import KEYS, SCALED, range_of, shards, when_active

pipeline = streams.pipeline
KINESIS = "https://docs.aws.amazon.com/streams/latest/dev"
API = "https://docs.aws.amazon.com/kinesis/latest/APIReference"
A_DAY = "it would wait for a day"
NOT_ON_LOCALSTACK = {
    "test_a_stream_on_demand_begins_with_four_shards": "LocalStack begins with one",
    "test_shards_are_even_whatever_they_were": "three shards that it makes of two are not of equal size",
    "test_a_stream_is_scaled_by_two_at_most": "it scales to any number of shards",
}
DEPLOYED_ALONE = {
    "test_a_stream_is_scaled_ten_times_a_day": ("scaled",),
    "test_a_stream_changes_its_mode_twice_a_day": ("scaled",),
}
ONLY_EMBEDDED = {
    "test_a_stream_on_demand_keeps_its_shards": "LocalStack scales it all the same, MiniStack has no modes",
    "test_a_stream_changes_its_mode_twice_a_day": "MiniStack has no modes",
    "test_a_scaling_counts_for_a_day": A_DAY,
    "test_a_change_of_mode_counts_for_a_day": A_DAY,
}


def scale(run: Running, count: int) -> dict[str, Any]:
    """Scale the stream, when nothing else is being done to it."""
    when_active(run, SCALED)
    answer = run.client("kinesis").update_shard_count(
        StreamName=SCALED, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
    )
    when_active(run, SCALED)
    assert isinstance(answer, dict)
    return answer


def open_ranges(run: Running) -> list[tuple[int, int]]:
    return sorted(range_of(one) for one in shards(run, SCALED) if not is_closed(one))


def is_closed(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" in shard["SequenceNumberRange"]


def switch(run: Running, mode: str) -> None:
    arn = when_active(run, SCALED)
    run.client("kinesis").update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": mode})
    when_active(run, SCALED)


@states(f"{API}/API_UpdateShardCount.html")
def test_a_stream_is_scaled_to_even_shards(delivering: Running, page: str) -> None:
    """Scaling splits and merges shards until there are as many as asked for, of equal size."""
    answer = scale(delivering, 4)
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (2, 4)
    first = {one["ShardId"] for one in shards(delivering, SCALED) if is_closed(one)}
    assert {one.get("ParentShardId") for one in shards(delivering, SCALED) if not is_closed(one)} == first
    scale(delivering, 2)
    found = open_ranges(delivering)
    assert [low for low, _ in found] == [0, *(end + 1 for _, end in found[:-1])]
    assert found[-1][1] == KEYS - 1
    assert all(abs(end - low - KEYS // 2) <= 4 for low, end in found)


@states(f"{API}/API_UpdateShardCount.html")
def test_shards_are_even_whatever_they_were(delivering: Running, page: str) -> None:
    """Three shards of two, or of four, are of equal size as well: what is split is merged with its neighbours."""
    for count in (3, 4, 3, 2):
        scale(delivering, count)
        found = open_ranges(delivering)
        assert len(found) == count
        assert all(abs(end - low - KEYS // count) <= 4 for low, end in found)


@states(f"{API}/API_UpdateShardCount.html")
def test_a_stream_is_scaled_by_two_at_most(delivering: Running, page: str) -> None:
    """A stream is scaled to double its shards at most, and to half of them at least."""
    with pytest.raises(ClientError, match="LimitExceededException"):
        scale(delivering, 5)
    scale(delivering, 4)
    with pytest.raises(ClientError, match="LimitExceededException"):
        scale(delivering, 1)
    scale(delivering, 2)
    assert len(open_ranges(delivering)) == 2


@states(f"{API}/API_UpdateShardCount.html")
def test_a_stream_is_scaled_ten_times_a_day(delivering: Running, page: str) -> None:
    """A stream is scaled at most ten times within 24 hours."""
    for number in range(10):
        scale(delivering, 3 - number % 2)
    with pytest.raises(ClientError, match="LimitExceededException"):
        scale(delivering, 3)


@states(f"{API}/API_UpdateShardCount.html")
def test_a_scaling_counts_for_a_day(delivering: Running, page: str) -> None:
    """The 24 hours of a stream's ten scalings roll: a day after one of them there may be one more."""
    for number in range(10):
        scale(delivering, 3 - number % 2)
        delivering.wait(3600)
    delivering.wait(14 * 3600)
    scale(delivering, 3)
    with pytest.raises(ClientError, match="LimitExceededException"):
        scale(delivering, 2)


@states(f"{KINESIS}/how-do-i-size-a-stream.html")
def test_a_stream_on_demand_keeps_its_shards(delivering: Running, page: str) -> None:
    """A stream that changes its mode keeps its shards; on demand it is not scaled by hand."""
    client = delivering.client("kinesis")
    before = open_ranges(delivering)
    switch(delivering, "ON_DEMAND")
    summary = client.describe_stream_summary(StreamName=SCALED)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    with pytest.raises(ClientError, match="ValidationException"):
        scale(delivering, 4)
    switch(delivering, "PROVISIONED")
    assert open_ranges(delivering) == before


@states(f"{KINESIS}/service-sizes-and-limits.html")
def test_a_stream_on_demand_begins_with_four_shards(delivering: Running, page: str) -> None:
    """A stream on demand begins with the throughput of four shards, which divide the hash keys evenly."""
    client = delivering.client("kinesis")
    asked = {"StreamName": "delivery-on-demand"}
    summary = client.describe_stream_summary(**asked)["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert summary["OpenShardCount"] == 4
    begins = [int(one["HashKeyRange"]["StartingHashKey"]) for one in client.list_shards(**asked)["Shards"]]
    assert begins == [number * 2**126 for number in range(4)]


@states(f"{KINESIS}/how-do-i-size-a-stream.html")
def test_a_stream_changes_its_mode_twice_a_day(delivering: Running, page: str) -> None:
    """A stream changes its mode at most twice within 24 hours."""
    switch(delivering, "ON_DEMAND")
    switch(delivering, "PROVISIONED")
    with pytest.raises(ClientError, match="LimitExceededException"):
        switch(delivering, "ON_DEMAND")


@states(f"{KINESIS}/how-do-i-size-a-stream.html")
def test_a_change_of_mode_counts_for_a_day(delivering: Running, page: str) -> None:
    """The 24 hours of a stream's two changes of mode roll: a day after one of them there may be one more."""
    switch(delivering, "ON_DEMAND")
    delivering.wait(12 * 3600)
    switch(delivering, "PROVISIONED")
    delivering.wait(12 * 3600)
    switch(delivering, "ON_DEMAND")
    with pytest.raises(ClientError, match="LimitExceededException"):
        switch(delivering, "PROVISIONED")
