"""PL110: how many shards a stream has."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import Stream


def _shards_on_demand(graph: Graph) -> Iterator[Finding]:
    for stream in graph.of(Stream):
        if stream.on_demand and stream.shard_count != 1:
            yield Finding(
                what=f'"{stream.name}" is on demand, and has shard_count={stream.shard_count}',
                part=stream,
                fix="leave shard_count out: Kinesis decides how many shards there are; or leave on_demand out",
            )


RULES = (
    Rule(
        id="PL110",
        title="a stream on demand has no number of shards",
        source="https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html (StreamModeDetails)",
        check=_shards_on_demand,
    ),
)
