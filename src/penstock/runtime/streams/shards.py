"""One shard: its place in the stream's history, its range of hash keys, and its records.

1. Records are appended in blocks. A record's *position* is its number in the shard, from 0; sequence numbers
   grow with positions, so one gives the other.
2. A block whose readers are done with it is let go of if it can be read again from the journal, so a long run
   does not fill the memory.
3. What is older than the stream's retention can no longer be read (Kinesis, "Change the data retention
   period").
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.runtime.journal_events import RecordsPut, StreamRecord

HASH_KEYS: Final = 1 << 128
"""Partition keys are hashed with MD5 to numbers below this (Kinesis, "Partition key")."""

_FIRST_SEQUENCE_NUMBER: Final = {
    "kinesis": 49590338271490256608559692538361571095921575989136588898,
    "dynamodb": 100000000000000000000,
}
_OF_ONE_SHARD: Final = 10**12
"""No shard has as many records, so later shards have greater sequence numbers."""

Reload = Callable[[int], RecordsPut]
"""Reads a block again from where the journal holds it."""


@dataclass(slots=True)
class _Block:
    first: int
    count: int
    arrived_at: float
    journal_offset: int | None
    records: tuple[StreamRecord, ...] | None


@dataclass(slots=True)
class Shard:
    """A shard and its records.

    Attributes:
        number: its place among all shards that the stream ever had.
        parents: the ids of the shards that it follows, none or one or two.
        first_hash_key, last_hash_key: the range of hash keys, both ends included.
        closed_at: when it was split or merged; it takes no more records since. None: it is open.
        end: the position of the next record.
    """

    id: str
    number: int
    kind: str
    parents: tuple[str, ...] = ()
    first_hash_key: int = 0
    last_hash_key: int = HASH_KEYS - 1
    opened_at: float = 0.0
    closed_at: float | None = None
    end: int = 0
    _blocks: list[_Block] = field(default_factory=list)
    _firsts: list[int] = field(default_factory=list)
    _released: int = 0
    _done: dict[str, int] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    def was_open_at(self, moment: float) -> bool:
        """Whether it took records then; a stream's first shards count as open from the beginning of time."""
        return self.opened_at <= moment and (self.closed_at is None or moment < self.closed_at)

    @property
    def first_sequence_number(self) -> int:
        return _FIRST_SEQUENCE_NUMBER[self.kind] + self.number * _OF_ONE_SHARD

    def sequence_number(self, position: int) -> str:
        return str(self.first_sequence_number + position)

    def position(self, sequence_number: str) -> int:
        """The position of the record with this sequence number (there need be none)."""
        return int(sequence_number) - self.first_sequence_number

    def append(self, records: tuple[StreamRecord, ...], journal_offset: int | None) -> None:
        """Add records, which arrived together."""
        self._blocks.append(_Block(self.end, len(records), records[0].arrived_at, journal_offset, records))
        self._firsts.append(self.end)
        self.end += len(records)

    def read(self, position: int, limit: int, reload: Reload) -> list[StreamRecord]:
        """Up to `limit` records from `position` on."""
        found: list[StreamRecord] = []
        index = max(0, bisect.bisect_right(self._firsts, position) - 1)
        while len(found) < limit and index < len(self._blocks):
            block = self._blocks[index]
            records = block.records
            if records is None:
                records = reload(block.journal_offset or 0).records
            begin = max(0, position - block.first)
            found += records[begin : begin + limit - len(found)]
            index += 1
        return found

    def first_since(self, moment: float) -> int:
        """The position of the first record that arrived at `moment` or later; `end` if none did."""
        index = bisect.bisect_left(self._blocks, moment, key=lambda block: block.arrived_at)
        return self._blocks[index].first if index < len(self._blocks) else self.end

    def done(self, reader: str, position: int) -> None:
        """`reader` will not read before `position` again; let go of blocks that no reader needs."""
        self._done[reader] = position
        needed = min(self._done.values())
        while self._released < len(self._blocks):
            block = self._blocks[self._released]
            if block.first + block.count > needed:
                return
            if block.journal_offset is not None:
                block.records = None
            self._released += 1


def within(records: list[StreamRecord], most_bytes: int) -> list[StreamRecord]:
    """As many of the records as have so many bytes together; the first one however long it is."""
    total = 0
    for index, record in enumerate(records):
        total += len(record.data)
        if total > most_bytes and index:
            return records[:index]
    return records


def even_shards(count: int, kind: str) -> list[Shard]:
    """The shards of a new stream, which divide the hash keys evenly."""
    size = HASH_KEYS // count
    return [
        Shard(
            shard_id(number, kind),
            number,
            kind,
            first_hash_key=number * size,
            last_hash_key=HASH_KEYS - 1 if number == count - 1 else (number + 1) * size - 1,
        )
        for number in range(count)
    ]


def shard_id(number: int, kind: str) -> str:
    """A shard's id as AWS writes it for this kind of stream."""
    if kind == "kinesis":
        return f"shardId-{number:012d}"
    return f"shardId-{number:020d}-{number:08x}"


def owner_of(hash_key: int, shards: Mapping[str, Shard]) -> Shard:
    """The open shard whose range holds `hash_key`."""
    return next(
        shard
        for shard in shards.values()
        if not shard.closed and shard.first_hash_key <= hash_key <= shard.last_hash_key
    )
