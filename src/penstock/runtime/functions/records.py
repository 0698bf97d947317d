"""What is told of asynchronous invocations: dead letters, and records for their destinations.

Source: Lambda, "Capturing records of Lambda asynchronous invocations". A queue, a topic and a function get the record
as a text, an event bus as the detail of an event, a bucket as an object of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from penstock.errors import TargetError
from penstock.pipelines.iam.service_needs import bus_arn
from penstock.runtime.access import Guard
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, DestinationFailed, InvocationQueued
from penstock.runtime.queues.queues import Queues
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import dated_key, milliseconds_text

SUCCEEDED: Final = "Success"
NEVER_RUN: Final = "ZeroReservedConcurrency"


class PutsRecords(Protocol):
    """What gives an invocation record to an event bus: `Buses`."""

    def put_record(self, bus: str, record: Mapping[str, object], *, succeeded: bool) -> object: ...


class PublishesTexts(Protocol):
    """What publishes an invocation record or a dead letter to a topic: `Topics`."""

    def publish_text(self, arn: str, text: str, attributes: Mapping[str, Attribute] = ...) -> object: ...


PutsObjects = Callable[[str, str, bytes], object]
"""Puts an invocation record into a bucket: bucket, key, content."""

NO_ATTRIBUTES: Final[Mapping[str, Attribute]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An asynchronous invocation that is over.

    Attributes:
        attempts: how many of them failed.
        condition: `SUCCEEDED`, or why it was given up.
        outcome: of the last attempt; None if that is not why it is over.
    """

    queued: InvocationQueued
    attempts: int
    condition: str
    outcome: InvocationOutcome | None


