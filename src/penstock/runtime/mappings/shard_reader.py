"""Reading one shard for one mapping: batches in order, retries, bisecting, age, windows, the checkpoint.

Sources: Lambda, "Using Lambda to process records from Amazon Kinesis Data Streams", "Configuring partial batch
response with Kinesis Data Streams and Lambda", "Retain discarded batch records" and "Implementing stateful
Kinesis Data Streams processing", and the same pages for DynamoDB streams.

1. Records of one partition key are given to the function in order. A batch that fails is tried again before
   anything behind it in its lane.
2. The checkpoint is the first record that is not done with. It goes forward only, and is journaled before
   anything more is delivered.
3. What fails is tried until it succeeds, its attempts are used up, or its records are too old; a batch may be
   cut in two, which uses up no attempt. A throttled invocation uses up none either.
4. A partial batch response makes progress: what lies before the lowest failure is done, and the rest has all
   its attempts again. One that names the first record makes none: it counts as a failed invocation does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    BatchBisected,
    BatchDelivered,
    BatchSettled,
    Checkpointed,
    RecordsDiscarded,
    StreamRecord,
    WindowAdvanced,
)
from penstock.runtime.mappings.forming import NOTHING_COMES, event_of, form
from penstock.runtime.mappings.lanes import Batch, Lane, halves, lane_of
from penstock.runtime.mappings.ports import RunsBatches
from penstock.runtime.mappings.responses import first_failure, state_of
from penstock.runtime.mappings.stream_failures import Condition, FailureDestination, GivenUp
from penstock.runtime.mappings.stream_records import STATE_LIMIT_BYTES, Window, event_record, most_bytes
from penstock.runtime.mappings.stream_settings import StreamMappingSettings
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.streams.shards import Shard
from penstock.runtime.streams.streams import Streams

FIRST_DELAY_SECONDS: Final = 0.5
LONGEST_DELAY_SECONDS: Final = 60.0
"""A failed batch is tried again after 0.5 s, 1 s, 2 s, ... (AWS does not document its delays)."""
_DOUBLINGS: Final = 7
"""After so many, the delay is the longest; by default a batch is tried for as long as its stream keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPorts:
    """What a reader works with."""

    streams: Streams
    functions: RunsBatches
    scheduler: Scheduler
    journal: Journal
    destination: FailureDestination


