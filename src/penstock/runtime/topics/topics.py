"""The topics of one run: a message that is published goes to every subscription whose filter policy it passes.

Sources: SNS, "Fanout to Amazon SQS queues", "Amazon SNS message filtering", "Amazon SNS raw message delivery",
"Parsing Amazon SNS message formats", "Message deduplication for FIFO topics", "FIFO topic message delivery".

1. A queue gets an envelope with the message in it, or with raw delivery the message itself. A function is invoked
   asynchronously with one record; what becomes of that is the function's own matter.
2. A dead letter of a subscription is what a queue would have got, a function's as well (as LocalStack's tests have
   recorded it on AWS, 2023-08-24).
3. Everything happens in the turn in which the message was published. What an endpoint does not take is a matter of
   `delivery`.
4. What a FIFO topic remembers of its messages, for five minutes, is the fold of the journal.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from penstock.pipelines.event_patterns import Pattern
from penstock.pipelines.json_texts import json_in, object_in
from penstock.runtime.delivery.deliveries import SUBSCRIPTION_RETRIES, Deliveries
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, Event, MessagePublished, Parcel, Terms
from penstock.runtime.queues.messages import size_bytes
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import milliseconds_text

MAXIMUM_MESSAGE_BYTES: Final = 262_144
DEDUPLICATION_SECONDS: Final = 300.0
FIRST_SEQUENCE_NUMBER: Final = 10_000_000_000_000_000_000
ELEMENTS_OF_AN_ARN: Final = 6
_SITE: Final = "https://sns.us-east-1.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """A topic."""

    name: str
    arn: str
    fifo: bool = False
    content_based_deduplication: bool = False


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
    """A message as it was published.

    Attributes:
        by_protocol: what endpoints of a protocol (`sqs`, `lambda`) get instead of the message.
    """

    message: str
    by_protocol: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    group_id: str | None = None
    deduplication_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a publisher is answered; `sequence_number` is a FIFO topic's."""

    message_id: str
    sequence_number: str | None = None


