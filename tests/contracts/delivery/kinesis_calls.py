"""Putting records into streams: under keys, into shards."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running


def under(run: Running, stream: str, **keys: list[object]) -> None:
    """Put records under several keys, key by key in turn."""
    longest = max(map(len, keys.values()))
    records = [
        {"PartitionKey": key, "Data": json.dumps(data[number]).encode()}
        for number in range(longest)
        for key, data in keys.items()
        if number < len(data)
    ]
    run.client("kinesis").put_records(StreamName=stream, Records=records)


def in_shards(run: Running, stream: str, *shards: list[bytes]) -> None:
    """Put data into the first shard, the second, ..."""
    found = run.client("kinesis").list_shards(StreamName=stream)["Shards"]
    records = [
        {"PartitionKey": "k", "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"], "Data": one}
        for shard, data in zip(found, shards, strict=True)
        for one in data
    ]
    run.client("kinesis").put_records(StreamName=stream, Records=records)
