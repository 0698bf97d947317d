"""Opening what envelopes hold: messages of queues, notifications of topics, events of buses, one in another.

    SQSMessage[SNSMessage[EventBridgeEvent[Order]]]

What stands in a text is opened by its type: an S3 event for an `S3Upload`, an event of a bus for an
`EventBridgeEvent[T]`, a notification for an `SNSMessage[T]`, and a payload for all else. A record that never stands
there is refused when the handler is decorated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.annotations import without_notes
from penstock.handlers.members import count_of, decoded, given_text, members_of, part_of, text_of, texts_of
from penstock.handlers.payloads import check_payload_type, text_decoder, value_decoder
from penstock.handlers.records import PAYLOADS, EventBridgeEvent, S3Upload, SNSMessage, SQSMessage
from penstock.handlers.s3_events import uploads_in, uploads_in_text

Record = Mapping[str, Any]
Open = Callable[[Record], Sequence[object]]
OpenText = Callable[[str], Sequence[object]]


def wrapped_in(annotation: object, wrapper: type) -> tuple[bool, object]:
    """Whether an annotation is `wrapper` or `wrapper[T]`, and what T is (`object` if it is not said)."""
    if annotation is wrapper:
        return True, object
    if get_origin(annotation) is wrapper:
        return True, without_notes(get_args(annotation)[0])
    return False, annotation


def refuse_others(annotation: object, wrapper: type, at: str, *, but: tuple[type, ...] = ()) -> None:
    """A record of another source can never be what this source sends.

    Args:
        but: those that it may hold.
    """
    for other in PAYLOADS:
        if (
            other is not wrapper
            and other not in but
            and (annotation is other or get_origin(annotation) is other)
        ):
            raise HandlerError(
                f"{other.__name__} does not come from this source",
                at=at,
                fix=f"annotate the payload's own type, or {wrapper.__name__}[...] to see its metadata too",
            )


def refuse_records(payload: object, at: str, *, but: tuple[type, ...] = ()) -> None:
    """Refuse a record where a payload is expected: nothing would open it there.

    Args:
        but: those that are opened there.
    """
    kind = get_origin(payload) or payload
    for other in PAYLOADS:
        if other not in but and (kind is other or _stands_in(payload, other)):
            raise HandlerError(
                f"{other.__name__} is not opened where it stands here",
                at=at,
                fix="annotate it by itself where the source sends it, or a type of your own with the members that "
                "you need",
            )


def _stands_in(payload: object, record: type) -> bool:
    """Whether a list, an option or a dictionary is one of such records."""
    return any(
        (get_origin(one) or one) is record or _stands_in(one, record)
        for one in get_args(payload)
        if get_origin(payload) not in PAYLOADS
    )


def open_message(annotation: object, at: str) -> Open:
    """How a message of a queue is opened for this annotation: its body, or an `SQSMessage` of it."""
    wrapped, payload = wrapped_in(annotation, SQSMessage)
    if not wrapped:
        refuse_others(annotation, SQSMessage, at, but=(S3Upload, SNSMessage, EventBridgeEvent))
    open_text = _opened_text(payload, at, but=(SNSMessage, EventBridgeEvent))
    if open_text is None:
        decode = text_decoder(payload)
        if wrapped:
            return lambda record: [_sqs_message(record, decode(text_of(record, "body")))]
        return lambda record: [decode(text_of(record, "body"))]
    if wrapped:
        return lambda record: [_sqs_message(record, one) for one in open_text(text_of(record, "body"))]
    return lambda record: open_text(text_of(record, "body"))


def open_notification(annotation: object, at: str) -> Open:
    """How a topic's record in a function's event is opened for this annotation."""
    wrapped, _ = wrapped_in(annotation, SNSMessage)
    if not wrapped:
        refuse_others(annotation, SNSMessage, at, but=(S3Upload, EventBridgeEvent))
    open_sns = _notification(annotation, at)
    return lambda record: open_sns(part_of(record, "Sns"))


def open_event(annotation: object, at: str) -> Open:
    """How an event of a bus is opened for this annotation: its detail, or an `EventBridgeEvent` of it."""
    wrapped, payload = wrapped_in(annotation, EventBridgeEvent)
    if not wrapped:
        refuse_others(annotation, EventBridgeEvent, at, but=(S3Upload,))
    if payload is S3Upload:
        return lambda record: [
            _bus_event(record, upload) if wrapped else upload for upload in uploads_in(record)
        ]
    refuse_records(payload, at)
    check_payload_type(payload, at=at)
    decode = value_decoder(payload)

    def opened(record: Record) -> Sequence[object]:
        if "detail" not in record:
            raise DecodeError("detail: an event of a bus has a detail")
        given = record["detail"]
        if payload is not str and isinstance(given, str):
            given = _detail_in(given)
        detail = decode(given)
        return [_bus_event(record, detail) if wrapped else detail]

    return opened


def _opened_text(payload: object, at: str, *, but: tuple[type, ...]) -> OpenText | None:
    """How a text is opened that holds an S3 event or one of the envelopes `but`; None if it is another payload.

    Raises:
        HandlerError: nothing is decoded into the payload, or it is a record that never stands there.
    """
    if payload is S3Upload:
        return uploads_in_text
    kind = get_origin(payload) or payload
    if kind not in but:
        refuse_records(payload, at)
        check_payload_type(payload, at=at)
        return None
    open_envelope = open_event(payload, at) if kind is EventBridgeEvent else _notification(payload, at)

    def opened(text: str) -> Sequence[object]:
        try:
            envelope = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise DecodeError(f"the body is no envelope: {error}") from error
        return open_envelope(envelope)

    return opened


def _notification(annotation: object, at: str) -> Open:
    """How a notification is opened: Lambda's `Sns` member, and the envelope in a queue's message."""
    wrapped, payload = wrapped_in(annotation, SNSMessage)
    open_text = _opened_text(payload, at, but=(EventBridgeEvent,))
    if open_text is None:
        decode = text_decoder(payload)
        open_text = lambda text: [decode(text)]  # noqa: E731  # the same as the others
    if not wrapped:
        return lambda sns: open_text(text_of(sns, "Message"))
    return lambda sns: [_sns_message(sns, one) for one in open_text(text_of(sns, "Message"))]


def _sqs_message(record: Record, body: object) -> SQSMessage[object]:
    attributes = {
        str(name): str(value) for name, value in members_of(record, "attributes") if value is not None
    }
    given = members_of(record, "messageAttributes")
    return SQSMessage(
        body=body,
        message_id=given_text(record, "messageId"),
        attributes=attributes,
        message_attributes={str(name): _attribute(name, value) for name, value in given},
        receive_count=count_of(
            attributes.get("ApproximateReceiveCount", "1"), "attributes.ApproximateReceiveCount"
        ),
        queue_arn=given_text(record, "eventSourceARN"),
    )


def _attribute(name: object, value: object) -> str | bytes:
    path = f"messageAttributes.{name}"
    if not isinstance(value, dict):
        raise DecodeError(f"{path}: an attribute is an object")
    binary, text = value.get("binaryValue"), value.get("stringValue")
    if isinstance(binary, str):
        return decoded(binary, f"{path}.binaryValue")
    if not isinstance(text, str):
        raise DecodeError(f"{path}: an attribute has a stringValue or a binaryValue, which is a text")
    return text


def _sns_message(sns: Record, message: object) -> SNSMessage[object]:
    attributes = members_of(sns, "MessageAttributes")
    subject = sns.get("Subject")
    return SNSMessage(
        message=message,
        message_id=given_text(sns, "MessageId"),
        topic_arn=given_text(sns, "TopicArn"),
        subject=None if subject is None else str(subject),
        timestamp=given_text(sns, "Timestamp"),
        message_attributes={str(name): _sns_attribute(name, value) for name, value in attributes},
    )


def _sns_attribute(name: object, value: object) -> str | bytes:
    path = f"MessageAttributes.{name}"
    text = value.get("Value") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(text, str):
        raise DecodeError(f"{path}: an attribute is an object with a Value, which is a text")
    return decoded(text, f"{path}.Value") if value.get("Type") == "Binary" else text


def _detail_in(text: str) -> object:
    """The detail that EventBridge Scheduler writes as a text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DecodeError(f"detail: it is a text that is no JSON: {error}") from error


def _bus_event(record: Record, detail: object) -> EventBridgeEvent[object]:
    return EventBridgeEvent(
        detail=detail,
        id=given_text(record, "id"),
        source=given_text(record, "source"),
        detail_type=given_text(record, "detail-type"),
        time=given_text(record, "time"),
        account=given_text(record, "account"),
        region=given_text(record, "region"),
        resources=texts_of(record, "resources"),
    )
