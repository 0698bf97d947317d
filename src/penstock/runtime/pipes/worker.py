"""A pipe's worker: a batch is enriched, and handed over to the target; what failed is told to the reader.

Sources: EventBridge, "Amazon EventBridge Pipes", "Amazon EventBridge Pipes batching and concurrency", "Amazon
EventBridge Pipes error handling and troubleshooting", "Event enrichment in Amazon EventBridge Pipes".

1. To the reader the worker is a function: it is run with a batch and has an outcome. Order, retries, age, bisecting
   and checkpoints are the reader's.
2. Enrichments and targets that are functions or state machines get one JSON array; queues, streams, buses and topics
   get the records one by one. Templates are filled in for each record.
3. With more records than the target takes in one call, which an enrichment may make, it is not called: the batch
   has failed. An enrichment that answers with nothing (`""`, `{}`, `[]`, null) ends the batch, which counts as done.
4. A function or a state machine that is waited for may name failed records (`batchItemFailures`); of a target that
   takes records one by one, those that it did not take are named. If the enrichment has changed their number, all of
   them have failed.
5. A target that cannot be reached, or throttles, is AWS's trouble and no failure: the batch goes through the pipe
   again, after 1 s, 2 s, ... up to a minute, and no attempt is used up. Messages are kept hidden meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from penstock.pipelines.input_transformers import MISSING, PipeInput, parse_json_path
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.delivery.faults import Faults
from penstock.runtime.delivery.targets import is_worth_trying_again, json_of
from penstock.runtime.events.buses import Buses, NewEvent
from penstock.runtime.executions.drive import Drive
from penstock.runtime.functions.functions import Functions
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import FunctionError, InvocationOutcome, Payload, written
from penstock.runtime.pipes.records import Record, flattened, identifier, opened, source_identifier, told
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.streams import NewRecord, Streams
from penstock.runtime.timestamps import milliseconds_text
from penstock.runtime.topics.topics import Topics

LONGEST_DELAY_SECONDS: Final = 60.0
RUN_SECONDS: Final = 300.0
"""For how long a pipe works on a batch, at most ("Quotas": five minutes)."""

Done = Callable[[InvocationOutcome], None]
Kind = Literal["queue", "stream", "event bus", "function", "state machine", "topic"]


_CALLS: Final[Mapping[Kind, tuple[str, str, str]]] = {
    "queue": ("sqs", "SendMessage", "SendMessage"),
    "stream": ("kinesis", "PutRecord", "PutRecord"),
    "event bus": ("events", "PutEvents", "PutEvents"),
    "function": ("lambda", "Invoke", "InvokeFunction"),
    "state machine": ("stepfunctions", "StartExecution", "StartExecution"),
    "topic": ("sns", "Publish", "Publish"),
}
"""What a pipe calls: service, operation and action."""

_MOST_AT_ONCE: Final[Mapping[Kind, int]] = {"queue": 10, "stream": 500, "event bus": 10, "topic": 10}
"""Records that a target takes in a call; with more, which an enrichment may make, it is not called ("Batching")."""


class RunsExecutions(Protocol):
    """What runs a state machine: `StepFunctions`."""

    def start_execution(self, arn: str, name: str | None, value: object) -> Drive: ...

    def when_ended(self, arn: str, listener: Callable[[Drive], None]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """An enrichment or a target, by name (a state machine and a topic by their ARNs)."""

    kind: Kind
    name: str
    arn: str
    input: PipeInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeSettings:
    """A pipe, without its source's settings.

    Attributes:
        queue: the source, if it is a queue, by name.
        waits: the target's answer is waited for.
    """

    name: str
    arn: str
    source_arn: str
    target: End
    enrichment: End | None = None
    queue: str | None = None
    waits: bool = True
    message_group_id: str | None = None
    partition_key: str | None = None
    detail_type: str = ""
    event_source: str = ""
    timeout_seconds: float = RUN_SECONDS


@dataclass(slots=True)
class Ports:
    """What a pipe may read from and send to."""

    queues: Queues
    streams: Streams
    functions: Functions
    executions: RunsExecutions
    buses: Buses
    topics: Topics
    faults: Faults
    scheduler: Scheduler
    ids: Ids
    guard: Guard = EVERYTHING_ALLOWED


@dataclass(slots=True)
class _Batch:
    """A batch on its way through the pipe."""

    request_id: str
    records: list[Record]
    done: Done
    began: float
    delays: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def succeed(self, failed: list[str]) -> None:
        self.done(InvocationOutcome(request_id=self.request_id, payload=told(failed)))

    def fail(self, error_type: str, message: str) -> None:
        error = FunctionError(error_type=error_type, error_message=message)
        self.done(InvocationOutcome(request_id=self.request_id, error=error))


class PipeWorker:
    """Stands where a mapping has its function."""

    def __init__(self, settings: PipeSettings, ports: Ports) -> None:
        self.settings = settings
        self._ports = ports

    def find(self, _: str, /) -> PipeSettings:
        """The pipe, which is the only thing that its reader invokes."""
        return self.settings

    def run(self, _: str, payload: Payload, done: Done, *, source: str, attempt: int = 1) -> str:
        """Take a batch; `done` is told its outcome in a later turn. Returns the batch's id."""
        records = [flattened(one) for one in json.loads(written(payload))["Records"]]
        batch = _Batch(self._ports.ids.uuid(), records, done, self._ports.scheduler.now())
        self._ports.scheduler.call_soon(lambda: self._enrich(batch))
        return batch.request_id

    # --- Enriching ----------------------------------------------------------------------------------------

    def _enrich(self, batch: _Batch) -> None:
        batch.known = self._known()
        enrichment = self.settings.enrichment
        if enrichment is None:
            self._hand_over(batch, list(batch.records))
            return
        body = self._array(enrichment, list(batch.records), batch)

        def answered(text: str | None) -> None:
            value = None if text is None else json.loads(text)
            if value in (None, "", {}, []):
                batch.succeed([])
            else:
                self._hand_over(batch, value if isinstance(value, list) else [value])

        self._ask(enrichment, body, batch, answered)

    def _ask(self, end: End, body: str, batch: _Batch, answered: Callable[[str | None], None]) -> None:
        """Run a function or a state machine, and wait for its answer; what fails, fails the batch."""

        def function_ended(outcome: InvocationOutcome) -> None:
            if outcome.error is not None:
                batch.fail(outcome.error.error_type, outcome.error.error_message)
            else:
                answered(None if outcome.payload is None else outcome.payload.decode())

        def execution_ended(drive: Drive) -> None:
            execution = drive.execution
            if execution.status.value == "SUCCEEDED":
                answered(json.dumps(execution.output))
            else:
                batch.fail(execution.error or execution.status.value, execution.cause or "")

        try:
            self._reach(end, waits=True)
            if end.kind == "function":
                self._ports.functions.run(end.name, body.encode(), function_ended, source=self._sender)
            else:
                drive = self._ports.executions.start_execution(end.name, None, json.loads(body))
                self._ports.executions.when_ended(drive.arn, execution_ended)
        except ServiceError as error:
            self._refused(batch, error)

    # --- Handing over -------------------------------------------------------------------------------------

    def _hand_over(self, batch: _Batch, items: list[object]) -> None:
        target = self.settings.target
        most = _MOST_AT_ONCE.get(target.kind)
        if most is not None and len(items) > most:
            batch.fail(
                "ValidationException", f"{len(items)} records are more than a {target.kind} takes: {most}"
            )
            return
        if target.kind in ("function", "state machine"):
            body = self._array(target, items, batch)
            if self.settings.waits:
                self._ask(target, body, batch, lambda text: self._settle(batch, text))
                return
            try:
                self._reach(target)
                if target.kind == "function":
                    self._ports.functions.queue_event(target.name, body.encode(), source=self._sender)
                else:
                    self._ports.executions.start_execution(target.name, None, json.loads(body))
            except ServiceError as error:
                self._refused(batch, error)
                return
            batch.succeed([])
            return
        failed: list[str] = []
        for number, item in enumerate(items):
            try:
                self._reach(target)
                self._give(target, item, batch, number)
            except ServiceError as error:
                if is_worth_trying_again(error) and number == 0:
                    self._refused(batch, error)
                    return
                if len(items) != len(batch.records):
                    batch.fail(error.code, error.message)
                    return
                failed.append(identifier(batch.records[number]))
        batch.succeed(failed)

    def _give(self, target: End, item: object, batch: _Batch, number: int) -> None:
        settings, ports = self.settings, self._ports
        text = self._text(target, item, batch)
        match target.kind:
            case "queue":
                fifo = settings.message_group_id is not None
                ports.queues.send(
                    target.name,
                    text,
                    group_id=self._valued(settings.message_group_id, item) if fifo else None,
                    deduplication_id=f"{source_identifier(batch.records[number % len(batch.records)])}/{number}"
                    if fifo
                    else None,
                    sender=self._sender,
                )
            case "stream":
                key = self._valued(settings.partition_key, item)
                ports.streams.put(target.name, [NewRecord(text.encode(), key)])
            case "event bus":
                detail = json.loads(json_of(text))
                if not isinstance(detail, dict):
                    raise ServiceError("MalformedDetail", "Detail is malformed.")
                ports.buses.put(
                    NewEvent(
                        source=settings.event_source,
                        detail_type=settings.detail_type,
                        detail=detail,
                        bus=target.name,
                    )
                )
            case _:
                ports.topics.publish_text(target.arn, text)

    def _settle(self, batch: _Batch, answer: str | None) -> None:
        """What a target that was waited for has said of the records."""
        value = json.loads(answer or "null")
        failures = value.get("batchItemFailures") if isinstance(value, dict) else None
        if not isinstance(failures, list):
            batch.succeed([])
            return
        names = {source_identifier(one): identifier(one) for one in batch.records}
        given = [one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures]
        # What the reader does not know makes the whole batch a failure, as a mapping has it.
        batch.succeed([names.get(str(one), str(one)) for one in given])

    # --- Trouble ------------------------------------------------------------------------------------------

    def _reach(self, end: End, *, waits: bool = False) -> None:
        """Raise what a service would that cannot be reached, or that the pipe's role does not allow."""
        self._ports.faults.check(end.name.rpartition(":")[2])
        service, operation, action = _CALLS[end.kind]
        if end.kind == "state machine" and waits:
            operation = action = "StartSyncExecution"
        need = (f"{'states' if service == 'stepfunctions' else service}:{action}", end.arn)
        refused = self._ports.guard.refusal(self._sender, service, operation, need)
        if refused is not None:
            raise refused

    def _refused(self, batch: _Batch, error: ServiceError) -> None:
        """Something did not take the batch: it goes through the pipe again later, or has failed."""
        if not is_worth_trying_again(error) or not self._is_still_wanted(batch):
            batch.fail(error.code, error.message)
            return
        scheduler = self._ports.scheduler
        delay = min(2.0 ** min(batch.delays, 6), LONGEST_DELAY_SECONDS)
        batch.delays += 1
        if self.settings.queue is not None:
            hidden = delay + RUN_SECONDS
            ids = [str(one["messageId"]) for one in batch.records]
            self._ports.queues.change_visibility(self.settings.queue, ids, hidden)
        scheduler.call_at(scheduler.now() + delay, lambda: self._enrich(batch))

    def _is_still_wanted(self, batch: _Batch) -> bool:
        """Whether the source still has one of the records."""
        if self.settings.queue is not None:
            messages = self._ports.queues.find(self.settings.queue).messages
            return any(str(one["messageId"]) in messages for one in batch.records)
        stream = self._ports.streams.find(self.settings.source_arn)
        waited = self._ports.scheduler.now() - batch.began
        return waited < stream.retention_hours * 3600

    # --- Texts --------------------------------------------------------------------------------------------

    @property
    def _sender(self) -> str:
        return f"pipe/{self.settings.name}"

    def _known(self) -> dict[str, str]:
        settings = self.settings
        return {
            "aws.pipes.pipe-arn": settings.arn,
            "aws.pipes.pipe-name": settings.name,
            "aws.pipes.source-arn": settings.source_arn,
            "aws.pipes.enrichment-arn": "" if settings.enrichment is None else settings.enrichment.arn,
            "aws.pipes.target-arn": settings.target.arn,
            "aws.pipes.event.ingestion-time": milliseconds_text(self._ports.scheduler.now()),
        }

    def _text(self, end: End, item: object, batch: _Batch) -> str:
        if end.input is None:
            return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        return end.input.made_of(item, opened(item), batch.known)

    def _array(self, end: End, items: list[object], batch: _Batch) -> str:
        if end.input is None:
            return json.dumps(items, ensure_ascii=False)
        return f"[{', '.join(json_of(self._text(end, item, batch)) for item in items)}]"

    def _valued(self, given: str | None, item: object) -> str:
        """A text as it is, or what a path finds in a record."""
        if given is None or not given.startswith("$"):
            return given or ""
        found = parse_json_path(given).find(opened(item))
        if found is MISSING:
            raise ServiceError("ValidationException", f"{given} finds nothing in the record")
        return found if isinstance(found, str) else json.dumps(found)
