"""What event source mappings do with batches."""

from __future__ import annotations

from penstock.runtime.journal_events.base import JournalEvent


class BatchDelivered(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A mapping gave a batch to its function.

    Attributes:
        source: the queue, or `stream/shard`.
        first, last: message ids or sequence numbers at the ends of the batch.
        attempt: 1 for the first delivery of exactly this batch (streams only; a queue counts receives).
    """

    mapping: str
    source: str
    function: str
    request_id: str
    count: int
    first: str
    last: str
    attempt: int = 1


class BatchSettled(JournalEvent, frozen=True, kw_only=True, tag=True):
    """What the function's answer meant: `failed` of the batch's records stay with their source."""

    mapping: str
    request_id: str
    failed: int
    error: str | None = None


class Checkpointed(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Everything of the shard up to and including `sequence_number` is done with, for this mapping."""

    mapping: str
    shard: str
    sequence_number: str


class WindowAdvanced(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A tumbling window of a shard has a new state, or is over (`state` is None).

    Attributes:
        start: when the window begins, epoch seconds.
        state: what the function returned, JSON text.
    """

    mapping: str
    shard: str
    start: float
    state: str | None


class BatchBisected(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A failing batch was split: `first`..`middle` is tried before what follows it, up to `last`."""

    mapping: str
    shard: str
    first: str
    middle: str
    last: str


class RecordsDiscarded(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A mapping gave records up.

    Attributes:
        condition: `RetryAttemptsExhausted`, `RecordAgeExceeded`, or `Expired` where the stream's retention
            ended first.
        destination: where their metadata went, by name.
    """

    mapping: str
    shard: str
    first: str
    last: str
    count: int
    condition: str
    destination: str | None = None