class ShardReader:
    """One mapping's work on one shard.

    Args:
        position: of the first record to deliver.
        window: the window that was open when the run was cut off.
        on_exhausted: called once, when the shard is closed and all its records are done with.
    """

    def __init__(
        self,
        settings: StreamMappingSettings,
        ports: ReaderPorts,
        shard: Shard,
        position: int,
        *,
        window: Window | None = None,
        on_exhausted: Callable[[Shard], None],
    ) -> None:
        self.settings = settings
        self.shard = shard
        self.checkpoint = position
        self._ports = ports
        self._stream = ports.streams.find(settings.stream).settings
        self._read = position
        self._lanes = [Lane() for _ in range(1 if settings.windowed else settings.parallelization_factor)]
        self._lanes[0].window = window
        self._on_exhausted: Callable[[Shard], None] | None = on_exhausted

    def look(self) -> None:
        """Read on and give each idle lane its next batch."""
        self._fill()
        for lane in self._lanes:
            self._pump(lane)
        self._advance()

    # --- Reading ------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Read ahead, at most as far as every lane needs for its next batch and one more.

        What the filter leaves out is no such record: reading goes on behind it.
        """
        settings, shard = self.settings, self.shard
        wanted = settings.wanted
        while self._read < shard.end and (room := self._room()) > 0:
            self._skip_expired()
            records = self._ports.streams.read(settings.stream, shard.id, self._read, room)
            self._read += len(records)
            if wanted is not None:
                records = [one for one in records if wanted(event_record(one, self._stream, shard.id))]
            self._hand_out(records)

    def _room(self) -> int:
        """How many records more may wait."""
        most = 2 * self.settings.batch_size * len(self._lanes)
        return most - sum(len(lane.waiting) for lane in self._lanes)

    def _hand_out(self, records: Sequence[StreamRecord]) -> None:
        now = self._ports.scheduler.now()
        weighed = self.settings.batching_window_seconds > 0
        if len(self._lanes) == 1 and not weighed:
            lane = self._lanes[0]
            lane.since = lane.since if lane.waiting else now
            lane.waiting += records
            return
        for record in records:
            lane = lane_of(record, self._lanes)
            if not lane.waiting:
                lane.since = now
            lane.waiting.append(record)
            if weighed:
                lane.waiting_bytes += most_bytes(record)

    def _skip_expired(self) -> None:
        horizon = self._ports.streams.horizon(self.settings.stream, self.shard.id)
        if horizon > self._read:
            self._discarded(self._read, horizon - 1, "Expired")
            self._read = horizon

    def _advance(self) -> None:
        """Move the checkpoint up to the first record that is not done with."""
        oldest = [record for lane in self._lanes if (record := lane.oldest()) is not None]
        position = min((self.shard.position(one.sequence_number) for one in oldest), default=self._read)
        if position > self.checkpoint:
            self.checkpoint = position
            self._ports.journal.append(
                Checkpointed(
                    at=self._ports.scheduler.now(),
                    mapping=self.settings.name,
                    shard=self.shard.id,
                    sequence_number=self.shard.sequence_number(position - 1),
                )
            )
            self.shard.done(self.settings.name, position)
        if self._is_exhausted() and self._on_exhausted is not None:
            told, self._on_exhausted = self._on_exhausted, None
            told(self.shard)

    @property
    def _is_at_end(self) -> bool:
        """The shard takes no more records, and all of them were read."""
        return self.shard.closed and self._read >= self.shard.end

    def _is_exhausted(self) -> bool:
        return self._is_at_end and all(
            lane.is_empty() and not lane.busy and lane.window is None for lane in self._lanes
        )

    # --- Batches ------------------------------------------------------------------------------------------

    def _pump(self, lane: Lane) -> None:
        """Give the function the lane's next batch, if it is time."""
        while not (lane.busy or lane.retry):
            if not lane.batches:
                now = self._ports.scheduler.now()
                due = form(lane, self.settings, now=now, at_end=self._is_at_end)
                if due is not None:
                    if due != NOTHING_COMES:
                        self._wake_at(lane, due)
                    return
            batch = lane.batches[0]
            self._discard_old(lane, batch)
            if batch.records or batch.final:
                self._deliver(lane, batch)
            else:
                lane.batches.popleft()
                self._fill()

    def _wake_at(self, lane: Lane, when: float) -> None:
        if lane.wake is not None:
            if lane.wake.when == when:
                return
            lane.wake.cancel()

        def woken() -> None:
            lane.wake = None
            self.look()

        lane.wake = self._ports.scheduler.call_at(when, woken)

    def _deliver(self, lane: Lane, batch: Batch) -> None:
        settings, ports = self.settings, self._ports
        payload = event_of(lane, batch, self._stream, self.shard.id)
        lane.busy = True
        batch.invocations += 1
        batch.request_id = ports.functions.run(
            settings.function,
            payload,
            lambda outcome: self._settle(lane, batch, outcome),
            source=settings.name,
            attempt=batch.invocations,
        )
        first, last = (batch.records[0], batch.records[-1]) if batch.records else (None, None)
        ports.journal.append(
            BatchDelivered(
                at=ports.scheduler.now(),
                mapping=settings.name,
                source=f"{settings.stream}/{self.shard.id}",
                function=settings.function,
                request_id=batch.request_id,
                count=len(batch.records),
                first=first.sequence_number if first else "",
                last=last.sequence_number if last else "",
                attempt=batch.invocations,
            )
        )

    # --- Verdicts -----------------------------------------------------------------------------------------

    def _settle(self, lane: Lane, batch: Batch, outcome: InvocationOutcome) -> None:
        lane.busy = False
        failed = first_failure(
            outcome,
            batch.records,
            windowed=lane.window is not None,
            reported=self.settings.report_batch_item_failures,
        )
        self._ports.journal.append(
            BatchSettled(
                at=self._ports.scheduler.now(),
                mapping=self.settings.name,
                request_id=outcome.request_id,
                failed=0 if failed is None else len(batch.records) - failed,
                error=None if outcome.error is None else outcome.error.error_type,
            )
        )
        if failed is None:
            lane.batches.popleft()
        elif outcome.error is not None and outcome.error.error_type == THROTTLED:
            batch.invocations -= 1
            self._retry_later(lane, batch)
        elif failed > 0:
            lane.batches[0] = Batch(batch.records[failed:])
        else:
            self._failed(lane, batch, outcome)
        if failed is None or failed > 0:
            self._keep_state(lane, batch, outcome)
        self._advance()
        self.look()

    def _failed(self, lane: Lane, batch: Batch, outcome: InvocationOutcome) -> None:
        settings = self.settings
        if settings.bisect_batch_on_function_error and len(batch.records) > 1:
            self._bisect(lane, batch)
            return
        batch.failures += 1
        allowed = settings.maximum_retry_attempts
        if 0 <= allowed < batch.failures and not batch.final:
            self._give_up(batch.records, "RetryAttemptsExhausted", batch, outcome)
            lane.batches.popleft()
            return
        self._retry_later(lane, batch)

    def _bisect(self, lane: Lane, batch: Batch) -> None:
        first, second = halves(batch)
        lane.batches[0] = second
        lane.batches.appendleft(first)
        self._ports.journal.append(
            BatchBisected(
                at=self._ports.scheduler.now(),
                mapping=self.settings.name,
                shard=self.shard.id,
                first=first.records[0].sequence_number,
                middle=first.records[-1].sequence_number,
                last=second.records[-1].sequence_number,
            )
        )

    def _retry_later(self, lane: Lane, batch: Batch) -> None:
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(batch.delays, _DOUBLINGS), LONGEST_DELAY_SECONDS)
        batch.delays += 1

        def again() -> None:
            lane.retry = None
            self.look()

        lane.retry = self._ports.scheduler.call_at(self._ports.scheduler.now() + delay, again)

    def _discard_old(self, lane: Lane, batch: Batch) -> None:
        """Give up what has grown too old while it waited: for the mapping, or for the stream itself."""
        now = self._ports.scheduler.now()
        limit: float = self._ports.streams.find(self.settings.stream).retention_hours * 3600
        condition: Condition = "Expired"
        if 0 <= self.settings.maximum_record_age_seconds < limit:
            limit, condition = self.settings.maximum_record_age_seconds, "RecordAgeExceeded"
        if batch.final:
            if lane.window is not None and now - lane.window.end > limit:
                batch.final = False
                self._set_window(lane, None)
            return
        records = batch.records
        if not records or now - records[0].arrived_at <= limit:
            return
        fresh = next((i for i, one in enumerate(records) if now - one.arrived_at <= limit), len(records))
        self._give_up(records[:fresh], condition, batch, None)
        batch.records = records[fresh:]
        batch.failures = batch.invocations = 0

    def _give_up(
        self,
        records: Sequence[StreamRecord],
        condition: Condition,
        batch: Batch,
        outcome: InvocationOutcome | None,
    ) -> None:
        ports, shard = self._ports, self.shard
        destination = None
        if condition != "Expired":
            destination = ports.destination.tell(
                GivenUp(
                    shard=shard.id,
                    records=records,
                    condition=condition,
                    invocations=batch.invocations,
                    request_id=batch.request_id or ports.destination.ids.uuid(),
                    outcome=outcome,
                ),
                stream=self._stream,
                function_arn=ports.functions.find(self.settings.function).arn,
                now=ports.scheduler.now(),
            )
        first, last = records[0].sequence_number, records[-1].sequence_number
        self._discarded(
            shard.position(first), shard.position(last), condition, len(records), destination=destination
        )

    def _discarded(
        self,
        first: int,
        last: int,
        condition: Condition,
        count: int | None = None,
        *,
        destination: str | None = None,
    ) -> None:
        self._ports.journal.append(
            RecordsDiscarded(
                at=self._ports.scheduler.now(),
                mapping=self.settings.name,
                shard=self.shard.id,
                first=self.shard.sequence_number(first),
                last=self.shard.sequence_number(last),
                count=last - first + 1 if count is None else count,
                condition=condition,
                destination=destination,
            )
        )

    # --- Windows ------------------------------------------------------------------------------------------

    def _keep_state(self, lane: Lane, batch: Batch, outcome: InvocationOutcome) -> None:
        """Take over the state that the function returned, or close the window after its last invocation."""
        window = lane.window
        if window is None:
            return
        if batch.final:
            again = Window(start=window.start, end=window.end) if batch.early else None
            self._set_window(lane, again)
            return
        state = state_of(outcome.payload) or "{}"
        self._set_window(lane, Window(start=window.start, end=window.end, state=state))
        if len(state.encode()) > STATE_LIMIT_BYTES:
            lane.batches.appendleft(Batch((), final=True, early=True))

    def _set_window(self, lane: Lane, window: Window | None) -> None:
        before, lane.window = lane.window, window
        start = window.start if window is not None else before.start if before is not None else 0.0
        self._ports.journal.append(
            WindowAdvanced(
                at=self._ports.scheduler.now(),
                mapping=self.settings.name,
                shard=self.shard.id,
                start=start,
                state=None if window is None else window.state,
            )
        )
