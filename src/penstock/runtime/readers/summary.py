"""What a run came to: chunks, retries, dead letters, time and throughput, read from the journal's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from penstock.runtime.journal_events import (
    BatchDelivered,
    BatchSettled,
    CallMade,
    DestinationFailed,
    Event,
    ExecutionFinished,
    FeedAdvanced,
    InvocationFinished,
    InvocationSettled,
    MapItemDone,
    MessageDeadLettered,
    MessagesDeleted,
    MessageSent,
    RecordsDiscarded,
    RunFinished,
    RunResumed,
    RunStarted,
    StateRetried,
    WindowAdvanced,
)
from penstock.runtime.readers.cost import Cost
from penstock.runtime.s3.objects import ObjectWritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An execution that did not succeed."""

    execution: str
    status: str
    error: str
    cause: str


@dataclass(slots=True, kw_only=True)
class FunctionFailures:
    """What one function did not do.

    Attributes:
        invocations: that failed, by the type of their error.
        messages: the last error's text of each type.
        records: that its answers named as failed, each as often as it was delivered.
    """

    invocations: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    records: int = 0


@dataclass(slots=True, kw_only=True)
class Summary:
    """A run so far.

    Attributes:
        input_bucket: where files enter.
        input_bytes: what the program that runs the pipeline put there.
        retries: states that a retrier had tried again, and invocations that ran again.
        discarded: stream records that were given up; `told_of` of them went to an on-failure destination.
        given_up: events of asynchronous invocations that failed; `lost` of them are told of nowhere.
        destinations: where records and events went that were given up, and how many.
        functions: what failed, by function.
        waiting: messages that lie in each queue.
        redriven: messages that their queue's redrive policy moved to a dead-letter queue.
        denied: what roles did not allow, by caller, action and ARN, and how often.
        seconds: by the run's clock, without the time between a kill and a resumption.
    """

    input_bucket: str = ""
    run_id: str = ""
    workers: int = 0
    input_bytes: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    retries: int = 0
    invocations: int = 0
    cold_starts: int = 0
    executions: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    waiting: Counter[str] = field(default_factory=Counter)
    redriven: int = 0
    records_fed: int = 0
    windows_closed: int = 0
    discarded: int = 0
    told_of: int = 0
    given_up: int = 0
    lost: int = 0
    destinations: Counter[str] = field(default_factory=Counter)
    functions: dict[str, FunctionFailures] = field(default_factory=dict)
    denied: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    resumptions: int = 0
    seconds: float = 0.0
    cost: Cost = field(default_factory=Cost)
    _batches: dict[str, str] = field(default_factory=dict)
    _last_given_up: tuple[str, str | None] = ("", None)
    _since: float = 0.0
    _last: float = 0.0

    def read(self, event: Event) -> None:
        """Take one event."""
        self._keep_time(event)
        self.cost.read(event)
        match event:
            case RunStarted():
                self.run_id, self.workers = event.run_id, event.workers
            case RunResumed():
                self.resumptions += 1
            case ObjectWritten(caller=None) if event.bucket == self.input_bucket:
                self.input_bytes += event.object.size_bytes
            case MapItemDone(status=status):
                self.chunks_done += event.items
                self.chunks_failed += event.items if status != "SUCCEEDED" else 0
            case StateRetried():
                self.retries += 1
            case InvocationFinished():
                self.invocations += 1
                self.cold_starts += event.cold_start
                self.retries += event.attempt > 1
                self._end_invocation(event)
            case InvocationSettled(condition=condition) if condition != "Success":
                self._give_up(event.destination, 1)
                self.given_up += 1
                self.lost += event.destination is None
                self._last_given_up = (event.request_id, event.destination)
            case DestinationFailed():
                self.lost += 1
                if (event.request_id, event.destination) == self._last_given_up:
                    self.destinations[event.destination] -= 1
            case BatchDelivered():
                self._batches[event.request_id] = event.function
            case BatchSettled():
                self._end_batch(event)
            case ExecutionFinished():
                self._end_execution(event)
            case MessageSent(queue=queue):
                self.waiting[queue] += 1
            case MessagesDeleted(queue=queue):
                self.waiting[queue] -= len(event.message_ids)
            case MessageDeadLettered():
                self.redriven += 1
                self.waiting[event.queue] -= 1
                self.waiting[event.dead_letter_queue] += 1
            case FeedAdvanced(count=count):
                self.records_fed += count
            case WindowAdvanced(state=None):
                self.windows_closed += 1
            case CallMade(denied=(action, resource)):
                self.denied[event.function, action, resource] += event.count
            case RecordsDiscarded(count=count):
                self.discarded += count
                self.told_of += count if event.destination is not None else 0
                self._give_up(event.destination, count)
            case _:
                return

    def _give_up(self, destination: str | None, count: int) -> None:
        if destination is not None:
            self.destinations[destination] += count

    def _failures_of(self, function: str) -> FunctionFailures:
        return self.functions.setdefault(function, FunctionFailures())

    def _end_invocation(self, event: InvocationFinished) -> None:
        if event.error is not None:
            failures = self._failures_of(event.function)
            failures.invocations[event.error] += 1
            failures.messages[event.error] = event.error_message or ""

    def _end_batch(self, event: BatchSettled) -> None:
        function = self._batches.pop(event.request_id, None)
        if function is not None and event.failed and event.error is None:
            self._failures_of(function).records += event.failed

    def _keep_time(self, event: Event) -> None:
        if isinstance(event, RunStarted | RunResumed):
            self._since = event.at
        elif isinstance(event, RunFinished) or event.at > self._last:
            self.seconds += max(0.0, event.at - max(self._last, self._since))
        self._last = max(self._last, event.at)

    def _end_execution(self, event: ExecutionFinished) -> None:
        self.executions[event.status] += 1
        if event.status != "SUCCEEDED":
            self.failures.append(
                Failure(
                    execution=event.execution.rpartition(":")[2],
                    status=event.status,
                    error=event.error or "",
                    cause=event.cause or "",
                )
            )

    @property
    def succeeded(self) -> bool:
        """No execution failed, nothing was given up without being told of, and no role lacked anything."""
        return not (self.failures or self.lost or self.discarded > self.told_of or self.denied)

    def dead_letters(self, queues: Collection[str]) -> dict[str, int]:
        """How many messages lie in each of these queues; those without any are left out."""
        return {queue: self.waiting[queue] for queue in queues if self.waiting[queue] > 0}


def summarize(events: Iterable[Event], *, input_bucket: str = "") -> Summary:
    """The summary of a whole journal."""
    summary = Summary(input_bucket=input_bucket)
    for event in events:
        summary.read(event)
    return summary
