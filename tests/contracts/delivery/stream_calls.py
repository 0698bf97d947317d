"""Calls on the streams of the rules: their shards, records put into one, a shard split."""

from __future__ import annotations

from typing import Any

from tests.contracts.conftest import Running

STREAM, RESHAPED, SCALED = "delivery-shards", "delivery-reshaped", "delivery-scaled"
KEYS = 1 << 128


def shards(run: Running, stream: str = STREAM, **wanted: object) -> list[dict[str, Any]]:
    found = run.client("kinesis").list_shards(StreamName=stream, **wanted)["Shards"]
    assert isinstance(found, list)
    return found


def put(run: Running, *data: bytes, stream: str = STREAM, hash_key: int = 0) -> list[dict[str, Any]]:
    """Put records into the shard that has the hash key; where they are."""
    answer = run.client("kinesis").put_records(
        StreamName=stream,
        Records=[{"PartitionKey": "k", "ExplicitHashKey": str(hash_key), "Data": one} for one in data],
    )
    assert answer["FailedRecordCount"] == 0
    placed = answer["Records"]
    assert isinstance(placed, list)
    return placed


def when_active(run: Running, stream: str = STREAM) -> str:
    """The stream's ARN, when what was asked of it is done."""
    client = run.client("kinesis")

    def arn() -> Any:
        found = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        return found["StreamARN"] if found["StreamStatus"] == "ACTIVE" else None

    return str(run.settle(arn, of=f"{stream} as it was asked for"))


def split(run: Running, stream: str = RESHAPED, shard: str = "shardId-000000000000") -> None:
    run.client("kinesis").split_shard(
        StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(KEYS // 2)
    )


def range_of(shard: dict[str, Any]) -> tuple[int, int]:
    """The first hash key of a shard and its last one."""
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])
