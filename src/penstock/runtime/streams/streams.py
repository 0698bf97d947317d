"""The streams of one run: putting records, resharding, and who is told that a shard has something new.

1. A change is one journal event, appended and then applied; `apply` alone rebuilds the streams of a run.
2. A record goes to the shard whose range holds the MD5 hash of its partition key, or its explicit hash key.
3. Nothing polls: a reader subscribes and is told in a turn of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import msgspec

from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    ConsumerDeregistered,
    ConsumerRegistered,
    Event,
    RecordsPut,
    RetentionChanged,
    ShardCountUpdated,
    ShardsChanged,
    StreamModeChanged,
    StreamRecord,
)
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.shards import HASH_KEYS, Shard, even_shards, owner_of, shard_id

StreamKind = Literal["kinesis", "dynamodb"]
StreamMode = Literal["PROVISIONED", "ON_DEMAND"]
SettingsChange = (
    ConsumerRegistered | ConsumerDeregistered | RetentionChanged | ShardCountUpdated | StreamModeChanged
)

SHARDS_ON_DEMAND: Final = 4
"""Of a new stream in on-demand mode, which has "4 MB/s of write [...] throughput" (Kinesis, "Quotas and limits"), of
which a shard has one."""

MAXIMUM_RECORD_BYTES: Final = 1_048_576
"""A record's data and its partition key together (Kinesis, "PutRecord")."""

Listener = Callable[[str], None]
"""Is told the id of the shard that changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """A stream's configuration; `kind` says whether it is Kinesis's or that of a DynamoDB table.

    Attributes:
        mode: the capacity mode that it begins with.
        consumers: the consumers with enhanced fan-out that it has from its beginning, by name.
    """

    name: str
    arn: str
    kind: StreamKind = "kinesis"
    shard_count: int = 1
    mode: StreamMode = "PROVISIONED"
    retention_hours: int = 24
    consumers: tuple[str, ...] = ()


class NewRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to be put. `arrived_at` is now, if None."""

    data: bytes
    partition_key: str
    explicit_hash_key: int | None = None
    arrived_at: float | None = None


class Stream:
    """A stream and its shards, by id, in the order in which they came to be.

    Attributes:
        retention_hours: for how long records can be read.
        lost_before: what arrived before this moment has expired, however long records are kept since.
        consumers: the consumers with enhanced fan-out, by name, and when they were registered.
        mode: its capacity mode.
        scaled_at: when its number of shards was updated.
        switched_at: when its mode was changed.
    """

    def __init__(self, settings: StreamSettings, made_at: float) -> None:
        self.settings = settings
        self.made_at = made_at
        self.retention_hours = settings.retention_hours
        self.lost_before = 0.0
        self.consumers = dict.fromkeys(settings.consumers, made_at)
        self.mode: StreamMode = settings.mode
        self.scaled_at: list[float] = []
        self.switched_at: list[float] = []
        self.shards = {shard.id: shard for shard in even_shards(settings.shard_count, settings.kind)}
        self.listeners: list[Listener] = []
        self._owners: dict[str, Shard] = {}

    def owner(self, record: NewRecord) -> Shard:
        """The open shard that a record belongs to."""
        if record.explicit_hash_key is not None:
            return owner_of(record.explicit_hash_key, self.shards)
        found = self._owners.get(record.partition_key)
        if found is None:
            digest = hashlib.md5(record.partition_key.encode(), usedforsecurity=False).digest()
            found = owner_of(int.from_bytes(digest, "big"), self.shards)
            if len(self._owners) >= _REMEMBERED_KEYS:
                self._owners.clear()
            self._owners[record.partition_key] = found
        return found

    def reshard(self, event: ShardsChanged) -> None:
        """Close shards and open those that follow them."""
        for closed in event.closed:
            self.shards[closed].closed_at = event.at
        for identifier, parents, first, last in event.opened:
            self.shards[identifier] = Shard(
                identifier,
                len(self.shards),
                self.settings.kind,
                parents=parents,
                first_hash_key=int(first),
                last_hash_key=int(last),
                opened_at=event.at,
            )
        self._owners.clear()


