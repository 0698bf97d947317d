"""Delivery streams at work: records are gathered, go through a function, and become objects of a bucket.

Sources: Amazon Data Firehose, "Understand data delivery", "Transform source data", "Handle failure in data
transformation", "Configure Amazon S3 object name format".

1. What is put is journaled before it is answered. It stays until an object has it, it was dropped, or it was put
   aside: a resumed run delivers the rest, some of it again.
2. One batch of a stream is transformed at a time, so records keep their order.
3. An invocation that fails is made again, `transformation_retries` times; then its records are put aside as they
   came, under `processing-failed/`. How long Firehose waits in between is not documented: 1 s, 2 s, 4 s, ... here.
4. The moment in an object's key is that of its oldest record: "when evaluating timestamps, Firehose uses the
   approximate arrival timestamp of the oldest record that's contained in the Amazon S3 object being written"
   ("Understand custom prefixes for Amazon S3 objects").
5. An object that cannot be written is tried again every five minutes, for 24 hours; those behind it wait, so that
   what is settled is always the oldest.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.aws_calls import REGION
from penstock.runtime.firehose.transformation import Failure, transformation_of
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import (
    SYNCHRONOUS_PAYLOAD_LIMIT_BYTES,
    THROTTLED,
    TIMED_OUT,
    InvocationOutcome,
)
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import DeliveryStreamPut, DeliveryStreamSettled, Event
from penstock.runtime.mappings.ports import RunsBatches
from penstock.runtime.scheduler import Scheduler, Timer
from penstock.runtime.services import ServiceError

MEGABYTE: Final = 1_048_576
LONGEST_DELAY_SECONDS: Final = 60.0
WRITE_AGAIN_SECONDS: Final = 300.0
WRITTEN_FOR_SECONDS: Final = 86_400.0

_ENVELOPE_BYTES: Final = 160
"""What a record's JSON has besides its data, at most."""

_FIRST_RECORD: Final = 49546986683135544286507457936321625675700192471156785154

