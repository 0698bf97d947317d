"""Who is told of what: rules on event buses, subscriptions to topics, notifications of buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

from penstock.pipelines.resources.compute import Function, StateMachine
from penstock.pipelines.resources.parts import Named, Part, Resource
from penstock.pipelines.resources.storage import Bucket, EventBus, Queue, Topic

EventName: TypeAlias = str
"""An S3 event name such as `s3:ObjectCreated:*` (S3, "Supported event types")."""

FilterPolicyScope: TypeAlias = Literal["MessageAttributes", "MessageBody"]


@dataclass(frozen=True, slots=True)
class RuleTarget(Part):
    """A target of a rule with settings of its own (EventBridge, "PutTargets").

    Of `input`, `input_path` and `input_template` one may be given; without them the target gets the event, as another
    event bus always does, whose own rules then look at it; to a third bus it cannot be sent.

    Args:
        input: a constant, anything with a JSON form.
        input_path: a part of the event, `$.detail`.
        input_paths: the variables of the template, `{"id": "$.detail.id"}`.
        input_template: JSON, or a JSON string, in which `<id>` stands for a variable.
        maximum_retry_attempts: of deliveries that the target does not take (0 to 185).
        maximum_event_age_seconds: for how long they are tried (60 to 86,400).
        dead_letter_queue: where the event goes that could not be delivered; None: it is dropped.
        message_group_id: of the messages for a FIFO queue.
    """

    to: Queue | Function | StateMachine | Topic | EventBus
    _: KW_ONLY
    input: object = field(default=None, hash=False)
    input_path: str | None = None
    input_paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    input_template: str | None = None
    maximum_retry_attempts: int = 185
    maximum_event_age_seconds: int = 86_400
    dead_letter_queue: Queue | Named | None = None
    message_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class EventRule(Resource):
    """A rule on an event bus: what matches `pattern` goes to every target (EventBridge, "Rules").

    A rule may have a pattern, a schedule or both.

    Args:
        pattern: an event pattern, as EventBridge writes it.
        schedule: `rate(5 minutes)` or `cron(0 10 * * ? *)` (UTC): the targets get a scheduled event at these times.
        bus: the default bus, if it is left out; a rule with a schedule has no other.
    """

    _: KW_ONLY
    pattern: Mapping[str, object] | None = field(default=None, hash=False)
    schedule: str | None = None
    to: Sequence[Queue | Function | StateMachine | Topic | EventBus | RuleTarget]
    bus: EventBus | None = None

    @property
    def targets(self) -> tuple[RuleTarget, ...]:
        """The targets with their settings written out."""
        return tuple(one if isinstance(one, RuleTarget) else RuleTarget(one) for one in self.to)


@dataclass(frozen=True, slots=True)
class Subscription(Part):
    """What a topic's messages go to (SNS, "Subscribe").

    Args:
        filter_policy: only messages that it matches; None: all.
        filter_policy_scope: whether the policy looks at the message's attributes or at its body.
        raw_message_delivery: a queue gets the message itself instead of SNS's envelope.
        dead_letter_queue: where messages go that cannot be delivered; None: they are dropped.
    """

    topic: Topic
    _: KW_ONLY
    to: Queue | Function
    filter_policy: Mapping[str, object] | None = field(default=None, hash=False)
    filter_policy_scope: FilterPolicyScope = "MessageAttributes"
    raw_message_delivery: bool = False
    dead_letter_queue: Queue | Named | None = None


@dataclass(frozen=True, slots=True)
class BucketNotification(Part):
    """S3 tells a queue, a topic or a function of what happens to a bucket's objects (S3, "Event notifications").

    Args:
        events: their names, such as `s3:ObjectCreated:*`, `s3:ObjectRemoved:Delete`.
        prefix, suffix: of the keys that it tells of; two notifications of one event must not overlap.
    """

    bucket: Bucket
    _: KW_ONLY
    to: Queue | Topic | Function
    events: Sequence[EventName] = ("s3:ObjectCreated:*",)
    prefix: str = ""
    suffix: str = ""
