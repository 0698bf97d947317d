"""How each kind of target is given something: the one place that rules, topics and pipes hand things over in.

1. What is refused is a `ServiceError`; nothing is tried again here.
2. A function is invoked asynchronously: what becomes of it then is the function's own matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from penstock.errors import TargetError
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.service_needs import bus_arn
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.delivery.faults import Faults
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.records import PublishesTexts
from penstock.runtime.journal_events import Parcel
from penstock.runtime.queues.queues import Queues
from penstock.runtime.services import ServiceError

THROTTLED: Final = frozenset(
    [
        "ProvisionedThroughputExceededException",
        "RequestThrottled",
        "ThrottlingException",
        "TooManyRequestsException",
    ]
)


HOPPED: Final = "THIRD_ACCOUNT_HOP_DETECTED"
"""EventBridge's code for an event that would come to a third bus."""


class TakesEvents(Protocol):
    """What takes an event from another event bus: `Buses`."""

    def forward(self, bus: str, event: Mapping[str, object]) -> object: ...


class StartsExecutions(Protocol):
    """What starts a state machine: `StepFunctions`."""

    def start_execution(self, arn: str, name: str | None, value: object) -> object: ...


@dataclass(slots=True)
class Targets:
    """The targets of one run.

    Attributes:
        topics, buses: the composition root sets them, since they hand things over in their turn.
        guard: judges by a rule's role whether it may start a machine or put events on a bus.
    """

    queues: Queues
    functions: Functions
    executions: StartsExecutions
    faults: Faults
    topics: PublishesTexts | None = None
    buses: TakesEvents | None = None
    guard: Guard = EVERYTHING_ALLOWED

    def hand_over(self, parcel: Parcel) -> None:
        """Give a target what is for it.

        Raises:
            ServiceError: the target cannot be reached, throttles or refuses.
        """
        self.faults.check(parcel.name.rpartition(":")[2])
        match parcel.kind:
            case "queue":
                fifo = self.queues.find(parcel.name).settings.fifo
                self.queues.send(
                    parcel.name,
                    parcel.body,
                    attributes=parcel.attributes or None,
                    group_id=parcel.group_id,
                    # A FIFO topic may have a standard queue as a subscriber, which knows no such ids.
                    deduplication_id=parcel.deduplication_id if fifo else None,
                    sender=parcel.sender,
                )
            case "function":
                self.functions.queue_event(parcel.name, json_of(parcel.body).encode(), source=parcel.sender)
            case "state machine":
                self._check(
                    parcel, "stepfunctions", "StartExecution", Need("states:StartExecution", parcel.name)
                )
                self.executions.start_execution(parcel.name, None, json.loads(json_of(parcel.body)))
            case "topic":
                if self.topics is None:
                    raise TargetError(
                        f'"{parcel.sender}" publishes to "{parcel.name}", and there are no topics here',
                        fix="set Targets.topics",
                    )
                self.topics.publish_text(parcel.name, parcel.body)
            case "event bus":
                self._forward(parcel)
            case _:
                raise TargetError(f'nothing can be delivered to a "{parcel.kind}"', fix="name another target")

    def _forward(self, parcel: Parcel) -> None:
        """Give an event to another bus, as it is.

        "EventBridge can't route events received from a sender event bus to a third event bus" (EventBridge,
        "Sending events between event buses in the same account and Region").
        """
        event = json.loads(parcel.body)
        if parcel.forwarded:
            raise ServiceError(
                HOPPED,
                f"Event ingestion rejected for event {event['id']} because an event can be sent to an event bus "
                "target only once. This event was previously delivered to an event bus target.",
            )
        if self.buses is None:
            raise TargetError(
                f'"{parcel.sender}" sends to the event bus "{parcel.name}", and there are no buses here',
                fix="set Targets.buses",
            )
        self._check(parcel, "events", "PutEvents", Need("events:PutEvents", bus_arn(parcel.name)))
        self.buses.forward(parcel.name, event)

    def _check(self, parcel: Parcel, service: str, operation: str, need: Need) -> None:
        """Rules and schedules do this with a role of their own; a rule's other targets have policies."""
        if parcel.sender.startswith(("rule/", "schedule/")):
            refused = self.guard.refusal(parcel.sender, service, operation, need)
            if refused is not None:
                raise refused


def json_of(text: str) -> str:
    """A text that is JSON as it is, any other as a JSON string: functions and state machines take nothing else."""
    try:
        json.loads(text)
    except ValueError:
        return json.dumps(text, ensure_ascii=False)
    return text


def is_worth_trying_again(error: ServiceError) -> bool:
    """Whether it is the target's trouble, or throttling; what it refuses once it refuses always."""
    return error.status >= 500 or error.code in THROTTLED
