"""Opening an event's records, source by source: each becomes the values that the annotation asks for.

An opener takes one record of the event, as Lambda gives it, and returns the payloads in it: one, none (an
`s3:TestEvent` in a queue) or several (an S3 event with several records). It raises DecodeError for what cannot
be decoded. Every opener is made once, when a handler is decorated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.attribute_values import image
from penstock.handlers.members import (
    count_of,
    decoded,
    given_text,
    members_of,
    number_of,
    part_of,
    text_of,
    texts_of,
)
from penstock.handlers.packing import AGGREGATED, GZIPPED, UserRecord, unpacked, user_records
from penstock.handlers.payloads import (
    Text,
    bare,
    check_payload_type,
    is_raw,
    terse_decoder,
    text_decoder,
    value_decoder,
    without_notes,
)
from penstock.handlers.records import (
    PAYLOADS,
    DynamoDBChange,
    EventBridgeEvent,
    KinesisRecord,
    LogEvent,
    S3Upload,
    SNSMessage,
    SQSMessage,
)
from penstock.handlers.s3_events import upload_of, uploads_in_text
from penstock.handlers.spec import Source

Record = Mapping[str, Any]
Open = Callable[[Record], Sequence[object]]


def opener(source: Source, annotation: object, *, at: str) -> Open:
    """How a record of `source` is opened for this annotation.

    Raises:
        HandlerError: the annotation does not fit the source.
    """
    return _OPENERS[source](annotation, at)


def wrapped_in(annotation: object, wrapper: type) -> tuple[bool, object]:
    """Whether an annotation is `wrapper` or `wrapper[T]`, and what T is (`object` if it is not said)."""
    if annotation is wrapper:
        return True, object
    if get_origin(annotation) is wrapper:
        return True, without_notes(get_args(annotation)[0])
    return False, annotation


def refuse_others(annotation: object, wrapper: type, at: str) -> None:
    """A record of another source can never be what this source sends."""
    for other in PAYLOADS:
        if other is not wrapper and (annotation is other or get_origin(annotation) is other):
            raise HandlerError(
                f"{other.__name__} does not come from this source",
                at=at,
                fix=f"annotate the payload's own type, or {wrapper.__name__}[...] to see its metadata too",
            )


def _s3(annotation: object, at: str) -> Open:
    if annotation is S3Upload:
        return lambda record: [upload_of(record, "Records[]")]
    if is_raw(annotation):
        return lambda record: [dict(record)]
    raise HandlerError(
        "a handler of S3 uploads is given an S3Upload",
        at=at,
        fix="annotate its parameter with S3Upload, or with dict for the raw record",
    )


def _sqs(annotation: object, at: str) -> Open:
    if annotation is S3Upload:
        return lambda record: list(uploads_in_text(text_of(record, "body")))
    wrapped, payload = wrapped_in(annotation, SQSMessage)
    open_body = _enveloped(payload, at)
    if open_body is not None:
        return _in_body(open_body, wrapped=wrapped)
    if not wrapped:
        refuse_others(annotation, SQSMessage, at)
    if wrapped and payload is S3Upload:
        return lambda record: [
            _sqs_message(record, upload) for upload in uploads_in_text(text_of(record, "body"))
        ]
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)
    if wrapped:
        return lambda record: [_sqs_message(record, decode(text_of(record, "body")))]
    return lambda record: [decode(text_of(record, "body"))]


def _enveloped(annotation: object, at: str) -> Open | None:
    """How a body is opened that is a topic's notification or a bus's event; None if it is another payload."""
    if wrapped_in(annotation, EventBridgeEvent)[0]:
        return _event(annotation, at)
    wrapped, payload = wrapped_in(annotation, SNSMessage)
    return _notification(payload, at) if wrapped else None


def _in_body(open_body: Open, *, wrapped: bool) -> Open:
    """Messages whose body is an envelope: what is in it, with the message's own metadata if it is `wrapped`."""

    def opened(record: Record) -> Sequence[object]:
        try:
            body = msgspec.json.decode(text_of(record, "body"), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise DecodeError(f"the body is no envelope: {error}") from error
        found = open_body(body)
        return [_sqs_message(record, one) for one in found] if wrapped else found

    return opened


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


def _kinesis(annotation: object, at: str) -> Open:
    of_logs, payload = wrapped_in(annotation, LogEvent)
    if of_logs:
        return _logs_in_kinesis(payload, at)
    wrapped, payload = wrapped_in(annotation, KinesisRecord)
    if not wrapped:
        refuse_others(annotation, KinesisRecord, at)
    check_payload_type(payload, at=at)
    decode_text = text_decoder(payload)
    decode = decode_text if bare(payload) is bytes else lambda data: decode_text(_plain(data))
    if wrapped:
        return lambda record: [_kinesis_record(record, part, decode(part.data)) for part in _parts(record)]
    bytes_of, value_of = msgspec.convert, terse_decoder(payload)

    def opened(record: Record) -> Sequence[object]:
        """Open plain data at once; everything else takes the long way, which knows what is wrong."""
        try:
            data = bytes_of(record["kinesis"]["data"], bytes)
            if data[0] not in _PACKED:
                return (value_of(data),)
        except Exception:  # noqa: BLE001  # the long way says what it is
            pass
        return [decode(part.data) for part in _parts(record)]

    return opened


def _logs_in_kinesis(payload: object, at: str) -> Open:
    """Log events that a subscription has put into a stream: each is a payload of its own."""
    from penstock.handlers import log_events  # for these handlers only

    check_payload_type(payload, at=at)
    decode = text_decoder(payload)

    def opened(record: Record) -> Sequence[object]:
        packed = decoded(text_of(part_of(record, "kinesis"), "data"), "kinesis.data")
        return log_events.opened_events(log_events.events_in(packed, "kinesis.data"), decode)

    return opened


_PACKED: Final = frozenset((AGGREGATED[0], GZIPPED[0]))
"""What packed data begins with."""


def _parts(record: Record) -> list[UserRecord]:
    """A record's data; or those that the Kinesis Producer Library packed into it."""
    kinesis = part_of(record, "kinesis")
    data = decoded(text_of(kinesis, "data"), "kinesis.data")
    try:
        return user_records(data, given_text(kinesis, "partitionKey"))
    except ValueError as error:
        raise DecodeError(f"kinesis.data: {error}") from error


def _plain(data: Text) -> Text:
    try:
        return unpacked(data)
    except ValueError as error:
        raise DecodeError(f"kinesis.data: {error}") from error


def _kinesis_record(record: Record, part: UserRecord, data: object) -> KinesisRecord[object]:
    kinesis = part_of(record, "kinesis")
    return KinesisRecord(
        data=data,
        partition_key=part.partition_key,
        sequence_number=given_text(kinesis, "sequenceNumber"),
        subsequence_number=part.subsequence_number,
        arrived_at=number_of(kinesis.get("approximateArrivalTimestamp", 0.0), "approximateArrivalTimestamp"),
        shard_id=given_text(record, "eventID").partition(":")[0],
        stream_arn=given_text(record, "eventSourceARN"),
    )


def _dynamodb(annotation: object, at: str) -> Open:
    wrapped, payload = wrapped_in(annotation, DynamoDBChange)
    if is_raw(annotation):
        return lambda record: [dict(record)]
    if not wrapped:
        raise HandlerError(
            "a handler of table changes is given a DynamoDBChange",
            at=at,
            fix="annotate its parameter with DynamoDBChange[Item], where Item is the type of the images",
        )
    check_payload_type(payload, at=at)
    decode = value_decoder(payload, lax=not is_raw(payload))
    return lambda record: [_change(record, decode)]


def _change(record: Record, decode: Callable[[object], object]) -> DynamoDBChange[object]:
    change = part_of(record, "dynamodb")
    identity = dict(members_of(record, "userIdentity"))
    images = {
        name: decode(image(change[member])) if change.get(member) else None
        for name, member in (("new", "NewImage"), ("old", "OldImage"))
    }
    return DynamoDBChange(
        event_name=text_of(record, "eventName"),
        keys=image(part_of(change, "Keys")),
        new=images["new"],
        old=images["old"],
        sequence_number=given_text(change, "SequenceNumber"),
        table=given_text(record, "eventSourceARN").partition(":table/")[2].partition("/")[0],
        expired=identity.get("principalId") == "dynamodb.amazonaws.com",
    )


def _sns(annotation: object, at: str) -> Open:
    if annotation is S3Upload:
        return lambda record: list(uploads_in_text(text_of(part_of(record, "Sns"), "Message")))
    wrapped, payload = wrapped_in(annotation, SNSMessage)
    if not wrapped:
        refuse_others(annotation, SNSMessage, at)
    if wrapped:
        open_notification = _notification(payload, at)
        return lambda record: open_notification(part_of(record, "Sns"))
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)
    return lambda record: [decode(text_of(part_of(record, "Sns"), "Message"))]


