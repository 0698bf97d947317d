"""What buses, topics and schedules hand to targets."""

from __future__ import annotations

import msgspec

from penstock.runtime.journal_events.base import JournalEvent
from penstock.runtime.journal_events.queues import Attribute


class EventPut(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An event was put on a bus, and given to the targets of these rules.

    Attributes:
        forwarded: by a rule of another bus, where it has the same id.
    """

    bus: str
    event_id: str
    source: str
    detail_type: str
    rules: tuple[str, ...] = ()
    forwarded: bool = False


class MessagePublished(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A message was published to a topic, and given to these subscriptions.

    Attributes:
        deduplication_id, sequence_number: of a FIFO topic's message.
    """

    topic: str
    message_id: str
    subscriptions: tuple[str, ...] = ()
    deduplication_id: str | None = None
    sequence_number: int | None = None


class Parcel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is handed over to a target: `kind` is `queue`, `function`, `state machine`, `topic` or `event bus`.

    Attributes:
        name: of a state machine and a topic the ARN, of the others the name.
        forwarded: the body is an event that came from another event bus.
        dead_letter: the text that goes to a dead-letter queue; None: the body.
    """

    kind: str
    name: str
    body: str
    sender: str = ""
    attributes: dict[str, Attribute] = {}
    group_id: str | None = None
    deduplication_id: str | None = None
    forwarded: bool = False
    dead_letter: str | None = None


class ScheduleInvoked(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A schedule was due, at `due`, and gave its target what is for it."""

    schedule: str
    due: float
    execution: str
    target: str


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a delivery is tried: `service` (`events`, `scheduler`, `sns`) says how long the pauses are.

    Attributes:
        source_arn: of the rule, the schedule or the subscription.
        described: what else a dead letter says.
    """

    service: str
    source_arn: str
    target_arn: str
    maximum_retry_attempts: int
    maximum_age_seconds: float | None = None
    dead_letter_queue: str | None = None
    described: dict[str, str] = {}


class DeliveryDelayed(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A target did not take what it was given; it will be given it again, as the terms say."""

    delivery: str
    parcel: Parcel
    terms: Terms
    error: str
    message: str


class DeliveryTried(JournalEvent, frozen=True, kw_only=True, tag=True):
    """It did not take it again."""

    delivery: str
    attempts: int
    error: str
    message: str


class DeliverySettled(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A delayed delivery is over: `outcome` is Delivered, DeadLettered or Dropped."""

    delivery: str
    target: str
    attempts: int
    outcome: str
