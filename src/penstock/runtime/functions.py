"""Lambda for one run: synchronous and asynchronous invocation, retries, concurrency, failures.

1. A function runs through the `Invoker` port. Every run is an `InvocationStarted` and an
   `InvocationFinished` in the journal.
2. An asynchronous invocation is tried again after one minute and then after two, as often as its function
   allows and as long as the event is young enough; then its record goes to the on-failure destination and its
   event to the dead-letter queue (Lambda, "How Lambda handles errors and retries with asynchronous
   invocation"). The record of one that succeeds goes to the on-success destination.
3. A throttled asynchronous invocation is tried again after 1 s, 2 s, 4 s, ... up to 5 minutes. That of a function
   whose reserved concurrency is zero is not tried again: it is given up at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, cast

from penstock.errors import TargetError
from penstock.pipelines.iam.service_needs import bus_arn
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import (
    FunctionError,
    Invocation,
    InvocationOutcome,
    Invoker,
    refuse_large_payload,
)
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    Attribute,
    DestinationFailed,
    Event,
    InvocationFinished,
    InvocationQueued,
    InvocationSettled,
    InvocationStarted,
    InvocationThrottled,
)
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError, unanswered
from penstock.runtime.timestamps import milliseconds_text

RETRY_DELAYS_SECONDS: Final = (60.0, 120.0)
MAXIMUM_THROTTLE_DELAY_SECONDS: Final = 300.0
THROTTLED: Final = "TooManyRequestsException"
NEVER_RUN: Final = "ZeroReservedConcurrency"

Done = Callable[[InvocationOutcome], None]


class PutsRecords(Protocol):
    """What gives an invocation record to an event bus: `Buses`."""

    def put_record(self, bus: str, record: Mapping[str, object], *, succeeded: bool) -> object: ...


class PublishesTexts(Protocol):
    """What publishes an invocation record to a topic: `Topics`."""

    def publish_text(self, arn: str, text: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the records of asynchronous invocations go, by name (a topic by its ARN)."""

    kind: Literal["queue", "function", "event bus", "topic"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """A function's configuration on this target.

    Attributes:
        on_success, on_failure: the destinations.
        dead_letter_queue: by name.
    """

    name: str
    arn: str
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 30.0
    memory_mb: int = 512
    reserved_concurrency: int | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age_seconds: float = 21_600.0
    on_success: Destination | None = None
    on_failure: Destination | None = None
    dead_letter_queue: str | None = None


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
        buses, topics: where records go whose destination is an event bus or a topic; the composition root sets
            them, since both invoke functions in their turn.
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
        self._guard = guard
        self._invoker = invoker
        self._scheduler = scheduler
        self._journal = journal
        self._ids = ids
        self._queues = queues
        self.buses: PutsRecords | None = None
        self.topics: PublishesTexts | None = None
        self._running: Counter[str] = Counter()
        self._events: dict[str, _Event] = {}

    def find(self, name: str) -> FunctionSettings:
        """The function of this name, ARN or partial ARN.

        Raises:
            ServiceError: `ResourceNotFoundException`.
        """
        bare = (name.partition("function:")[2] if "function:" in name else name).partition(":")[0]
        found = self.settings.get(bare)
        if found is None:
            prefix = "" if name.startswith("arn:") else "arn:aws:lambda:us-east-1:123456789012:function:"
            raise ServiceError("ResourceNotFoundException", f"Function not found: {prefix}{name}", 404)
        return found

    # --- Running ------------------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        payload: bytes,
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
            self._settle(settings, event, "Success", outcome)
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
        destination = None
        if condition != "Success":
            destination = self._give_up(settings, event, condition, outcome)
        elif settings.on_success is not None:
            destination = self._tell(settings.on_success, settings, event, condition, outcome)
        settled = InvocationSettled(
            at=self._scheduler.now(),
            request_id=event.queued.request_id,
            function=settings.name,
            condition=condition,
            destination=destination,
        )
        self._journal.append(settled)
        self.apply(settled)

    def _give_up(
        self, settings: FunctionSettings, event: _Event, condition: str, outcome: InvocationOutcome | None
    ) -> str | None:
        """Send the event to the dead-letter queue and the record to the destination; name where it went."""
        letters = None
        if settings.dead_letter_queue is not None:
            letters = self._try(
                Destination("queue", settings.dead_letter_queue),
                settings,
                event,
                lambda name: self._queues.send(
                    name,
                    event.queued.payload,
                    attributes=_dead_letter_attributes(event.queued.request_id, condition, outcome),
                    sender=settings.name,
                ),
            )
        if settings.on_failure is None:
            return letters
        return self._tell(settings.on_failure, settings, event, condition, outcome)

    def _tell(
        self,
        destination: Destination,
        settings: FunctionSettings,
        event: _Event,
        condition: str,
        outcome: InvocationOutcome | None,
    ) -> str | None:
        record = self._record(settings, event, condition, outcome)
        succeeded = condition == "Success"
        return self._try(
            destination,
            settings,
            event,
            lambda _: self._hand_over(destination, settings, record, succeeded=succeeded),
        )

    def _try(
        self,
        destination: Destination,
        settings: FunctionSettings,
        event: _Event,
        send: Callable[[str], object],
    ) -> str | None:
        """Let `send` give something to a destination, and name it; None if nothing was delivered.

        "Delivery errors can occur due to permissions errors, misconfigured resources, or size limits"
        (Lambda, "Capturing records of Lambda asynchronous invocations"): what was to be delivered is lost.
        """
        if self._is_refused(settings, destination):
            return None
        name = destination.name.rpartition(":")[2]
        try:
            send(destination.name)
        except ServiceError as error:
            self._journal.append(
                DestinationFailed(
                    at=self._scheduler.now(),
                    request_id=event.queued.request_id,
                    function=settings.name,
                    destination=name,
                    error=error.code,
                    message=error.message,
                )
            )
            return None
        return name

    def _hand_over(
        self,
        destination: Destination,
        settings: FunctionSettings,
        record: dict[str, object],
        *,
        succeeded: bool,
    ) -> None:
        """Give a record to its destination.

        Raises:
            ServiceError: the destination does not take it.
        """
        text = json.dumps(record, ensure_ascii=False)
        match destination.kind:
            case "queue":
                self._queues.send(destination.name, text, sender=settings.name)
            case "function":
                self.queue_event(destination.name, text.encode(), source=settings.arn)
            case "event bus":
                if self.buses is None:
                    raise TargetError(
                        f'the record of "{settings.name}" has the event bus "{destination.name}" as its '
                        "destination, and there are no event buses here",
                        fix="set Functions.buses",
                    )
                self.buses.put_record(destination.name, record, succeeded=succeeded)
            case "topic":
                if self.topics is None:
                    raise TargetError(
                        f'the record of "{settings.name}" has the topic "{destination.name}" as its destination, '
                        "and there are no topics here",
                        fix="set Functions.topics",
                    )
                self.topics.publish_text(destination.name, text)

    def _is_refused(self, settings: FunctionSettings, destination: Destination) -> bool:
        """Whether the function's role does not allow what Lambda does in its name; then nothing is sent."""
        match destination.kind:
            case "queue":
                arn = self._queues.find(destination.name).settings.arn
                service, operation, action = "sqs", "SendMessage", "sqs:SendMessage"
            case "function":
                arn = self.find(destination.name).arn
                service, operation, action = "lambda", "Invoke", "lambda:InvokeFunction"
            case "event bus":
                arn = bus_arn(destination.name)
                service, operation, action = "events", "PutEvents", "events:PutEvents"
            case "topic":
                arn = destination.name
                service, operation, action = "sns", "Publish", "sns:Publish"
        return self._guard.refusal(settings.name, service, operation, (action, arn)) is not None

    def _record(
        self, settings: FunctionSettings, event: _Event, condition: str, outcome: InvocationOutcome | None
    ) -> dict[str, object]:
        """The invocation record (Lambda, "Adding a destination": "Invocation record")."""
        record: dict[str, object] = {
            "version": "1.0",
            "timestamp": milliseconds_text(self._scheduler.now()),
            "requestContext": {
                "requestId": event.queued.request_id,
                "functionArn": f"{settings.arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": event.attempts + (condition == "Success"),
            },
            "requestPayload": json.loads(event.queued.payload),
        }
        if outcome is None:
            return record
        if outcome.error is None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
            record["responsePayload"] = json.loads(outcome.payload or b"null")
        else:
            record["responseContext"] = {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            }
            record["responsePayload"] = json.loads(outcome.error.payload(outcome.request_id))
        return record


def _dead_letter_attributes(
    request_id: str, condition: str, outcome: InvocationOutcome | None
) -> dict[str, Attribute]:
    """What Lambda says of a dead letter: the status of the last attempt, and the first 1 KB of its error."""
    error = None if outcome is None else outcome.error
    throttled = condition == NEVER_RUN or (error is not None and error.error_type == THROTTLED)
    code = "429" if throttled else "200"
    text = (error.error_message if error else "") or ("Rate Exceeded." if throttled else "Unhandled")
    first = text.encode()[:1024].decode(errors="ignore")
    return {
        "RequestID": Attribute(data_type="String", string_value=request_id),
        "ErrorCode": Attribute(data_type="Number", string_value=code),
        "ErrorMessage": Attribute(data_type="String", string_value=first),
    }


class LambdaService:
    """Answers the Lambda API from `Functions`."""

    def __init__(self, functions: Functions, scheduler: Scheduler) -> None:
        self.functions = functions
        self._scheduler = scheduler

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.operation != "Invoke":
            raise unanswered("lambda", call.operation)
        name = str(call.parameters["FunctionName"])
        payload = _payload(call.parameters.get("Payload"))
        _check_payload(payload)
        match call.parameters.get("InvocationType", "RequestResponse"):
            case "DryRun":
                self.functions.find(name)
                return {"StatusCode": 204}
            case "Event":
                self.functions.queue_event(name, payload, source=call.caller or "")
                return {"StatusCode": 202, "Payload": b""}
            case _:
                raise self._synchronously(name, payload, call.caller or "")

    def _synchronously(self, name: str, payload: bytes, source: str) -> AnswerLater:
        promise = AnswerLater(lambda: self._scheduler.run_until(lambda: promise.settled))

        def done(outcome: InvocationOutcome) -> None:
            error = outcome.error
            if error is None:
                answer: dict[str, object] = {"StatusCode": 200, "Payload": outcome.payload or b"null"}
                promise.resolve({**answer, "ExecutedVersion": "$LATEST"})
            elif error.error_type == THROTTLED:
                promise.fail(
                    ServiceError(
                        THROTTLED,
                        error.error_message,
                        429,
                        fields={"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
                    )
                )
            else:
                answer = {"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}
                promise.resolve({**answer, "Payload": error.payload(outcome.request_id)})

        self.functions.run(name, payload, done, source=source)
        return promise


def _payload(given: object) -> bytes:
    if isinstance(given, bytes | bytearray):
        return bytes(given) or b"{}"
    if isinstance(given, str):
        return given.encode() or b"{}"
    return cast("bytes", given.read()) or b"{}" if hasattr(given, "read") else b"{}"


def _check_payload(payload: bytes) -> None:
    """Refuse what is no JSON (Lambda, "Invoke").

    Raises:
        ServiceError: `InvalidRequestContentException`.
    """
    try:
        json.loads(payload)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", 400
        ) from error