@dataclass(slots=True)
class _Fifo:
    """What a FIFO topic remembers: its messages of the last five minutes by deduplication id, and how many it had."""

    known: OrderedDict[str, tuple[float, Receipt]] = field(default_factory=OrderedDict)
    count: int = 0

    def duplicate_of(self, deduplication_id: str, now: float) -> Receipt | None:
        while self.known and next(iter(self.known.values()))[0] <= now:
            self.known.popitem(last=False)
        found = self.known.get(deduplication_id)
        return None if found is None else found[1]


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
    _fifo: dict[str, _Fifo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_arn = {one.arn: one for one in self.topics}
        self.by_topic = {one.name: [] for one in self.by_arn.values()}
        for subscription in self.subscriptions:
            self.by_topic[subscription.topic].append(subscription)

    def find(self, arn: str) -> TopicSettings:
        """The topic with this ARN.

        Raises:
            ServiceError: `NotFoundException`; `InvalidParameterException`, it is no ARN.
        """
        found = self.by_arn.get(arn)
        if found is None and (elements := arn.count(":") + 1) < ELEMENTS_OF_AN_ARN:
            raise _invalid(
                f"TopicArn Reason: An ARN must have at least {ELEMENTS_OF_AN_ARN} elements, not {elements}"
            )
        if found is None:
            raise ServiceError("NotFound", "Topic does not exist", 404)
        return found

    def apply(self, event: Event) -> None:
        """Fold an event of the journal: what a FIFO topic remembers."""
        if isinstance(event, MessagePublished) and event.sequence_number is not None:
            fifo = self._fifo.setdefault(event.topic, _Fifo())
            fifo.count += 1
            receipt = Receipt(message_id=event.message_id, sequence_number=str(event.sequence_number))
            fifo.known[event.deduplication_id or ""] = (event.at + DEDUPLICATION_SECONDS, receipt)

    def publish(self, arn: str, published: Published) -> Receipt:
        """Give a message to the topic's subscriptions; one that a FIFO topic had in the last five minutes to none.

        Raises:
            ServiceError: there is no such topic, or it does not take the message.
        """
        topic = self.find(arn)
        published = identified(topic, published)
        now, sequence_number = self.scheduler.now(), None
        if topic.fifo:
            fifo = self._fifo.setdefault(topic.name, _Fifo())
            known = fifo.duplicate_of(published.deduplication_id or "", now)
            if known is not None:
                return known
            sequence_number = FIRST_SEQUENCE_NUMBER + fifo.count
        wanted = [one for one in self.by_topic[topic.name] if _passes(one, published)]
        event = MessagePublished(
            at=now,
            topic=topic.name,
            message_id=self.ids.uuid(),
            subscriptions=tuple(one.arn for one in wanted),
            deduplication_id=published.deduplication_id,
            sequence_number=sequence_number,
        )
        self.journal.append(event)
        self.apply(event)
        for subscription in wanted:
            self._deliver(subscription, topic, published, event)
        number = None if sequence_number is None else str(sequence_number)
        return Receipt(message_id=event.message_id, sequence_number=number)

    def publish_text(
        self, arn: str, text: str, attributes: Mapping[str, Attribute] = MappingProxyType({})
    ) -> Receipt:
        """Publish a plain message, as other services do.

        Raises:
            ServiceError: as `publish`; with its attributes it is over 256 KB.
        """
        if size_bytes(text, attributes) > MAXIMUM_MESSAGE_BYTES:
            raise ServiceError("InvalidParameter", "Invalid parameter: Message too long")
        return self.publish(arn, Published(message=text, attributes=attributes))

    def _deliver(
        self,
        to: SubscriptionSettings,
        topic: TopicSettings,
        published: Published,
        event: MessagePublished,
    ) -> None:
        if to.function is not None:
            record = {
                "EventVersion": "1.0",
                "EventSubscriptionArn": to.arn,
                "EventSource": "aws:sns",
                "Sns": _notification(to, topic, published, event, for_function=True),
            }
            body = json.dumps({"Records": [record]}, ensure_ascii=False)
            letter = None if to.dead_letter_queue is None else _envelope(to, topic, published, event)
            parcel = Parcel(
                kind="function", name=to.function, body=body, sender=topic.arn, dead_letter=letter
            )
        elif to.queue is not None:
            parcel = Parcel(
                kind="queue",
                name=to.queue,
                body=_text(to, published) if to.raw else _envelope(to, topic, published, event),
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


def identified(topic: TopicSettings, published: Published) -> Published:
    """The message with its deduplication id, as the topic takes it.

    Raises:
        ServiceError: `InvalidParameter`.
    """
    if not topic.fifo:
        if published.deduplication_id is not None:
            raise _invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is "
                "not valid for this topic type"
            )
        return published
    if published.group_id is None:
        raise _invalid("The MessageGroupId parameter is required for FIFO topics")
    if published.deduplication_id is not None:
        return published
    if not topic.content_based_deduplication:
        raise _invalid(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )
    return replace(published, deduplication_id=hashlib.sha256(published.message.encode()).hexdigest())


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {message}")


def _text(to: SubscriptionSettings, published: Published) -> str:
    """What an endpoint of this protocol is told."""
    return published.by_protocol.get("sqs" if to.queue is not None else "lambda", published.message)


def _envelope(
    to: SubscriptionSettings, topic: TopicSettings, published: Published, event: MessagePublished
) -> str:
    """The text that a queue gets without raw delivery."""
    return json.dumps(_notification(to, topic, published, event, for_function=False), ensure_ascii=False)


def _notification(
    to: SubscriptionSettings,
    topic: TopicSettings,
    published: Published,
    event: MessagePublished,
    *,
    for_function: bool,
) -> dict[str, object]:
    """The notification as a queue or a function gets it; some of its names differ."""
    url = "Url" if for_function else "URL"
    attributes = {
        name: {"Type": one.data_type, "Value": _attribute_value(one)}
        for name, one in published.attributes.items()
    }
    made: dict[str, object] = {"Type": "Notification", "MessageId": event.message_id}
    if event.sequence_number is not None:
        made["SequenceNumber"] = str(event.sequence_number)
    made["TopicArn"] = topic.arn
    if published.subject is not None or for_function:
        made["Subject"] = published.subject
    made |= {"Message": _text(to, published), "Timestamp": milliseconds_text(event.at)}
    if not topic.fifo:  # messages of FIFO topics bear no signature
        made |= {
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            f"SigningCert{url}": f"{_SITE}/SimpleNotificationService-0000000000000000000000.pem",
        }
    made[f"Unsubscribe{url}"] = f"{_SITE}/?Action=Unsubscribe&SubscriptionArn={to.arn}"
    if attributes or for_function:
        made["MessageAttributes"] = attributes
    return made


def _attribute_value(attribute: Attribute) -> str:
    if attribute.binary_value is None:
        return attribute.string_value or ""
    import base64

    return base64.b64encode(attribute.binary_value).decode()


def _passes(subscription: SubscriptionSettings, published: Published) -> bool:
    """Whether a message passes the filter policy (SNS, "Message filter policy scope").

    Binary attributes are not looked at, and a body that is no JSON object passes no policy.
    """
    policy = subscription.policy
    if policy is None:
        return True
    if not subscription.by_body:
        texts = {name: one for name, one in published.attributes.items() if one.binary_value is None}
        return policy.matches({name: _comparable(one) for name, one in texts.items()})
    body = object_in(_text(subscription, published))
    return body is not None and policy.matches(body)


def _comparable(attribute: Attribute) -> object:
    """An attribute's value as a filter policy compares it: numbers as numbers, arrays as arrays."""
    text = attribute.string_value
    if text is None or attribute.data_type not in ("Number", "String.Array"):
        return text
    try:
        return json_in(text)
    except ValueError:
        return text
