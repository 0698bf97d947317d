"""The values that a shard's reader works with: batches, and the lanes that keep records of one key in order."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.mappings.stream_records import Window
from penstock.runtime.scheduler import Timer


@dataclass(slots=True)
class Batch:
    """Records that are given to the function together, until they succeed or are given up.

    Attributes:
        failures: how often the function failed with exactly these records; throttles do not count.
        invocations: how often they were given to it.
        delays: how often they were put off since something last went forward.
        final: the last invocation of the lane's window; it has no records.
    """

    records: Sequence[StreamRecord]
    failures: int = 0
    invocations: int = 0
    delays: int = 0
    final: bool = False
    early: bool = False
    request_id: str = ""


@dataclass(slots=True)
class Lane:
    """One of the sequences that are worked on at once; records of one partition key share a lane.

    Attributes:
        waiting: records that were read and are in no batch yet.
        waiting_bytes: what they take of an event, at most; counted if there is a batching window.
        batches: what is being tried; the first one is tried first.
        since: when the first of `waiting` was read.
        retry, window_end: timers that the lane waits for.
    """

    waiting: list[StreamRecord] = field(default_factory=list)
    waiting_bytes: int = 0
    batches: deque[Batch] = field(default_factory=deque)
    busy: bool = False
    since: float = 0.0
    window: Window | None = None
    retry: Timer | None = None
    wake: Timer | None = None

    def oldest(self) -> StreamRecord | None:
        """The first record that is not done with."""
        for batch in self.batches:
            if batch.records:
                return batch.records[0]
        return self.waiting[0] if self.waiting else None

    def is_empty(self) -> bool:
        return not (self.waiting or self.batches)


def lane_of(record: StreamRecord, lanes: Sequence[Lane]) -> Lane:
    """The lane of a record's partition key."""
    if len(lanes) == 1:
        return lanes[0]
    return lanes[zlib.crc32(record.partition_key.encode()) % len(lanes)]


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """A failing batch in two (Lambda, `BisectBatchOnFunctionError`)."""
    middle = len(batch.records) // 2
    return Batch(batch.records[:middle]), Batch(batch.records[middle:])
