"""Which shards a stream mapping of LocalStack's reads, and from where on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from penstock.localstack.plugin.shard_following import Record, ShardFollowing

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"


@dataclass
class Shard:
    """A shard of a stream: its records by their numbers."""

    parents: tuple[str, ...] = ()
    records: list[str] = field(default_factory=list)
    is_open: bool = True


@dataclass
class Streams:
    """Kinesis's client. An iterator is `SHARD@POSITION`."""

    shards: dict[str, Shard]

    def describe_stream(self, **stream: str) -> dict[str, Any]:
        assert stream == {"StreamARN": ARN}
        listed = []
        for name, shard in self.shards.items():
            listed.append({"ShardId": name})
            listed[-1].update(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
        return {"StreamDescription": {"Shards": listed}}

    def get_shard_iterator(
        self, *, ShardId: str, ShardIteratorType: str, StartingSequenceNumber: str = "", **stream: str
    ) -> dict[str, str]:
        assert stream == {"StreamARN": ARN}
        records = self.shards[ShardId].records
        position = {"TRIM_HORIZON": 0, "LATEST": len(records)}.get(ShardIteratorType)
        if position is None:
            assert ShardIteratorType == "AFTER_SEQUENCE_NUMBER"
            position = records.index(StartingSequenceNumber) + 1
        return {"ShardIterator": f"{ShardId}@{position}"}

    def get_records(self, iterator: str, limit: int) -> dict[str, Any]:
        name, _, position = iterator.partition("@")
        shard, begin = self.shards[name], int(position)
        found = shard.records[begin : begin + limit]
        answer: dict[str, Any] = {"Records": [{"SequenceNumber": one} for one in found]}
        if shard.is_open or begin + len(found) < len(shard.records):
            answer["NextShardIterator"] = f"{name}@{begin + len(found)}"
        return answer


class Waiting:
    """What was read and not handed over."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def flush(self) -> list[Record]:
        found, self.records = self.records, []
        return found


class StreamPoller:
    """LocalStack's, as far as it reads; a batch is handed over when it is full, or has waited for no more."""

    source_arn = ARN

    def __init__(self, client: Streams, start: str = "TRIM_HORIZON", *, gathers: bool = False) -> None:
        self.source_client = client
        self.stream_parameters = {"BatchSize": 2, "StartingPosition": start}
        self.shards: dict[str, str] = {}
        self.iterator_over_shards: object = None
        self.shard_batcher: dict[str, Waiting] = {}
        self.handed_over: list[list[str]] = []
        self.expired: set[str] = set()
        self.is_active = True
        self._gathers = gathers

    def initialize_shards(self) -> dict[str, str]:
        if not self.is_active:
            return {}
        return {
            name: self.source_client.get_shard_iterator(
                ShardId=name,
                ShardIteratorType=str(self.stream_parameters["StartingPosition"]),
                StreamARN=ARN,
            )["ShardIterator"]
            for name in self.source_client.shards
        }

    def get_records(self, iterator: str) -> dict[str, Any]:
        if iterator in self.expired:
            self.shards = self.initialize_shards()
            raise LookupError(iterator)
        return self.source_client.get_records(iterator, limit=2)

    def poll_events_from_shard(self, shard: str, iterator: str) -> None:
        answer = self.get_records(iterator)
        if following := answer.get("NextShardIterator"):
            self.shards[shard] = following
        else:
            self.shards = self.initialize_shards()
        waiting = self.shard_batcher.setdefault(shard, Waiting())
        waiting.records += answer["Records"]
        if waiting.records and not self._gathers:
            self.forward_events_to_target(shard, waiting.flush())

    def forward_events_to_target(self, shard: str, records: Sequence[Record]) -> None:
        self.handed_over.append([str(one["SequenceNumber"]) for one in records])

    def poll(self) -> None:
        """Read every shard that is to be read, once."""
        if not self.shards:
            self.shards = self.initialize_shards()
        for shard, iterator in list(self.shards.items()):
            self.poll_events_from_shard(shard, iterator)


def following(client: Streams, start: str = "TRIM_HORIZON", *, gathers: bool = False) -> StreamPoller:
    """A poller that follows the stream's shards."""
    poller = StreamPoller(client, start, gathers=gathers)
    ShardFollowing(poller)  # type: ignore[arg-type]  # its methods are replaced
    return poller


def test_children_are_read_when_all_of_their_parents_are_at_their_end() -> None:
    """And nothing is read twice: a split, and a merge of what it made."""
    client = Streams({"a": Shard(records=["1", "2", "3"], is_open=False)})
    client.shards |= {one: Shard(("a",), is_open=False) for one in "bc"}
    client.shards["b"].records = ["4"]
    client.shards["c"].records = ["5", "6", "7"]
    client.shards["d"] = Shard(("b", "c"), ["8"])
    poller = following(client)
    seen: list[set[str]] = []
    for _ in range(6):
        poller.poll()
        seen.append(set(poller.shards))
    assert poller.handed_over == [["1", "2"], ["3"], ["4"], ["5", "6"], ["7"], ["8"]]
    assert seen == [{"a"}, {"b", "c"}, {"c"}, {"d"}, {"d"}, {"d"}]


def test_a_shard_that_is_made_later_is_read_from_its_beginning() -> None:
    """Also if the mapping began with what was newest: only what was there before is passed over."""
    client = Streams({"a": Shard(records=["1"])})
    poller = following(client, "LATEST")
    poller.poll()
    client.shards["a"].records.append("2")
    client.shards["a"].is_open = False
    client.shards |= {"b": Shard(("a",), ["3"]), "c": Shard(("a",), ["4"])}
    for _ in range(3):
        poller.poll()
    assert poller.handed_over == [["2"], ["3"], ["4"]]


def test_a_mapping_that_begins_with_the_newest_reads_all_shards_at_once() -> None:
    """What is new in a child does not wait for a parent that nothing can come to."""
    client = Streams({"a": Shard(records=["1"], is_open=False), "b": Shard(("a",), ["2"])})
    poller = following(client, "LATEST")
    poller.shards = poller.initialize_shards()
    client.shards["b"].records.append("3")
    assert set(poller.shards) == {"a", "b"}
    poller.poll()
    assert poller.handed_over == [["3"]]


def test_what_has_been_read_of_other_shards_is_not_read_again() -> None:
    """They keep their places when one ends."""
    client = Streams({"a": Shard(records=["1"], is_open=False), "z": Shard(records=["2", "3", "4"])})
    poller = following(client)
    for _ in range(4):
        poller.poll()
    assert sorted(poller.handed_over) == [["1"], ["2", "3"], ["4"]]


def test_an_iterator_that_has_expired_is_made_anew_where_the_reading_was() -> None:
    """Not where the mapping began."""
    client = Streams({"a": Shard(records=["1", "2", "3"]), "z": Shard(records=["4"])})
    poller = following(client)
    poller.poll()
    poller.expired = {"a@2"}
    with pytest.raises(LookupError):
        poller.poll()
    poller.expired = set()
    poller.poll()
    assert poller.handed_over == [["1", "2"], ["4"], ["3"]]


def test_what_waits_for_more_is_handed_over_at_its_shards_end() -> None:
    """In batches: nothing else would come."""
    client = Streams({"a": Shard(records=["1", "2", "3"])})
    poller = following(client, gathers=True)
    poller.poll()
    poller.poll()
    assert poller.handed_over == []
    client.shards["a"].is_open = False
    poller.poll()
    assert poller.handed_over == [["1", "2"], ["3"]]


@pytest.mark.parametrize("start", ["TRIM_HORIZON", "LATEST"])
def test_while_a_stream_is_being_changed_the_others_are_read(start: str) -> None:
    """LocalStack finds no shards then; the children are read when it does."""
    client = Streams({"a": Shard(), "z": Shard()})
    poller = following(client, start)
    poller.poll()
    client.shards["a"].records = ["1"]
    client.shards["a"].is_open = poller.is_active = False
    client.shards["b"] = Shard(("a",), ["2"])
    poller.poll()
    client.shards["z"].records = ["3", "4", "5"]
    poller.poll()
    assert poller.handed_over == [["1"], ["3", "4"]]
    poller.is_active = True
    for _ in range(3):
        poller.poll()
    assert sorted(poller.handed_over) == [["1"], ["2"], ["3", "4"], ["5"]]
