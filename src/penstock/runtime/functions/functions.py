"""Running functions: synchronously and asynchronously, with retries, concurrency and failures.

1. A function runs through the `Invoker` port. Every run is an `InvocationStarted` and an
   `InvocationFinished` in the journal.
2. An asynchronous invocation is tried again after one minute and then after two, as often as its function
   allows and as long as the event is young enough; then its record goes to the on-failure destination and its
   event to the dead-letter queue (Lambda, "How Lambda handles errors and retries with asynchronous
   invocation"). The record of one that succeeds goes to the on-success destination.
3. A throttled asynchronous invocation is tried again after 1 s, 2 s, 4 s, ... up to 5 minutes. That of a function
   whose reserved concurrency is zero is not tried again: it is given up at once.
4. That an invocation is settled is journaled before it is told of: an object in a bucket ends a turn of the journal,
   and a run that is cut off right after it has to know that this invocation is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.functions.records import NEVER_RUN, SUCCEEDED, Ended, Records
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import (
    THROTTLED,
    FunctionError,
    Invocation,
    InvocationOutcome,
    Invoker,
    Payload,
    refuse_large_payload,
)
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    Event,
    InvocationFinished,
    InvocationQueued,
    InvocationSettled,
    InvocationStarted,
    InvocationThrottled,
)
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError

RETRY_DELAYS_SECONDS: Final = (60.0, 120.0)
MAXIMUM_THROTTLE_DELAY_SECONDS: Final = 300.0
LATEST: Final = "$LATEST"

Done = Callable[[InvocationOutcome], None]


@dataclass(slots=True)
class _Event:
    """An asynchronous invocation that is not settled yet. `attempts` counts those that have ended."""

    queued: InvocationQueued
    attempts: int = 0
    throttled: int = 0


class Functions:
    """The functions of one run.

    Args:
        queues: where failures go.
        comes_again: whether an asynchronous invocation of this function that has succeeded runs once more, "because
            the queue itself is eventually consistent".

    Attributes:
        records: what is told of asynchronous invocations.
    """

    def __init__(
        self,
        settings: Iterable[FunctionSettings],
        *,
        invoker: Invoker,
        scheduler: Scheduler,
        journal: Journal,
        ids: Ids,
        queues: Queues,
        guard: Guard = EVERYTHING_ALLOWED,
        comes_again: Callable[[str], bool] = lambda function: False,
    ) -> None:
        self.comes_again = comes_again
        self.settings = {one.name: one for one in settings}
        self._invoker = invoker
        self._scheduler = scheduler
        self._journal = journal
        self._ids = ids
        self.records = Records(
            queues=queues,
            journal=journal,
            now=scheduler.now,
            ids=ids,
            guard=guard,
            invoke=lambda name, payload, source: self.queue_event(name, payload, source=source),
            arn_of=lambda name: self.find(name).arn,
        )
        self._running: Counter[str] = Counter()
        self._events: dict[str, _Event] = {}

    def find(self, name: str) -> FunctionSettings:
        """The function of this name, ARN or partial ARN, which may end with `:$LATEST` (Lambda, "Invoke").

        Raises:
            ServiceError: `ResourceNotFoundException`; so are versions and aliases: none is published here.
        """
        bare, _, qualifier = (name.partition("function:")[2] if "function:" in name else name).partition(":")
        found = self.settings.get(bare)
        if found is None or qualifier not in ("", LATEST):
            prefix = "" if name.startswith("arn:") else "arn:aws:lambda:us-east-1:123456789012:function:"
            raise ServiceError("ResourceNotFoundException", f"Function not found: {prefix}{name}", 404)
        return found

    # --- Running ------------------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        payload: Payload,
        done: Done,
        *,
        source: str,
        attempt: int = 1,
        request_id: str | None = None,
        asynchronous: bool = False,
    ) -> str:
        """Run a function once; `done` is told its outcome, in a later turn.

        A function whose reserved concurrency is used up is not run: its outcome is the error
        `TooManyRequestsException`.

        Returns:
            The request id.

        Raises:
            ServiceError: no such function, or the payload is too large.
        """
        settings = self.find(name)
        refuse_large_payload(payload, asynchronous=asynchronous)
        request_id = request_id or self._ids.uuid()
        if settings.reserved_concurrency is not None and (
            self._running[settings.name] >= settings.reserved_concurrency
        ):
            self._throttle(settings, request_id, source, done)
            return request_id
        self._running[settings.name] += 1
        self._journal.append(
            InvocationStarted(
                at=self._scheduler.now(),
                request_id=request_id,
                function=settings.name,
                attempt=attempt,
                source=source,
            )
        )

        def finished(outcome: InvocationOutcome) -> None:
            self._running[settings.name] -= 1
            self._finish(settings, outcome, attempt)
            done(outcome)

        self._invoker.invoke(
            Invocation(
                request_id=request_id,
                function=settings.name,
                handler=settings.handler,
                payload=payload,
                timeout_seconds=settings.timeout_seconds,
                memory_mb=settings.memory_mb,
                environment=settings.environment,
                asynchronous=asynchronous,
                arn=settings.arn,
            ),
            finished,
        )
        return request_id

    def _throttle(self, settings: FunctionSettings, request_id: str, source: str, done: Done) -> None:
        self._journal.append(
            InvocationThrottled(
                at=self._scheduler.now(), request_id=request_id, function=settings.name, source=source
            )
        )
        error = FunctionError(error_type=THROTTLED, error_message="Rate Exceeded.")
        outcome = InvocationOutcome(request_id=request_id, error=error)
        self._scheduler.call_soon(lambda: done(outcome))

    def _finish(self, settings: FunctionSettings, outcome: InvocationOutcome, attempt: int) -> None:
        error = outcome.error
        self._journal.append(
            InvocationFinished(
                at=self._scheduler.now(),
                request_id=outcome.request_id,
                function=settings.name,
                attempt=attempt,
                duration_seconds=outcome.duration_seconds,
                billed_seconds=max(1, -(-outcome.duration_seconds * 1000 // 1)) / 1000,
                memory_mb=settings.memory_mb,
                cold_start=outcome.cold_start,
                error=None if error is None else error.error_type,
                error_message=None if error is None else error.error_message,
            )
        )

    # --- Asynchronous invocation --------------------------------------------------------------------------

    def queue_event(self, name: str, payload: bytes, *, source: str) -> str:
        """Accept an asynchronous invocation; it runs in a later turn.

        Returns:
            The request id, the same for every attempt.

        Raises:
            ServiceError: no such function, or the payload is over 1 MB.
        """
        settings = self.find(name)
        refuse_large_payload(payload, asynchronous=True)
        queued = InvocationQueued(
            at=self._scheduler.now(),
            request_id=self._ids.uuid(),
            function=settings.name,
            payload=payload.decode(),
            source=source,
        )
        self._journal.append(queued)
        self.apply(queued)
        self._scheduler.call_soon(lambda: self._attempt(queued.request_id))
        return queued.request_id

    def apply(self, event: Event) -> None:
        """Do the change of one journal event: which asynchronous invocations are not settled yet."""
        match event:
            case InvocationQueued():
                self._events[event.request_id] = _Event(event)
            case InvocationFinished(request_id=request_id) if request_id in self._events:
                self._events[request_id].attempts = event.attempt
            case InvocationSettled(request_id=request_id):
                self._events.pop(request_id, None)
            case _:
                return

    def after_resume(self) -> None:
        """Go on with what was not settled; a run that was cut off is made again."""
        for request_id in self._events:
            self._scheduler.call_soon(lambda request_id=request_id: self._attempt(request_id))  # type: ignore[misc]

    def _attempt(self, request_id: str) -> None:
        event = self._events[request_id]
        queued = event.queued
        settings = self.settings[queued.function]
        if self._scheduler.now() - queued.at > settings.maximum_event_age_seconds:
            self._settle(settings, event, "EventAgeExceeded", None)
            return
        self.run(
            queued.function,
            queued.payload.encode(),
            lambda outcome: self._attempted(settings, event, outcome),
            source=queued.source,
            attempt=event.attempts + 1,
            request_id=request_id,
            asynchronous=True,
        )

    def _attempted(self, settings: FunctionSettings, event: _Event, outcome: InvocationOutcome) -> None:
        if outcome.error is None:
            if self.comes_again(settings.name):
                self._again(settings, event, 0.0, outcome)
                return
            self._settle(settings, event, SUCCEEDED, outcome)
            return
        if outcome.error.error_type == THROTTLED:
            if settings.reserved_concurrency == 0:
                self._settle(settings, event, NEVER_RUN, None)
                return
            delay = min(2.0**event.throttled, MAXIMUM_THROTTLE_DELAY_SECONDS)
            event.throttled += 1
            self._again(settings, event, delay, outcome)
            return
        event.attempts += 1
        if event.attempts > settings.maximum_retry_attempts:
            self._settle(settings, event, "RetriesExhausted", outcome)
            return
        delay = RETRY_DELAYS_SECONDS[min(event.attempts, len(RETRY_DELAYS_SECONDS)) - 1]
        self._again(settings, event, delay, outcome)

    def _again(
        self, settings: FunctionSettings, event: _Event, delay: float, outcome: InvocationOutcome
    ) -> None:
        when = self._scheduler.now() + delay
        # "Due" is not "begun": by the time that it could run, an event of just that age is older.
        if when - event.queued.at >= settings.maximum_event_age_seconds:
            self._settle(settings, event, "EventAgeExceeded", outcome)
            return
        self._scheduler.call_at(when, lambda: self._attempt(event.queued.request_id))

    def _settle(
        self, settings: FunctionSettings, event: _Event, condition: str, outcome: InvocationOutcome | None
    ) -> None:
        told = settings.on_success if condition == SUCCEEDED else settings.on_failure
        destination = told if condition == SUCCEEDED else told or settings.dead_letter_queue
        settled = InvocationSettled(
            at=self._scheduler.now(),
            request_id=event.queued.request_id,
            function=settings.name,
            condition=condition,
            destination=None if destination is None else destination.called,
        )
        self._journal.append(settled)
        self.apply(settled)
        ended = Ended(queued=event.queued, attempts=event.attempts, condition=condition, outcome=outcome)
        if condition != SUCCEEDED:
            self.records.give_up(settings, ended)
        elif settings.on_success is not None:
            self.records.tell(settings.on_success, settings, ended)
