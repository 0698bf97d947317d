"""What is told of asynchronous invocations: dead letters, and records for their destinations.

Source: Lambda, "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from penstock.errors import TargetError
from penstock.pipelines.iam.service_needs import bus_arn
from penstock.runtime.access import Guard
from penstock.runtime.functions.settings import Destination, FunctionSettings
from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, DestinationFailed, InvocationQueued
from penstock.runtime.queues.queues import Queues
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import milliseconds_text

SUCCEEDED: Final = "Success"
NEVER_RUN: Final = "ZeroReservedConcurrency"


class PutsRecords(Protocol):
    """What gives an invocation record to an event bus: `Buses`."""

    def put_record(self, bus: str, record: Mapping[str, object], *, succeeded: bool) -> object: ...


class PublishesTexts(Protocol):
    """What publishes an invocation record to a topic: `Topics`."""

    def publish_text(self, arn: str, text: str) -> object: ...


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
        buses, topics: where records go whose destination is an event bus or a topic; the composition root sets
            them, since both invoke functions in their turn.
    """

    def __init__(
        self,
        *,
        queues: Queues,
        journal: Journal,
        now: Callable[[], float],
        guard: Guard,
        invoke: Callable[[str, bytes, str], object],
        arn_of: Callable[[str], str],
    ) -> None:
        self.buses: PutsRecords | None = None
        self.topics: PublishesTexts | None = None
        self._queues = queues
        self._journal = journal
        self._now = now
        self._guard = guard
        self._invoke = invoke
        self._arn_of = arn_of

    def give_up(self, function: FunctionSettings, ended: Ended) -> str | None:
        """Send the event to the dead-letter queue and the record to the destination; name where it went."""
        letters = None
        if function.dead_letter_queue is not None:
            letters = self._try(
                Destination("queue", function.dead_letter_queue),
                function,
                ended,
                lambda name: self._queues.send(
                    name,
                    ended.queued.payload,
                    attributes=_dead_letter_attributes(ended),
                    sender=function.name,
                ),
            )
        return letters if function.on_failure is None else self.tell(function.on_failure, function, ended)

    def tell(self, destination: Destination, function: FunctionSettings, ended: Ended) -> str | None:
        """Send the record to a destination; name where it went."""
        record = self._record(function, ended)
        succeeded = ended.condition == SUCCEEDED
        return self._try(
            destination,
            function,
            ended,
            lambda _: self._hand_over(destination, function, record, succeeded=succeeded),
        )

    def _try(
        self,
        destination: Destination,
        function: FunctionSettings,
        ended: Ended,
        send: Callable[[str], object],
    ) -> str | None:
        """Let `send` give something to a destination, and name it; None if nothing was delivered.

        "Delivery errors can occur due to permissions errors, misconfigured resources, or size limits": what was
        to be delivered is lost.
        """
        if self._is_refused(function, destination):
            return None
        name = destination.name.rpartition(":")[2]
        try:
            send(destination.name)
        except ServiceError as error:
            self._journal.append(
                DestinationFailed(
                    at=self._now(),
                    request_id=ended.queued.request_id,
                    function=function.name,
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
        function: FunctionSettings,
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
                self._queues.send(destination.name, text, sender=function.name)
            case "function":
                self._invoke(destination.name, text.encode(), function.arn)
            case "event bus":
                if self.buses is None:
                    raise TargetError(
                        f'the record of "{function.name}" has the event bus "{destination.name}" as its '
                        "destination, and there are no event buses here",
                        fix="set Functions.records.buses",
                    )
                self.buses.put_record(destination.name, record, succeeded=succeeded)
            case "topic":
                if self.topics is None:
                    raise TargetError(
                        f'the record of "{function.name}" has the topic "{destination.name}" as its destination, '
                        "and there are no topics here",
                        fix="set Functions.records.topics",
                    )
                self.topics.publish_text(destination.name, text)

    def _is_refused(self, function: FunctionSettings, destination: Destination) -> bool:
        """Whether the function's role does not allow what Lambda does in its name; then nothing is sent."""
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
        return self._guard.refusal(function.name, service, operation, (action, arn)) is not None

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


def _dead_letter_attributes(ended: Ended) -> dict[str, Attribute]:
    """What Lambda says of a dead letter: the status of the last attempt, and the first 1 KB of its error."""
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