def _notification(payload: object, at: str) -> Open:
    """How a notification is opened: Lambda's `Sns` member, and the envelope in a queue's message."""
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)
    return lambda sns: [_sns_message(sns, decode(text_of(sns, "Message")))]


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


def _event(annotation: object, at: str) -> Open:
    wrapped, payload = wrapped_in(annotation, EventBridgeEvent)
    if not wrapped:
        refuse_others(annotation, EventBridgeEvent, at)
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


def _logs(annotation: object, at: str) -> Open:
    from penstock.handlers import log_events

    wrapped, payload = wrapped_in(annotation, LogEvent)
    if not wrapped:
        refuse_others(annotation, LogEvent, at)
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)

    def opened(event: Record) -> Sequence[object]:
        found = log_events.events_of_function(event)
        decoded = [decode(log_events.message_of(one)) for one in found]
        if not wrapped:
            return decoded
        return [log_events.log_event(one, message) for one, message in zip(found, decoded, strict=True)]

    return opened


def _task(annotation: object, at: str) -> Open:
    check_payload_type(annotation, at=at)
    decode = value_decoder(annotation)
    return lambda record: [decode(record)]


_OPENERS: Mapping[Source, Callable[[object, str], Open]] = {
    Source.S3: _s3,
    Source.SQS: _sqs,
    Source.KINESIS: _kinesis,
    Source.DYNAMODB: _dynamodb,
    Source.SNS: _sns,
    Source.EVENTBRIDGE: _event,
    Source.SCHEDULE: _event,
    Source.TASK: _task,
    Source.LOGS: _logs,
}
