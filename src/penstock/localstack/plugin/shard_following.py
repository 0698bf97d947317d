"""Which shards of a stream a mapping reads, from where on, while the stream is split and merged.

Sources: Kinesis, "Resharding" ("After a reshard": a shard's children are read when it has been read to its end), and
Lambda, "Using Lambda with Kinesis". LocalStack reads all shards at once, and when one ends, or an iterator has
expired, all of them again from where the mapping began; so every record behind that came twice.

Nothing of LocalStack is imported here: the poller is LocalStack's, `StreamPoller`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast

Record: TypeAlias = Mapping[str, object]
_Answer: TypeAlias = Mapping[str, object]

_PARENTS: Final = ("ParentShardId", "AdjacentParentShardId")


class _Waiting(Protocol):
    def flush(self) -> list[Record]: ...


class Poller(Protocol):
    """What is used of a `StreamPoller`; its methods are replaced.

    Attributes:
        shards: an iterator for each shard that is read.
        iterator_over_shards: goes round them.
        shard_batcher: has what was read, and was not handed over yet.
    """

    shards: dict[str, str]
    iterator_over_shards: object
    shard_batcher: Mapping[str, _Waiting]
    source_arn: str
    source_client: Any  # boto3 makes its clients' types at run time
    initialize_shards: Callable[[], dict[str, str]]
    get_records: Callable[[str], _Answer]
    poll_events_from_shard: Callable[[str, str], None]
    forward_events_to_target: Callable[[str, list[Record]], None]

    @property
    def stream_parameters(self) -> Mapping[str, object]: ...


class ShardFollowing:
    """Stands in a poller's way to its shards. Everything runs in the poller's own thread."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._of_table = ":dynamodb:" in poller.source_arn
        self._shard = self._lost = ""
        self._is_due = False
        self._first: frozenset[str] = frozenset()
        self._ended: set[str] = set()
        self._read: dict[str, str] = {}
        self._begin, poller.initialize_shards = poller.initialize_shards, self._shards
        self._get_records, poller.get_records = poller.get_records, self._records
        self._poll_shard, poller.poll_events_from_shard = poller.poll_events_from_shard, self._poll

    def has_ended(self, shard: str) -> bool:
        """Whether the shard has been read to its end."""
        return shard in self._ended

    def _poll(self, shard: str, iterator: str) -> None:
        """Read the shard once; behind its end nothing is left waiting for more."""
        if self._is_due:
            self._poller.shards = self._shards()
            self._poller.iterator_over_shards = None
        self._shard = shard
        before = self._poller.shards
        self._poll_shard(shard, iterator)
        if self._poller.shards is not before:
            self._poller.iterator_over_shards = None
        if shard in self._ended:
            waiting = self._poller.shard_batcher[shard].flush()
            size = cast("int", self._poller.stream_parameters["BatchSize"])
            for begin in range(0, len(waiting), size):
                self._poller.forward_events_to_target(shard, waiting[begin : begin + size])

    def _records(self, iterator: str) -> _Answer:
        self._lost = self._shard
        answer = self._get_records(iterator)
        self._lost = ""
        records = cast("Sequence[Record]", answer.get("Records", ()))
        if records:
            self._read[self._shard] = sequence_number(records[-1])
        if not answer.get("NextShardIterator"):
            self._ended.add(self._shard)
        return answer

    def _shards(self) -> dict[str, str]:
        """An iterator for each shard that is to be read now.

        It is asked for at the beginning, when the shard that was read has ended, and when its iterator has expired.
        While the stream is being changed LocalStack finds none: what is read stays, and it is asked for again.
        """
        begin = self._begin()
        self._is_due = not begin
        others = {
            shard: one
            for shard, one in self._poller.shards.items()
            if shard != self._lost and shard not in self._ended
        }
        if not begin:
            return others
        listed = {one["ShardId"]: one for one in self._listed() if one["ShardId"] in begin}
        self._first = self._first or frozenset(listed)
        return {
            shard: others.get(shard) or self._iterator(shard, begin[shard])
            for shard, about in listed.items()
            if shard not in self._ended and not self._waits(shard, about, listed)
        }

    def _waits(self, shard: str, about: Record, listed: Mapping[str, Record]) -> bool:
        """Whether a parent has to be read first; a mapping that begins later than at the oldest record has none."""
        if shard in self._poller.shards or shard in self._read:
            return False
        if shard in self._first and self._poller.stream_parameters["StartingPosition"] != "TRIM_HORIZON":
            return False
        parents = {about.get(name) for name in _PARENTS} & listed.keys()
        return not parents <= self._ended

    def _iterator(self, shard: str, beginning: str) -> str:
        """Behind what was read; else where the mapping begins, or where a shard begins that was made since."""
        if (number := self._read.get(shard)) is not None:
            name = "SequenceNumber" if self._of_table else "StartingSequenceNumber"
            return self._ask(shard, "AFTER_SEQUENCE_NUMBER", **{name: number})
        return beginning if shard in self._first else self._ask(shard, "TRIM_HORIZON")

    def _ask(self, shard: str, kind: str, **position: str) -> str:
        answer = self._poller.source_client.get_shard_iterator(
            **self._stream(), ShardId=shard, ShardIteratorType=kind, **position
        )
        return str(answer["ShardIterator"])

    def _listed(self) -> Sequence[Mapping[str, str]]:
        description = self._poller.source_client.describe_stream(**self._stream())["StreamDescription"]
        return cast("Sequence[Mapping[str, str]]", description["Shards"])

    def _stream(self) -> dict[str, str]:
        return {"StreamArn" if self._of_table else "StreamARN": self._poller.source_arn}


def sequence_number(record: Record) -> str:
    """A record's number, as a stream or a table's stream gives it out."""
    change = record.get("dynamodb")
    return str(change["SequenceNumber"] if isinstance(change, dict) else record["SequenceNumber"])
