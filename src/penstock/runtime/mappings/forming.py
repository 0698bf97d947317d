"""Forming a lane's next batch of the records that wait in it, and the event that the function is given.

Sources: Lambda, "Using Lambda to process records from Amazon Kinesis Data Streams" (batch size, batching window,
6 MB) and "Implementing stateful Kinesis Data Streams processing".

Nothing here waits, tells the time or calls a function.
"""

from __future__ import annotations

import math
from typing import Final

from penstock.runtime.invocation import Payload
from penstock.runtime.mappings.lanes import Batch, Lane
from penstock.runtime.mappings.stream_records import (
    PAYLOAD_LIMIT_BYTES,
    count_that_fits,
    event_payload,
    kinesis_event,
    most_bytes,
)
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.streams.streams import StreamSettings

NOTHING_COMES: Final = math.inf
"""When a batch is due that only a further record can make."""


def form(lane: Lane, settings: StreamMappingSettings, *, now: float, at_end: bool) -> float | None:
    """Make the lane's next batch, if it is due.

    Args:
        at_end: whether the shard has no more records, and will have none.

    Returns:
        None if the batch has been made; else when it is due.
    """
    if not lane.waiting:
        return _end_window(lane, now=now, at_end=at_end)
    if settings.windowed:
        if lane.window is not None and lane.waiting[0].arrived_at >= lane.window.end:
            lane.batches.append(Batch((), final=True))
            return None
        if lane.window is None:
            lane.window = settings.window_of(lane.waiting[0].arrived_at)
    count, is_full = _next_count(lane, settings.batch_size, at_end=at_end)
    due = lane.since + settings.batching_window_seconds
    if lane.window is not None:
        due = min(due, lane.window.end)
    if not is_full and now < due:
        return due
    if lane.wake is not None:
        lane.wake.cancel()
        lane.wake = None
    lane.batches.append(Batch(lane.waiting[:count]))
    del lane.waiting[:count]
    lane.since = now
    if lane.waiting_bytes:
        lane.waiting_bytes = sum(map(most_bytes, lane.waiting))
    return None


def _next_count(lane: Lane, limit: int, *, at_end: bool) -> tuple[int, bool]:
    """How many records the next batch may have, and whether no more could be added to it."""
    waiting = lane.waiting
    count = min(limit, len(waiting))
    is_full = count == limit or at_end
    if lane.waiting_bytes > _room_bytes(lane):
        fitting = count_that_fits(waiting[:count], _room_bytes(lane))
        is_full, count = is_full or fitting < count, fitting
    if lane.window is not None:
        end = lane.window.end
        within = next((index for index in range(count) if waiting[index].arrived_at >= end), count)
        is_full, count = is_full or within < count, within
    return count, is_full


def _end_window(lane: Lane, *, now: float, at_end: bool) -> float | None:
    """A window ends with its time, or with its shard: those that follow the shard begin windows of their own."""
    if lane.window is None:
        return NOTHING_COMES
    if now < lane.window.end and not at_end:
        return lane.window.end
    lane.batches.append(Batch((), final=True))
    return None


def event_of(lane: Lane, batch: Batch, stream: StreamSettings, shard: str) -> Payload:
    """The invocation's event; what does not fit into it waits for the next batch."""
    window = lane.window
    if window is None and stream.kind == "kinesis":
        event = kinesis_event(batch.records, stream, shard)
        if event is not None:
            return event
    payload = event_payload(batch.records, stream, shard, window=window, final=batch.final, early=batch.early)
    if len(payload) <= PAYLOAD_LIMIT_BYTES or len(batch.records) < 2:
        return payload
    count = count_that_fits(batch.records, _room_bytes(lane))
    lane.batches.insert(1, Batch(batch.records[count:]))
    batch.records = batch.records[:count]
    return event_payload(batch.records, stream, shard, window=window)


def _room_bytes(lane: Lane) -> int:
    """What an invocation's JSON has left for records."""
    return PAYLOAD_LIMIT_BYTES - (0 if lane.window is None else len(lane.window.state.encode()))
