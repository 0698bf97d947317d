"""What happens to streams and their records, and to delivery streams."""

from __future__ import annotations

from typing import Literal

import msgspec

from penstock.runtime.journal_events.base import JournalEvent


class StreamRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record of a shard. Sequence numbers are decimal text that grows within the shard."""

    sequence_number: str
    partition_key: str
    data: bytes
    arrived_at: float


class RecordsPut(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Records were appended to one shard of a stream."""

    stream: str
    shard: str
    records: tuple[StreamRecord, ...]


class FeedAdvanced(JournalEvent, frozen=True, kw_only=True, tag=True):
    """That many further records of the run's file were put into the stream that it feeds."""

    stream: str
    count: int


class ShardsChanged(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A stream was resharded: `closed` take no more records, `opened` follow them.

    Attributes:
        opened: for each new shard its id, its parents' ids, and the hash keys it begins and ends with.
    """

    stream: str
    closed: tuple[str, ...]
    opened: tuple[tuple[str, tuple[str, ...], str, str], ...]


class ConsumerRegistered(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A consumer of a stream with throughput of its own, by name (Kinesis, `RegisterStreamConsumer`)."""

    stream: str
    consumer: str


class ConsumerDeregistered(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A stream has this consumer no longer."""

    stream: str
    consumer: str


class RetentionChanged(JournalEvent, frozen=True, kw_only=True, tag=True):
    """From now on a stream keeps its records for so long."""

    stream: str
    hours: int


class ShardCountUpdated(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A stream is scaled to so many shards (Kinesis, `UpdateShardCount`); the splits and merges follow."""

    stream: str
    target: int


class StreamModeChanged(JournalEvent, frozen=True, kw_only=True, tag=True):
    """From now on a stream is in this capacity mode (Kinesis, `UpdateStreamMode`)."""

    stream: str
    mode: Literal["PROVISIONED", "ON_DEMAND"]


class DeliveryStreamPut(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A delivery stream has taken records in (Firehose, `PutRecordBatch`)."""

    stream: str
    records: tuple[bytes, ...]


class DeliveryStreamSettled(JournalEvent, frozen=True, kw_only=True, tag=True):
    """So many of a delivery stream's oldest records were written, dropped or put aside."""

    stream: str
    count: int
