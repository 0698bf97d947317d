"""Opening an event's records, source by source: each becomes the values that the annotation asks for.

An opener takes one record of the event, as Lambda gives it, and returns the payloads in it: one, none (an
`s3:TestEvent` in a queue) or several (an S3 event with several records). It raises DecodeError for what cannot
be decoded. Every opener is made once, when a handler is decorated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from penstock.errors import DecodeError, HandlerError
from penstock.handlers.annotations import bare, is_raw
from penstock.handlers.attribute_values import image
from penstock.handlers.envelopes import (
    Open,
    Record,
    open_event,
    open_message,
    open_notification,
    refuse_others,
    refuse_records,
    wrapped_in,
)
from penstock.handlers.members import decoded, given_text, members_of, number_of, part_of, text_of
from penstock.handlers.packing import AGGREGATED, GZIPPED, UserRecord, opened_parts, unpacked, user_records
from penstock.handlers.payloads import (
    Text,
    check_payload_type,
    terse_decoder,
    text_decoder,
    value_decoder,
)
from penstock.handlers.records import DynamoDBChange, EventBridgeEvent, KinesisRecord, LogEvent, S3Upload
from penstock.handlers.s3_events import upload_of
from penstock.handlers.spec import Source


def opener(source: Source, annotation: object, *, at: str) -> Open:
    """How a record of `source` is opened for this annotation.

    Raises:
        HandlerError: the annotation does not fit the source.
    """
    return _OPENERS[source](annotation, at)


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


def _kinesis(annotation: object, at: str) -> Open:
    of_logs, payload = wrapped_in(annotation, LogEvent)
    if of_logs:
        return _logs_in_kinesis(payload, at)
    wrapped, payload = wrapped_in(annotation, KinesisRecord)
    if not wrapped:
        refuse_others(annotation, KinesisRecord, at)
    refuse_records(payload, at)
    check_payload_type(payload, at=at)
    decode_text = text_decoder(payload)
    decode = decode_text if bare(payload) is bytes else lambda data: decode_text(_plain(data))
    if wrapped:
        return lambda record: _each_part(
            record, lambda part: _kinesis_record(record, part, decode(part.data))
        )
    bytes_of, value_of = msgspec.convert, terse_decoder(payload)

    def opened(record: Record) -> Sequence[object]:
        """Open plain data at once; everything else takes the long way, which knows what is wrong."""
        try:
            data = bytes_of(record["kinesis"]["data"], bytes)
            if data[0] not in _PACKED:
                return (value_of(data),)
        except Exception:  # noqa: BLE001  # the long way says what it is
            pass
        return _each_part(record, lambda part: decode(part.data))

    return opened


def _each_part(record: Record, decode: Callable[[UserRecord], object]) -> Sequence[object]:
    return opened_parts([(part.data, partial(decode, part)) for part in _parts(record)])


def _logs_in_kinesis(payload: object, at: str) -> Open:
    """Log events that a subscription has put into a stream: each is a payload of its own."""
    from penstock.handlers import log_events  # for these handlers only

    refuse_records(payload, at)
    check_payload_type(payload, at=at)
    decode = text_decoder(payload)

    def opened(record: Record) -> Sequence[object]:
        packed = decoded(text_of(part_of(record, "kinesis"), "data"), "kinesis.data")
        found = log_events.events_in(packed, "kinesis.data")
        return opened_parts(
            [(log_events.data_of(one), partial(log_events.opened, one, decode)) for one in found]
        )

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
        # With enhanced fan-out, the source is a consumer of the stream: `.../stream/clicks/consumer/name:1700000000`.
        stream_arn=given_text(record, "eventSourceARN").partition("/consumer/")[0],
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
    refuse_records(payload, at)
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


def _schedule(annotation: object, at: str) -> Open:
    refuse_others(annotation, EventBridgeEvent, at)
    return open_event(annotation, at)


def _logs(annotation: object, at: str) -> Open:
    from penstock.handlers import log_events

    wrapped, payload = wrapped_in(annotation, LogEvent)
    if not wrapped:
        refuse_others(annotation, LogEvent, at)
    refuse_records(payload, at)
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
    Source.SQS: open_message,
    Source.KINESIS: _kinesis,
    Source.DYNAMODB: _dynamodb,
    Source.SNS: open_notification,
    Source.EVENTBRIDGE: open_event,
    Source.SCHEDULE: _schedule,
    Source.TASK: _task,
    Source.LOGS: _logs,
}
