"""The event that Lambda makes of a shard's records, as JSON.

Sources: Lambda, "Using Lambda to process records from Amazon Kinesis Data Streams" (example event), and
"Implementing stateful Kinesis Data Streams processing" (time windows).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from penstock.runtime.aws_calls import REGION
from penstock.runtime.invocation import UnwrittenEvent
from penstock.runtime.journal_events import StreamRecord
from penstock.runtime.streams.streams import StreamSettings
from penstock.runtime.timestamps import seconds_text

PAYLOAD_LIMIT_BYTES: Final = 6 * 1024 * 1024 - 4096
"""Of a batch's JSON without its window; Lambda's limit for a synchronous invocation is 6 MB."""

STATE_LIMIT_BYTES: Final = 1_048_576
"""Of a window's state (Lambda, "Tumbling windows"); a larger one ends the window early."""

_ROLE: Final = "arn:aws:iam::123456789012:role/lambda-role"
_ENVELOPE_BYTES: Final = 640
"""What a record's JSON has besides its data and its partition key, at most."""
_MOST_BUT_DATA_BYTES: Final = _ENVELOPE_BYTES + 6 * 256
"""The same with a partition key of 256 characters, each written as an escape."""


class _Kinesis(msgspec.Struct, gc=False):
    partitionKey: str
    sequenceNumber: str
    data: bytes
    approximateArrivalTimestamp: float
    kinesisSchemaVersion: str = "1.0"


class _Record(msgspec.Struct, gc=False):
    kinesis: _Kinesis
    eventID: str
    eventSourceARN: str
    eventSource: str = "aws:kinesis"
    eventVersion: str = "1.0"
    eventName: str = "aws:kinesis:record"
    invokeIdentityArn: str = _ROLE
    awsRegion: str = REGION


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A tumbling window of one shard: `[start, end)` in epoch seconds, and the state it has come to."""

    start: float
    end: float
    state: str = "{}"


class _Event(msgspec.Struct):
    Records: list[_Record] | list[msgspec.Raw]


class _KinesisEvent(UnwrittenEvent):
    Records: list[_Record]


class _Span(msgspec.Struct):
    start: str
    end: str


class _WindowEvent(msgspec.Struct):
    Records: list[_Record] | list[msgspec.Raw]
    window: _Span
    state: msgspec.Raw
    shardId: str
    eventSourceARN: str
    isFinalInvokeForWindow: bool
    isWindowTerminatedEarly: bool


_encode = msgspec.json.Encoder().encode


def kinesis_event(
    records: Sequence[StreamRecord], stream: StreamSettings, shard: str
) -> UnwrittenEvent | None:
    """The event of an invocation with records of a Kinesis stream; None if it might be too large to be one."""
    most = len(records) * _MOST_BUT_DATA_BYTES + sum([len(one.data) for one in records]) * 4 // 3
    return _KinesisEvent(_kinesis_entries(records, stream, shard)) if most <= PAYLOAD_LIMIT_BYTES else None


def event_payload(
    records: Sequence[StreamRecord],
    stream: StreamSettings,
    shard: str,
    *,
    window: Window | None = None,
    final: bool = False,
    early: bool = False,
) -> bytes:
    """The JSON of an invocation with `records`.

    Args:
        final: the window's last invocation.
        early: the window ends because its state grew too large.
    """
    entries = _entries(records, stream, shard)
    if window is None:
        return _encode(_Event(entries))
    return _encode(
        _WindowEvent(
            entries,
            _Span(seconds_text(window.start), seconds_text(window.end)),
            msgspec.Raw(window.state.encode()),
            shard,
            stream.arn,
            final,
            early,
        )
    )


def event_record(record: StreamRecord, stream: StreamSettings, shard: str) -> Mapping[str, object]:
    """One record of the event as a dict: what filter criteria look at."""
    (entry,) = _entries([record], stream, shard)
    found: dict[str, object] = msgspec.json.decode(_encode(entry))
    return found


def count_that_fits(records: Sequence[StreamRecord], room_bytes: int = PAYLOAD_LIMIT_BYTES) -> int:
    """How many of the records a batch may surely have; at least one."""
    total = 0
    for index, record in enumerate(records):
        total += most_bytes(record)
        if total > room_bytes:
            return max(1, index)
    return len(records)


def most_bytes(record: StreamRecord) -> int:
    """What a record takes of an event's JSON, at most."""
    return _ENVELOPE_BYTES + len(record.data) * 4 // 3 + 6 * len(record.partition_key)


def _entries(
    records: Sequence[StreamRecord], stream: StreamSettings, shard: str
) -> list[_Record] | list[msgspec.Raw]:
    if stream.kind == "dynamodb":
        return [msgspec.Raw(record.data) for record in records]
    return _kinesis_entries(records, stream, shard)


def _kinesis_entries(records: Sequence[StreamRecord], stream: StreamSettings, shard: str) -> list[_Record]:
    arn, prefix = stream.arn, f"{shard}:"
    return [
        _Record(
            _Kinesis(one.partition_key, one.sequence_number, one.data, one.arrived_at),
            prefix + one.sequence_number,
            arn,
        )
        for one in records
    ]
