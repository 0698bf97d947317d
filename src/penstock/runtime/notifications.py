"""S3 event notifications: which object changes are told to which queue, topic or function, and in what words.

Sources: S3, "Amazon S3 Event Notifications", "Event message structure", "EventBridge event message structure".

1. Delivery is at least once on AWS; here a message is journaled in the same turn as the change that it tells of, so
   that neither exists without the other.
2. The test event that S3 sends when a notification is configured belongs to a deployment: a run begins after it.
3. Keys are URL-encoded in S3's own messages, and stand as they are in EventBridge's events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote_plus

from penstock.runtime.events.buses import NewEvent
from penstock.runtime.functions.functions import Functions
from penstock.runtime.queues.queues import Queues
from penstock.runtime.s3.object_events import ObjectNotification
from penstock.runtime.timestamps import milliseconds_text
from penstock.runtime.topics.topics import Published

SUBJECT: Final = "Amazon S3 Notification"
_KEY_SAFE: Final = "/-_.*"
_REASONS: Final = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
_KINDS: Final = {
    "ObjectRemoved:Delete": "Object Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
"""What EventBridge calls events that do not make an object."""

TAGGING: Final = "ObjectTagging:"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRule:
    """One entry of a bucket's notification configuration.

    Attributes:
        queue, function, topic: one of them is set; by name, the topic by its ARN.
    """

    bucket: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""
    queue: str | None = None
    function: str | None = None
    topic: str | None = None
    configuration_id: str = "penstock"

    def matches(self, notification: ObjectNotification) -> bool:
        """Whether this change is to be told."""
        return (
            notification.bucket == self.bucket
            and notification.key.startswith(self.prefix)
            and notification.key.endswith(self.suffix)
            and any(_event_matches(event, notification.event_name) for event in self.events)
        )


class PublishesMessages(Protocol):
    """What publishes a notification to a topic: `Topics`."""

    def publish(self, arn: str, published: Published) -> object: ...


class PutsEvents(Protocol):
    """What takes a bucket's events: `Buses`."""

    def put(self, event: NewEvent) -> object: ...


class Notifications:
    """The notification rules of one run.

    Args:
        on_bus: the buckets that tell the default event bus of everything.
        comes_again: whether this bucket tells of a change twice.

    Attributes:
        topics, buses: the composition root sets them.
    """

    def __init__(
        self,
        rules: Iterable[NotificationRule],
        *,
        queues: Queues,
        functions: Functions,
        on_bus: frozenset[str] = frozenset(),
        comes_again: Callable[[str], bool] = lambda bucket: False,
    ) -> None:
        self.rules = tuple(rules)
        self.topics: PublishesMessages | None = None
        self.buses: PutsEvents | None = None
        self._on_bus = on_bus
        self._comes_again = comes_again
        self._queues = queues
        self._functions = functions

    def tell(self, notification: ObjectNotification) -> None:
        """Send what the rules ask for."""
        times = 2 if self._comes_again(notification.bucket) else 1
        for rule in self.rules:
            if rule.matches(notification):
                body = json.dumps({"Records": [event_record(notification, rule.configuration_id)]})
                for _ in range(times):
                    self._send(rule, body)
        if notification.bucket in self._on_bus and self.buses is not None:
            for _ in range(times):
                self.buses.put(bus_event(notification))

    def _send(self, rule: NotificationRule, body: str) -> None:
        if rule.queue is not None:
            self._queues.send(rule.queue, body, sender="s3")
        elif rule.function is not None:
            self._functions.queue_event(rule.function, body.encode(), source="s3")
        elif rule.topic is not None and self.topics is not None:
            self.topics.publish(rule.topic, Published(message=body, subject=SUBJECT))


def _event_matches(pattern: str, event_name: str) -> bool:
    bare = pattern.removeprefix("s3:")
    return bare == event_name or (bare.endswith("*") and event_name.startswith(bare[:-1]))


def event_record(notification: ObjectNotification, configuration_id: str) -> Mapping[str, object]:
    """One record as S3 writes it; the key is URL-encoded, with a plus for a space."""
    described: dict[str, object] = {"key": quote_plus(notification.key, safe=_KEY_SAFE)}
    tagging = notification.event_name.startswith(TAGGING)
    if notification.event_name.startswith("ObjectCreated"):
        described["size"] = notification.size_bytes
    if notification.etag:
        described["eTag"] = notification.etag
    if notification.version_id is not None:
        described["versionId"] = notification.version_id
    return {
        "eventVersion": "2.3" if tagging else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": milliseconds_text(notification.at),
        "eventName": notification.event_name,
        "userIdentity": {"principalId": "AWS:AIDAPENSTOCK"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": notification.sequencer, "x-amz-id-2": "penstock"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": notification.bucket,
                "ownerIdentity": {"principalId": "PENSTOCK"},
                "arn": f"arn:aws:s3:::{notification.bucket}",
            },
            # "Only used with PUTs and DELETEs" of objects.
            "object": described if tagging else {**described, "sequencer": notification.sequencer},
        },
    }


def bus_event(notification: ObjectNotification) -> NewEvent:
    """The event that S3 puts on the default bus (S3, "EventBridge event message structure")."""
    kind = _KINDS.get(notification.event_name, "Object Created")
    created = kind == "Object Created"
    described: dict[str, object] = {"key": notification.key}
    if created:
        described["size"] = notification.size_bytes
    if notification.etag:
        described["etag"] = notification.etag
    if notification.version_id is not None:
        described["version-id"] = notification.version_id
    detail: dict[str, object] = {
        "version": "0",
        "bucket": {"name": notification.bucket},
        "object": described,
        "request-id": notification.sequencer,
        "requester": "123456789012",
        "source-ip-address": "127.0.0.1",
    }
    if notification.event_name in _REASONS:
        described["sequencer"] = notification.sequencer
        detail["reason"] = _REASONS[notification.event_name]
    if kind == "Object Deleted":
        marked = notification.event_name == "ObjectRemoved:DeleteMarkerCreated"
        detail["deletion-type"] = "Delete Marker Created" if marked else "Permanently Deleted"
    return NewEvent(
        source="aws.s3",
        detail_type=kind,
        detail=detail,
        resources=(f"arn:aws:s3:::{notification.bucket}",),
        at=notification.at,
    )
