"""The topics of one run: a message that is published goes to every subscription whose filter policy it passes.

Sources: SNS, "Fanout to Amazon SQS queues", "Amazon SNS message filtering", "Amazon SNS raw message delivery",
"Parsing Amazon SNS message formats".

1. A queue gets an envelope with the message in it, or with raw delivery the message itself. A function is invoked
   asynchronously with one record; what becomes of that is the function's own matter.
2. Everything happens in the turn in which the message was published. What an endpoint does not take is a matter of
   `delivery`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.pipelines.event_patterns import Pattern
from penstock.runtime.delivery.deliveries import SUBSCRIPTION_RETRIES, Deliveries
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, MessagePublished, Parcel, Terms
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import milliseconds_text

_SITE: Final = "https://sns.us-east-1.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """A topic."""

    name: str
    arn: str
    fifo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSettings:
    """A subscription; `queue` or `function` is set, by name.

    Attributes:
        policy: the filter policy; None lets everything through.
        by_body: the policy looks at the message's body, not at its attributes.
        endpoint: the ARN of what is subscribed.
        dead_letter_queue: where messages go that cannot be delivered, by name.
    """

    arn: str
    topic: str
    queue: str | None = None
    function: str | None = None
    raw: bool = False
    policy: Pattern | None = None
    by_body: bool = False
    endpoint: str = ""
    dead_letter_queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A message as it was published."""

    message: str
    subject: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None


@dataclass(slots=True)
class Topics:
    """The topics of one run, by ARN."""

    topics: Iterable[TopicSettings]
    subscriptions: Iterable[SubscriptionSettings]
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    deliveries: Deliveries
    by_arn: dict[str, TopicSettings] = field(default_factory=dict)
    by_topic: dict[str, list[SubscriptionSettings]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_arn = {one.arn: one for one in self.topics}
        self.by_topic = {one.name: [] for one in self.by_arn.values()}
        for subscription in self.subscriptions:
            self.by_topic[subscription.topic].append(subscription)

    def find(self, arn: str) -> TopicSettings:
        """The topic with this ARN.

        Raises:
            ServiceError: `NotFoundException`.
        """
        found = self.by_arn.get(arn)
        if found is None:
            raise ServiceError("NotFound", "Topic does not exist", 404)
        return found

    def publish(self, arn: str, published: Published) -> str:
        """Give a message to the topic's subscriptions.

        Returns:
            The message's id.

        Raises:
            ServiceError: there is no such topic.
        """
        topic = self.find(arn)
        now, message_id = self.scheduler.now(), self.ids.uuid()
        wanted = [one for one in self.by_topic[topic.name] if _passes(one, published)]
        self.journal.append(
            MessagePublished(
                at=now,
                topic=topic.name,
                message_id=message_id,
                subscriptions=tuple(one.arn for one in wanted),
            )
        )
        for subscription in wanted:
            self._deliver(subscription, topic, published, message_id, now)
        return message_id

    def publish_text(self, arn: str, text: str) -> str:
        """Publish a plain message, as other services do."""
        return self.publish(arn, Published(message=text))

    def _deliver(
        self,
        to: SubscriptionSettings,
        topic: TopicSettings,
        published: Published,
        message_id: str,
        now: float,
    ) -> None:
        if to.function is not None:
            record = {
                "EventVersion": "1.0",
                "EventSubscriptionArn": to.arn,
                "EventSource": "aws:sns",
                "Sns": _notification(to, topic, published, message_id, now, for_function=True),
            }
            body = json.dumps({"Records": [record]}, ensure_ascii=False)
            parcel = Parcel(kind="function", name=to.function, body=body, sender=topic.arn)
        elif to.queue is not None:
            envelope = _notification(to, topic, published, message_id, now, for_function=False)
            parcel = Parcel(
                kind="queue",
                name=to.queue,
                body=published.message if to.raw else json.dumps(envelope, ensure_ascii=False),
                attributes=dict(published.attributes) if to.raw else {},
                group_id=published.group_id,
                deduplication_id=published.deduplication_id,
                sender=f"sns/{topic.name}",
            )
        else:
            return
        self.deliveries.deliver(
            parcel,
            Terms(
                service="sns",
                source_arn=to.arn,
                target_arn=to.endpoint,
                maximum_retry_attempts=SUBSCRIPTION_RETRIES,
                dead_letter_queue=to.dead_letter_queue,
            ),
        )


def _notification(
    to: SubscriptionSettings,
    topic: TopicSettings,
    published: Published,
    message_id: str,
    now: float,
    *,
    for_function: bool,
) -> dict[str, object]:
    """The notification as a queue or a function gets it; some of its names differ."""
    url = "Url" if for_function else "URL"
    attributes = {
        name: {"Type": one.data_type, "Value": _attribute_value(one)}
        for name, one in published.attributes.items()
    }
    made: dict[str, object] = {"Type": "Notification", "MessageId": message_id, "TopicArn": topic.arn}
    if published.subject is not None or for_function:
        made["Subject"] = published.subject
    made |= {
        "Message": published.message,
        "Timestamp": milliseconds_text(now),
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        f"SigningCert{url}": f"{_SITE}/SimpleNotificationService-0000000000000000000000.pem",
        f"Unsubscribe{url}": f"{_SITE}/?Action=Unsubscribe&SubscriptionArn={to.arn}",
    }
    if attributes or for_function:
        made["MessageAttributes"] = attributes
    return made


def _attribute_value(attribute: Attribute) -> str:
    if attribute.binary_value is None:
        return attribute.string_value or ""
    import base64

    return base64.b64encode(attribute.binary_value).decode()


def _passes(subscription: SubscriptionSettings, published: Published) -> bool:
    """Whether a message passes the filter policy (SNS, "Message filter policy scope")."""
    policy = subscription.policy
    if policy is None:
        return True
    if not subscription.by_body:
        return policy.matches({name: _comparable(one) for name, one in published.attributes.items()})
    try:
        body = json.loads(published.message)
    except ValueError:
        return False
    return isinstance(body, dict) and policy.matches(body)


def _comparable(attribute: Attribute) -> object:
    """An attribute's value as a filter policy compares it: numbers as numbers, arrays as arrays."""
    text = attribute.string_value
    if text is None or attribute.data_type not in ("Number", "String.Array"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
