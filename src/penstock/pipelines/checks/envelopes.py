"""Of PL503: whether a queue's handler opens the envelopes that topics, rules and buckets send to the queue.

Only what can never be decoded is told of: an envelope lacks a member that the payload needs, or is an object where
the payload is none. What functions and others send is known to nobody here.

Sources: SNS, "Amazon SNS message and JSON formats"; EventBridge, "AWS service event metadata"; S3, "Event message
structure".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args, get_origin

from penstock.handlers.annotations import bare, is_raw, without_notes
from penstock.handlers.records import EventBridgeEvent, S3Upload, SNSMessage, SQSMessage
from penstock.handlers.spec import Source
from penstock.pipelines.checks.payload_schemas import annotation_of
from penstock.pipelines.checks.rule import Finding
from penstock.pipelines.graph import Graph
from penstock.pipelines.imports import spec_of
from penstock.pipelines.resources import (
    BucketNotification,
    EventRule,
    Part,
    Queue,
    QueueMapping,
    RuleTarget,
    Subscription,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """What a service puts around what it sends; `opened_by` are the records that a handler opens it with."""

    told: str
    members: frozenset[str]
    opened_by: tuple[type, ...]
    fix: str


_NOTIFICATION: Final = _Envelope(
    told="SNS's envelope",
    members=frozenset(
        [
            "Type",
            "MessageId",
            "TopicArn",
            "Subject",
            "Message",
            "Timestamp",
            "SignatureVersion",
            "Signature",
            "SigningCertURL",
            "UnsubscribeURL",
            "MessageAttributes",
        ]
    ),
    opened_by=(SNSMessage, S3Upload),
    fix="annotate the handler's parameter with SNSMessage[...], or set raw_message_delivery=True",
)
_EVENT: Final = _Envelope(
    told="EventBridge's event",
    members=frozenset(
        ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]
    ),
    opened_by=(EventBridgeEvent, S3Upload),
    fix='annotate the handler\'s parameter with EventBridgeEvent[...], or give the target input_path="$.detail"',
)
_S3_EVENT: Final = _Envelope(
    told="S3's event",
    members=frozenset({"Records"}),
    opened_by=(S3Upload,),
    fix="annotate the handler's parameter with S3Upload",
)

_NO_OBJECTS: Final = ("array", "boolean", "integer", "null", "number", "string")


def unopened_envelopes(graph: Graph) -> Iterator[Finding]:
    """Everything that sends a queue what the queue's handler can never decode."""
    for mapping in graph.of(QueueMapping):
        spec = spec_of(mapping.function, graph.root)
        if spec is None or spec.source is not Source.SQS:
            continue
        for sender, by, envelope in _senders(mapping.queue, graph):
            reason = _misfit(_body_of(spec.payload), envelope)
            if reason is not None:
                yield Finding(
                    what=f'what {by} sends to "{mapping.queue.name}" is {envelope.told}, which {reason}: the handler '
                    f'of "{mapping.function.name}" ({spec.module}.{spec.qualname}) can decode none of it',
                    part=sender,
                    within=f"mapped at {mapping.declared_at}",
                    fix=envelope.fix,
                )


def _senders(queue: Queue, graph: Graph) -> Iterator[tuple[Part, str, _Envelope]]:
    for subscription in graph.of(Subscription):
        if subscription.to == queue and not subscription.raw_message_delivery:
            yield subscription, f'the topic "{subscription.topic.name}"', _NOTIFICATION
    for rule in graph.of(EventRule):
        if any(target.to == queue and _is_whole(target) for target in rule.targets):
            yield rule, f'the rule "{rule.name}"', _EVENT
    for notification in graph.of(BucketNotification):
        if notification.to == queue:
            yield notification, f'the bucket "{notification.bucket.name}"', _S3_EVENT


def _is_whole(target: RuleTarget) -> bool:
    """Whether the target gets the event as it is."""
    return target.input is None and target.input_path is None and target.input_template is None


def _body_of(payload: object) -> object:
    if payload is SQSMessage:
        return object
    return without_notes(get_args(payload)[0]) if get_origin(payload) is SQSMessage else payload


def _misfit(body: object, envelope: _Envelope) -> str | None:
    """Why the envelope can never be decoded into what the handler takes, or None if it may."""
    kind = get_origin(bare(body)) or bare(body)
    if kind in envelope.opened_by or is_raw(body) or kind in (str, bytes):
        return None
    if kind in (SNSMessage, EventBridgeEvent, S3Upload):
        return f"is not opened as {getattr(kind, '__name__', kind)}"
    annotation = annotation_of(body, "validation")
    schema = annotation.resolved(annotation.schema)
    if schema.get("type") in _NO_OBJECTS:
        return "is an object"
    required = schema.get("required")
    members = envelope.members | {_tag_field(kind)}
    lacking = [name for name in required if name not in members] if isinstance(required, list) else []
    return f'has no "{lacking[0]}"' if lacking else None


def _tag_field(kind: object) -> str | None:
    """The member that says which Struct of several it is: a Struct by itself is decoded without."""
    found: str | None = getattr(getattr(kind, "__struct_config__", None), "tag_field", None)
    return found