_REMEMBERED_KEYS: Final = 100_000


class Streams:
    """The streams of one run.

    Args:
        made_at: when the run began, and with it its streams; now, if None.
    """

    def __init__(
        self,
        settings: Iterable[StreamSettings],
        *,
        scheduler: Scheduler,
        journal: Journal,
        made_at: float | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._journal = journal
        moment = scheduler.now() if made_at is None else made_at
        self._streams = {one.name: Stream(one, moment) for one in settings}
        self._told: set[tuple[str, str]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._streams)

    def find(self, name: str) -> Stream:
        """The stream of this name or ARN.

        Raises:
            ServiceError: `ResourceNotFoundException`.
        """
        stream = self._streams.get(name)
        if stream is None and name.startswith("arn:"):
            stream = next((one for one in self._streams.values() if one.settings.arn == name), None)
        if stream is None:
            raise ServiceError(
                "ResourceNotFoundException", f"Stream {name} under account 123456789012 not found."
            )
        return stream

    def put(self, name: str, records: Sequence[NewRecord]) -> list[tuple[str, str]]:
        """Append records, each to its shard; those of one shard keep their order.

        Returns:
            For each record its shard id and its sequence number.
        """
        stream = self.find(name)
        now = self._scheduler.now()
        placed: dict[str, list[StreamRecord]] = {}
        places: list[tuple[str, str]] = []
        for record in records:
            shard = stream.owner(record)
            group = placed.get(shard.id)
            if group is None:
                group = placed[shard.id] = []
            number = shard.sequence_number(shard.end + len(group))
            arrived_at = now if record.arrived_at is None else record.arrived_at
            group.append(StreamRecord(number, record.partition_key, record.data, arrived_at))
            places.append((shard.id, number))
        for shard_, group in placed.items():
            event = RecordsPut(at=now, stream=stream.settings.name, shard=shard_, records=tuple(group))
            offset = self._journal.end
            self._journal.append(event)
            self._add(event, offset)
            self._tell(stream, shard_)
        return places

    def split(self, name: str, shard: str, new_first_hash_key: int) -> tuple[Shard, Shard]:
        """`SplitShard`: two shards follow one; the second begins at `new_first_hash_key`.

        Returns:
            The two, the lower one first.

        Raises:
            ServiceError: the shard is closed, or the hash key is not within its range.
        """
        parent = self._open_shard(name, shard)
        if not parent.first_hash_key < new_first_hash_key < parent.last_hash_key:
            raise ServiceError(
                "InvalidArgumentException",
                f"NewStartingHashKey {new_first_hash_key} used in SplitShard() on shard {shard} is not both "
                "greater than one plus the shard's StartingHashKey and less than the shard's EndingHashKey.",
            )
        low, high = self._reshard(
            name,
            (parent,),
            ((parent.first_hash_key, new_first_hash_key - 1), (new_first_hash_key, parent.last_hash_key)),
        )
        return low, high

    def merge(self, name: str, shard: str, adjacent: str) -> Shard:
        """`MergeShards`: one shard follows two whose ranges touch.

        Raises:
            ServiceError: a shard is closed, or the ranges do not touch.
        """
        parents = (self._open_shard(name, shard), self._open_shard(name, adjacent))
        low, high = sorted(parents, key=lambda one: one.first_hash_key)
        if low.last_hash_key + 1 != high.first_hash_key:
            raise ServiceError(
                "InvalidArgumentException",
                f"Shards {shard} and {adjacent} in stream {name} are not adjacent.",
            )
        (merged,) = self._reshard(name, parents, ((low.first_hash_key, high.last_hash_key),))
        return merged

    def _open_shard(self, name: str, shard: str) -> Shard:
        found = self.find(name).shards.get(shard)
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Could not find shard {shard} in stream {name}.")
        if found.closed:
            raise ServiceError(
                "InvalidArgumentException",
                f"Shard {shard} in stream {name} has already been split or merged.",
            )
        return found

    def _reshard(
        self, name: str, parents: tuple[Shard, ...], ranges: tuple[tuple[int, int], ...]
    ) -> list[Shard]:
        stream = self.find(name)
        number = len(stream.shards)
        event = ShardsChanged(
            at=self._scheduler.now(),
            stream=stream.settings.name,
            closed=tuple(parent.id for parent in parents),
            opened=tuple(
                (
                    shard_id(number + index, stream.settings.kind),
                    tuple(parent.id for parent in parents),
                    str(first),
                    str(last),
                )
                for index, (first, last) in enumerate(ranges)
            ),
        )
        self._journal.append(event)
        self.apply(event)
        for parent in parents:
            self._tell(stream, parent.id)
        return [stream.shards[identifier] for identifier, *_ in event.opened]

    def change(self, event: SettingsChange) -> None:
        """Journal a change of a stream's settings, and do it."""
        self._journal.append(event)
        self.apply(event)

    def apply(self, event: Event) -> None:
        """Do the change of one journal event."""
        match event:
            case RecordsPut():
                self._add(event, None)
            case ShardsChanged():
                self._streams[event.stream].reshard(event)
            case ConsumerRegistered():
                self._streams[event.stream].consumers[event.consumer] = event.at
            case ConsumerDeregistered():
                self._streams[event.stream].consumers.pop(event.consumer, None)
            case RetentionChanged():
                stream = self._streams[event.stream]
                stream.lost_before = max(stream.lost_before, event.at - stream.retention_hours * 3600)
                stream.retention_hours = event.hours
            case ShardCountUpdated():
                self._streams[event.stream].scaled_at.append(event.at)
            case StreamModeChanged():
                self._streams[event.stream].mode = event.mode
                self._streams[event.stream].switched_at.append(event.at)
            case _:
                return

    def _add(self, event: RecordsPut, offset: int | None) -> None:
        self._streams[event.stream].shards[event.shard].append(event.records, offset)

    # --- Reading ------------------------------------------------------------------------------------------

    def read(self, name: str, shard: str, position: int, limit: int) -> list[StreamRecord]:
        """Up to `limit` records of a shard from `position` on, whether they have expired or not."""
        return self.find(name).shards[shard].read(position, limit, self._reload)

    def horizon(self, name: str, shard: str) -> int:
        """The position of the first record that has not expired."""
        stream = self.find(name)
        oldest = max(stream.lost_before, self._scheduler.now() - stream.retention_hours * 3600)
        return stream.shards[shard].first_since(oldest)

    def listen(self, name: str, listener: Listener) -> None:
        """Have `listener` called, in a turn of its own, when a shard has new records or was closed."""
        self.find(name).listeners.append(listener)

    def _tell(self, stream: Stream, shard: str) -> None:
        key = (stream.settings.name, shard)
        if not stream.listeners or key in self._told:
            return
        self._told.add(key)

        def tell() -> None:
            self._told.discard(key)
            for listener in stream.listeners:
                listener(shard)

        self._scheduler.call_soon(tell)

    def _reload(self, offset: int) -> RecordsPut:
        return cast("RecordsPut", self._journal.read(offset))


def checked(record: NewRecord) -> NewRecord:
    """Refuse a record that Kinesis refuses.

    Raises:
        ServiceError: `ValidationException`, `InvalidArgumentException`.
    """
    size = len(record.data) + len(record.partition_key.encode())
    if size > MAXIMUM_RECORD_BYTES:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: the record is {size} bytes; the partition key and the data "
            f"together may have {MAXIMUM_RECORD_BYTES}",
        )
    if not 1 <= len(record.partition_key) <= 256:
        raise ServiceError(
            "ValidationException",
            "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: "
            "Member must have length between 1 and 256",
        )
    if record.explicit_hash_key is not None and not 0 <= record.explicit_hash_key < HASH_KEYS:
        raise ServiceError("InvalidArgumentException", f"Invalid ExplicitHashKey {record.explicit_hash_key}.")
    return record