PutObject = Callable[[str, str, bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStreamSettings:
    """A delivery stream's configuration; bucket and function by name."""

    name: str
    arn: str
    bucket: str
    prefix: str = ""
    error_prefix: str = ""
    buffering_seconds: float = 300.0
    buffering_bytes: int = 5 * MEGABYTE
    function: str | None = None
    transformation_seconds: float = 60.0
    transformation_bytes: int = MEGABYTE
    transformation_retries: int = 3


@dataclass(slots=True, kw_only=True)
class DeliveryPorts:
    """What delivery streams work with."""

    functions: RunsBatches
    put_object: PutObject
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    guard: Guard = EVERYTHING_ALLOWED


@dataclass(frozen=True, slots=True)
class _Record:
    identifier: str
    data: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class _Write:
    """An object to be written, and how many records are settled by it.

    Attributes:
        arrived_at: when its oldest record came.
    """

    prefix: str
    content: bytes
    count: int
    began: float
    arrived_at: float


@dataclass(slots=True)
class _Buffer:
    """What is gathered until it is large enough, or old enough."""

    size: int = 0
    timer: Timer | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class DeliveryStream:
    """One stream at work.

    `_pending` has every record that is not settled; of these, `_begun` are with the function or behind it.
    """

    def __init__(self, settings: DeliveryStreamSettings, ports: DeliveryPorts) -> None:
        self.settings = settings
        self.made_at = ports.scheduler.now()
        self._ports = ports
        self._pending: deque[_Record] = deque()
        self._begun = 0
        self._number = 0
        self._incoming, self._outgoing = _Buffer(), _Buffer()
        self._ready: list[_Record] = []
        self._writes: deque[_Write] = deque()
        self._done = 0
        self._busy = False

    def accept(self, records: Sequence[bytes], at: float) -> list[str]:
        """Take records in; returns their ids."""
        taken = []
        for data in records:
            taken.append(str(_FIRST_RECORD + self._number))
            self._number += 1
            self._pending.append(_Record(taken[-1], data, at))
            self._incoming.size += len(data)
        return taken

    def settle(self, count: int) -> None:
        """So many of the oldest records are done with."""
        for _ in range(count):
            record = self._pending.popleft()
            if self._begun:
                self._begun -= 1
            else:
                self._incoming.size -= len(record.data)

    def look(self) -> None:
        """Go on with what has come."""
        settings = self.settings
        if settings.function is None:
            for record in self._take(self._incoming.size):
                self._make_ready(record)
                self._done += 1
            self._write_if_full()
        elif not self._busy and self._incoming.size >= settings.transformation_bytes:
            self._transform()
        elif not self._busy and len(self._pending) > self._begun:
            self._wait(self._incoming, settings.transformation_seconds, self._transform)

    def _take(self, most_bytes: int, most_in_event: int | None = None) -> list[_Record]:
        """The next records: so many bytes of data, and of an event's JSON; at least one, if there is one."""
        found: list[_Record] = []
        size = in_event = 0
        for record in islice(self._pending, self._begun, None):
            size += len(record.data)
            in_event += _ENVELOPE_BYTES + len(record.data) * 4 // 3
            if found and (size > most_bytes or (most_in_event is not None and in_event > most_in_event)):
                break
            found.append(record)
        self._begun += len(found)
        self._incoming.size -= sum(len(one.data) for one in found)
        return found

    def _wait(self, buffer: _Buffer, seconds: float, act: Callable[[], None]) -> None:
        if buffer.timer is None:
            buffer.timer = self._ports.scheduler.call_at(self._ports.scheduler.now() + seconds, act)

    # --- Transforming -------------------------------------------------------------------------------------

    def _transform(self) -> None:
        self._incoming.stop()
        batch = self._take(
            self.settings.transformation_bytes, SYNCHRONOUS_PAYLOAD_LIMIT_BYTES - MEGABYTE // 64
        )
        if batch:
            self._busy = True
            self._invoke(batch, 1)

    def _invoke(self, batch: list[_Record], attempt: int) -> None:
        settings, ports = self.settings, self._ports
        function = settings.function or ""
        arn = ports.functions.find(function).arn
        event: dict[str, object] = {
            "invocationId": ports.ids.uuid(),
            "deliveryStreamArn": settings.arn,
            "region": REGION,
            "records": [
                {
                    "recordId": one.identifier,
                    "approximateArrivalTimestamp": int(one.arrived_at * 1000),
                    "data": base64.b64encode(one.data).decode(),
                }
                for one in batch
            ],
        }

        def done(outcome: InvocationOutcome) -> None:
            self._answered(batch, event, outcome, attempt)

        need = ("lambda:InvokeFunction", arn)
        refusal = ports.guard.refusal(self._caller, "lambda", "Invoke", need)
        if refusal is not None:
            failure = Failure("Lambda.InvokeAccessDenied", refusal.message)
            self._put_aside({one.identifier: failure for one in batch}, batch, attempt)
            self._finish(batch)
            return
        ports.functions.run(function, json.dumps(event).encode(), done, source=self._caller, attempt=attempt)

    def _answered(
        self, batch: list[_Record], event: dict[str, object], outcome: InvocationOutcome, attempt: int
    ) -> None:
        scheduler = self._ports.scheduler
        if outcome.error is not None and attempt <= self.settings.transformation_retries:
            delay = min(2.0 ** (attempt - 1), LONGEST_DELAY_SECONDS)
            scheduler.call_at(scheduler.now() + delay, lambda: self._invoke(batch, attempt + 1))
            return
        if outcome.error is not None:
            code = _CODES.get(outcome.error.error_type, "Lambda.FunctionError")
            failure = Failure(code, outcome.error.error_message)
            self._put_aside({one.identifier: failure for one in batch}, batch, attempt)
        else:
            made = transformation_of(event, json.loads(outcome.payload or b"null"))
            for one in batch:
                if (data := made.delivered.get(one.identifier)) is not None:
                    self._make_ready(replace(one, data=data))
            self._put_aside(made.failed, batch, attempt)
        self._finish(batch)

    def _finish(self, batch: list[_Record]) -> None:
        self._busy = False
        self._done += len(batch)
        self._write_if_full()
        self.look()

    def _put_aside(self, failed: dict[str, Failure], batch: list[_Record], attempts: int) -> None:
        settings, now = self.settings, self._ports.scheduler.now()
        arn = self._ports.functions.find(settings.function or "").arn
        refused = [one for one in batch if one.identifier in failed]
        lines = [
            json.dumps(
                {
                    "attemptsMade": attempts,
                    "arrivalTimestamp": int(one.arrived_at * 1000),
                    "errorCode": failed[one.identifier].code,
                    "errorMessage": failed[one.identifier].message,
                    "attemptEndingTimestamp": int(now * 1000),
                    "rawData": base64.b64encode(one.data).decode(),
                    "lambdaArn": f"{arn}:$LATEST",
                }
            )
            for one in refused
        ]
        if lines:
            prefix = f"{settings.error_prefix or settings.prefix}processing-failed/"
            self._write(prefix, "\n".join(lines).encode() + b"\n", 0, arrived_at=refused[0].arrived_at)

    # --- Writing ------------------------------------------------------------------------------------------

    def _make_ready(self, record: _Record) -> None:
        self._ready.append(record)
        self._outgoing.size += len(record.data)

    def _write_if_full(self) -> None:
        if not self._ready:
            self._write("", b"", self._done, arrived_at=self._ports.scheduler.now())
            self._done = 0
        elif self._outgoing.size >= self.settings.buffering_bytes:
            self._write_ready()
        else:
            self._wait(self._outgoing, self.settings.buffering_seconds, self._write_ready)

    def _write_ready(self) -> None:
        content, count = b"".join(one.data for one in self._ready), self._done
        arrived_at = self._ready[0].arrived_at
        self._ready, self._done = [], 0
        self._outgoing.size = 0
        self._outgoing.stop()
        self._write(self.settings.prefix, content, count, arrived_at=arrived_at)

    def _write(self, prefix: str, content: bytes, count: int, *, arrived_at: float) -> None:
        """Write an object, if there is something to write; so many records are settled by it, one after another."""
        self._writes.append(_Write(prefix, content, count, self._ports.scheduler.now(), arrived_at))
        if len(self._writes) == 1:
            self._go_on_writing()

    def _go_on_writing(self) -> None:
        scheduler = self._ports.scheduler
        while self._writes:
            write = self._writes[0]
            if not self._is_written(write) and scheduler.now() - write.began < WRITTEN_FOR_SECONDS:
                scheduler.call_at(scheduler.now() + WRITE_AGAIN_SECONDS, self._go_on_writing)
                return
            self._writes.popleft()
            if write.count:
                now = scheduler.now()
                event = DeliveryStreamSettled(at=now, stream=self.settings.name, count=write.count)
                self._ports.journal.append(event)
                self.settle(write.count)

    def _is_written(self, write: _Write) -> bool:
        if not write.content:
            return True
        settings, ports = self.settings, self._ports
        moment = dt.datetime.fromtimestamp(write.arrived_at, dt.UTC)
        name = f"{settings.name}-1-{moment:%Y-%m-%d-%H-%M-%S}-{ports.ids.uuid()}"
        key = f"{write.prefix}{moment:%Y/%m/%d/%H/}{name}"
        need = ("s3:PutObject", f"arn:aws:s3:::{settings.bucket}/{key}")
        if ports.guard.refusal(self._caller, "s3", "PutObject", need) is not None:
            return False
        try:
            ports.put_object(settings.bucket, key, write.content)
        except ServiceError:
            return False
        return True

    @property
    def _caller(self) -> str:
        return f"deliverystream/{self.settings.name}"


_CODES: Final = {TIMED_OUT: "Lambda.FunctionTimedOut", THROTTLED: "Lambda.InvokeLimitExceeded"}


@dataclass(slots=True)
class DeliveryStreams:
    """The delivery streams of one run."""

    settings: Iterable[DeliveryStreamSettings]
    ports: DeliveryPorts
    streams: dict[str, DeliveryStream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.streams = {one.name: DeliveryStream(one, self.ports) for one in self.settings}

    def find(self, name: str) -> DeliveryStream:
        """The stream of this name.

        Raises:
            ServiceError: `ResourceNotFoundException`.
        """
        found = self.streams.get(name)
        if found is None:
            raise ServiceError(
                "ResourceNotFoundException", f"Firehose {name} under account 123456789012 not found."
            )
        return found

    def put(self, name: str, records: Sequence[bytes]) -> list[str]:
        """Take records in, which are delivered later; returns their ids."""
        stream, now = self.find(name), self.ports.scheduler.now()
        self.ports.journal.append(DeliveryStreamPut(at=now, stream=name, records=tuple(records)))
        taken = stream.accept(records, now)
        self.ports.scheduler.call_soon(stream.look)
        return taken

    def apply(self, event: Event) -> None:
        """Do the change of one journal event."""
        match event:
            case DeliveryStreamPut():
                self.streams[event.stream].accept(event.records, event.at)
            case DeliveryStreamSettled():
                self.streams[event.stream].settle(event.count)
            case _:
                return

    def after_resume(self) -> None:
        """Go on with what was not delivered."""
        for stream in self.streams.values():
            self.ports.scheduler.call_soon(stream.look)