class Records:
    """Gives dead letters and records away.

    Args:
        invoke: queues an event for a function: its name, the payload, who sends it.
        arn_of: a function's ARN, by its name.

    Attributes:
        buses, topics, put_object: where records go whose destination is an event bus, a topic or a bucket; the
            composition root sets them, since all of them invoke functions in their turn.
    """

    def __init__(
        self,
        *,
        queues: Queues,
        journal: Journal,
        now: Callable[[], float],
        ids: Ids,
        guard: Guard,
        invoke: Callable[[str, bytes, str], object],
        arn_of: Callable[[str], str],
    ) -> None:
        self.buses: PutsRecords | None = None
        self.topics: PublishesTexts | None = None
        self.put_object: PutsObjects | None = None
        self._queues = queues
        self._journal = journal
        self._now = now
        self._ids = ids
        self._guard = guard
        self._invoke = invoke
        self._arn_of = arn_of

    def give_up(self, function: FunctionSettings, ended: Ended) -> None:
        """Send the event to the dead-letter queue, and the record to the destination."""
        if function.dead_letter_queue is not None:
            attributes = _dead_letter_attributes(ended)
            self._deliver(
                function.dead_letter_queue,
                function,
                ended,
                lambda to: self._send(to, function, ended.queued.payload, attributes),
            )
        if function.on_failure is not None:
            self.tell(function.on_failure, function, ended)

    def tell(self, destination: Destination, function: FunctionSettings, ended: Ended) -> None:
        """Send the record to a destination."""
        record = self._record(function, ended)
        self._deliver(destination, function, ended, lambda to: self._tell(to, function, ended, record))

    def _deliver(
        self,
        to: Destination,
        function: FunctionSettings,
        ended: Ended,
        send: Callable[[Destination], None],
    ) -> None:
        """Let `send` give something to a destination.

        "Delivery errors can also occur due to permissions errors and size limits": what was to be delivered is
        lost, which the journal tells.
        """
        error: ServiceError | None = self._refusal(function, to)
        if error is None:
            try:
                send(to)
            except ServiceError as refused:
                error = refused
        if error is not None:
            self._journal.append(
                DestinationFailed(
                    at=self._now(),
                    request_id=ended.queued.request_id,
                    function=function.name,
                    destination=to.called,
                    error=error.code,
                    message=error.message,
                )
            )

    def _tell(
        self, to: Destination, function: FunctionSettings, ended: Ended, record: dict[str, object]
    ) -> None:
        """Give a record to its destination.

        Raises:
            ServiceError: the destination does not take it.
        """
        text = json.dumps(record, ensure_ascii=False)
        if to.kind == "event bus":
            buses = _there(self.buses, to, function, "buses")
            buses.put_record(to.name, record, succeeded=ended.condition == SUCCEEDED)
        elif to.kind == "bucket":
            put_object = _there(self.put_object, to, function, "put_object")
            key = dated_key(f"aws/lambda/async/{function.name}", self._now(), self._ids.uuid())
            put_object(to.name, key, text.encode())
        else:
            self._send(to, function, text)

    def _send(
        self,
        to: Destination,
        function: FunctionSettings,
        text: str,
        attributes: Mapping[str, Attribute] = NO_ATTRIBUTES,
    ) -> None:
        """Give a text to a queue, a topic or a function, which takes no attributes.

        Raises:
            ServiceError: it is not taken.
        """
        if to.kind == "queue":
            self._queues.send(to.name, text, attributes=attributes, sender=function.name)
        elif to.kind == "topic":
            _there(self.topics, to, function, "topics").publish_text(to.name, text, attributes)
        else:
            self._invoke(to.name, text.encode(), function.arn)

    def _refusal(self, function: FunctionSettings, destination: Destination) -> ServiceError | None:
        """Why the function's role does not allow what Lambda does in its name; None if it does."""
        match destination.kind:
            case "queue":
                arn = self._queues.find(destination.name).settings.arn
                service, operation, action = "sqs", "SendMessage", "sqs:SendMessage"
            case "function":
                arn = self._arn_of(destination.name)
                service, operation, action = "lambda", "Invoke", "lambda:InvokeFunction"
            case "event bus":
                arn = bus_arn(destination.name)
                service, operation, action = "events", "PutEvents", "events:PutEvents"
            case "topic":
                arn = destination.name
                service, operation, action = "sns", "Publish", "sns:Publish"
            case "bucket":
                arn = f"arn:aws:s3:::{destination.name}"
                objects = ("s3:PutObject", f"{arn}/aws/lambda/async/{function.name}/*")
                return self._guard.refusal(function.name, "s3", "PutObject", ("s3:ListBucket", arn), objects)
        return self._guard.refusal(function.name, service, operation, (action, arn))

    def _record(self, function: FunctionSettings, ended: Ended) -> dict[str, object]:
        """The invocation record (Lambda, "Adding a destination": "Invocation record")."""
        outcome = ended.outcome
        record: dict[str, object] = {
            "version": "1.0",
            "timestamp": milliseconds_text(self._now()),
            "requestContext": {
                "requestId": ended.queued.request_id,
                "functionArn": f"{function.arn}:$LATEST",
                "condition": ended.condition,
                "approximateInvokeCount": ended.attempts + (ended.condition == SUCCEEDED),
            },
            "requestPayload": json.loads(ended.queued.payload),
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


Collaborator = TypeVar("Collaborator")


def _there(
    found: Collaborator | None, to: Destination, function: FunctionSettings, name: str
) -> Collaborator:
    """A collaborator that the composition root sets."""
    if found is None:
        raise TargetError(
            f'"{function.name}" sends to the {to.kind} "{to.name}", and there are none of that kind here',
            fix=f"set Functions.records.{name}",
        )
    return found


def _dead_letter_attributes(ended: Ended) -> dict[str, Attribute]:
    """What Lambda says of a dead letter: the status of the last attempt, and the first 1 KB of its error.

    To a queue and to a topic it says the same ("Adding a dead-letter queue": "Dead-letter queue message attributes").
    """
    error = None if ended.outcome is None else ended.outcome.error
    throttled = ended.condition == NEVER_RUN or (error is not None and error.error_type == THROTTLED)
    code = "429" if throttled else "200"
    text = (error.error_message if error else "") or ("Rate Exceeded." if throttled else "Unhandled")
    first = text.encode()[:1024].decode(errors="ignore")
    return {
        "RequestID": Attribute(data_type="String", string_value=ended.queued.request_id),
        "ErrorCode": Attribute(data_type="Number", string_value=code),
        "ErrorMessage": Attribute(data_type="String", string_value=first),
    }
