"""A valid event of each source in one line, as Lambda gives it to a function.

1. Each builder takes what a test cares about and fills in the rest with AWS's own examples. Nothing is random and
   no clock is read: the same call makes the same event.
2. A payload may be a text, bytes where the source takes them, or anything with a JSON form; so envelopes nest:

       sqs_event(s3_event("a/b.csv"))                          an S3 notification in a queue
       sqs_event(sns_envelope(s3_event("a/b.csv")))            ... that came through a topic

HTTP requests are in `penstock.testing.http_events`.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote_plus

import msgspec

from penstock.testing.attribute_values import attribute_value, base64_text

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
AT_SECONDS: Final = 1767225600.0
"""When every event happened, in epoch seconds: 2026-01-01T00:00:00Z."""

_TIME = "2026-01-01T00:00:00Z"
_TIME_MILLIS = "2026-01-01T00:00:00.000Z"

Event = dict[str, object]


def arn(service: str, resource: str) -> str:
    """An ARN of the embedded account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


# --- S3 ---------------------------------------------------------------------------------------------------


def s3_event(
    *keys: str,
    bucket: str = "uploads",
    size_bytes: int = 1024,
    event_name: str = "ObjectCreated:Put",
    version_id: str | None = None,
) -> Event:
    """A notification with a record for each key. Keys are given as they are; the event has them URL-encoded."""
    return {
        "Records": [
            _s3_record(key, number, bucket, size_bytes, event_name, version_id)
            for number, key in enumerate(keys)
        ]
    }


def _s3_record(
    key: str, number: int, bucket: str, size_bytes: int, event_name: str, version_id: str | None
) -> Event:
    described: Event = {"key": quote_plus(key, safe="/")}
    if not event_name.startswith(("ObjectTagging", "ObjectAcl")):
        described["sequencer"] = f"{0x0055AED6DCD90281E5 + number:018X}"
    if event_name.startswith("ObjectCreated"):
        described |= {"size": size_bytes, "eTag": _md5(key.encode())}
    if version_id is not None:
        described["versionId"] = version_id
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": _TIME_MILLIS,
        "eventName": event_name,
        "userIdentity": {"principalId": "AWS:AIDAINPONIXQXHT3IKHL2"},
        "requestParameters": {"sourceIPAddress": "205.255.255.255"},
        "responseElements": {
            "x-amz-request-id": "D82B88E5F771F645",
            "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5",
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "uploads",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": described,
        },
    }


def s3_test_event(*, bucket: str = "uploads") -> Event:
    """What S3 sends to a queue or topic when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": _TIME_MILLIS,
        "Bucket": bucket,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }


def s3_bus_event(
    key: str, *, bucket: str = "uploads", size_bytes: int = 1024, detail_type: str = "Object Created"
) -> Event:
    """S3's event in EventBridge's form; its key is not URL-encoded."""
    detail: Event = {
        "version": "0",
        "bucket": {"name": bucket},
        "object": {
            "key": key,
            "size": size_bytes,
            "etag": _md5(key.encode()),
            "sequencer": "0055AED6DCD90281E5",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": ACCOUNT,
        "source-ip-address": "205.255.255.255",
        "reason": "PutObject",
    }
    return bus_event(detail, source="aws.s3", detail_type=detail_type, resources=[f"arn:aws:s3:::{bucket}"])


# --- Queues and topics ------------------------------------------------------------------------------------


def sqs_event(
    *bodies: object,
    queue: str = "jobs",
    receive_count: int = 1,
    group_id: str = "group",
    message_attributes: Mapping[str, str | bytes] | None = None,
) -> Event:
    """A batch with a message for each body. If the queue's name ends with `.fifo`, so does its nature."""
    fifo = queue.endswith(".fifo")
    records: list[Event] = []
    for number, body in enumerate(bodies):
        text = _text(body)
        attributes = {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": str(int(AT_SECONDS * 1000)),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": str(int(AT_SECONDS * 1000) + 1),
        }
        if fifo:
            attributes |= {
                "SequenceNumber": str(18849496460467696128 + 256 * number),
                "MessageGroupId": group_id,
                "MessageDeduplicationId": hashlib.sha256(f"{number} {text}".encode()).hexdigest(),
            }
        records.append(
            {
                "messageId": message_id(number),
                "receiptHandle": f"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a{number}",
                "body": text,
                "attributes": attributes,
                "messageAttributes": {
                    name: _message_attribute(value) for name, value in (message_attributes or {}).items()
                },
                "md5OfBody": _md5(text.encode()),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn("sqs", queue),
                "awsRegion": REGION,
            }
        )
    return {"Records": records}


def message_id(number: int) -> str:
    """The id of message `number` (from 0) of an event made here: what a verdict names."""
    return f"059f36b4-87a3-44ab-83d2-{number:012d}"


def _message_attribute(value: str | bytes) -> Event:
    common: Event = {"stringListValues": [], "binaryListValues": []}
    if isinstance(value, bytes):
        return {"binaryValue": base64_text(value), **common, "dataType": "Binary"}
    return {"stringValue": value, **common, "dataType": "String"}


def sns_event(*messages: object, topic: str = "uploads", subject: str | None = None) -> Event:
    """What a function that is subscribed to a topic gets."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{arn('sns', topic)}:{message_id(number)}",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": message_id(number),
                    "TopicArn": arn("sns", topic),
                    "Subject": subject,
                    "Message": _text(message),
                    "Timestamp": _TIME_MILLIS,
                    **_sns_signature("SigningCertUrl", "UnsubscribeUrl"),
                    "MessageAttributes": {},
                },
            }
            for number, message in enumerate(messages)
        ]
    }


def sns_envelope(message: object, *, topic: str = "uploads") -> Event:
    """The body that a queue gets from a topic without raw message delivery."""
    return {
        "Type": "Notification",
        "MessageId": message_id(0),
        "TopicArn": arn("sns", topic),
        "Message": _text(message),
        "Timestamp": _TIME_MILLIS,
        **_sns_signature("SigningCertURL", "UnsubscribeURL"),
    }


def _sns_signature(certificate: str, unsubscribe: str) -> Event:
    site = f"https://sns.{REGION}.amazonaws.com"
    return {
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        certificate: f"{site}/SimpleNotificationService-ac565b8b1a6c5d002d285f9598aa1d9b.pem",
        unsubscribe: f"{site}/?Action=Unsubscribe",
    }


# --- Streams ----------------------------------------------------------------------------------------------


def kinesis_event(*data: object, stream: str = "clicks", partition_key: str = "1") -> Event:
    """A batch with a record for each of `data`: text, bytes or anything with a JSON form."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": partition_key,
                    "sequenceNumber": sequence_number(number),
                    "data": base64_text(_bytes(item)),
                    "approximateArrivalTimestamp": AT_SECONDS + number,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{sequence_number(number)}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/lambda-role",
                "awsRegion": REGION,
                "eventSourceARN": arn("kinesis", f"stream/{stream}"),
            }
            for number, item in enumerate(data)
        ]
    }


def sequence_number(number: int) -> str:
    """The sequence number of record `number` (from 0) of a stream's event made here: what a verdict names."""
    return str(49590338271490256608559692538361571095921575989136588898 + number)


Change = tuple[Mapping[str, object] | None, Mapping[str, object] | None]
"""An item's old and new image; None where there is none: `(None, new)` is an insert."""


def dynamodb_event(*changes: Change, table: str = "orders", key: str = "id", expired: bool = False) -> Event:
    """A batch with a record for each change. Images are plain items: `{"id": "1", "total": 5}`.

    Args:
        key: the name of the partition key.
        expired: the items were deleted by their time to live.
    """
    return {
        "Records": [
            _change(old, new, number, table, key, expired) for number, (old, new) in enumerate(changes)
        ]
    }


def _change(
    old: Mapping[str, object] | None,
    new: Mapping[str, object] | None,
    number: int,
    table: str,
    key: str,
    expired: bool,
) -> Event:
    images = {
        name: {attribute: attribute_value(value) for attribute, value in item.items()}
        for name, item in (("NewImage", new), ("OldImage", old))
        if item is not None
    }
    either = next(iter(images.values()))
    name = "MODIFY" if old is not None and new is not None else "INSERT" if new is not None else "REMOVE"
    record: Event = {
        "eventID": hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest(),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": AT_SECONDS,
            "Keys": {key: either[key]},
            **images,
            "SequenceNumber": sequence_number(number),
            "SizeBytes": len(msgspec.json.encode(images)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": arn("dynamodb", f"table/{table}/stream/2026-01-01T00:00:00.000"),
    }
    if expired:
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return record


def firehose_event(*data: object, stream: str = "delivery") -> Event:
    """What Firehose gives a function that transforms its records."""
    return {
        "invocationId": message_id(0),
        "deliveryStreamArn": arn("firehose", f"deliverystream/{stream}"),
        "region": REGION,
        "records": [
            {
                "recordId": sequence_number(number),
                "approximateArrivalTimestamp": int(AT_SECONDS * 1000) + number,
                "data": base64_text(_bytes(item)),
            }
            for number, item in enumerate(data)
        ],
    }


def cloudwatch_logs_event(*messages: str, log_group: str = "/aws/lambda/handler") -> Event:
    """What a subscription filter gives a function: gzip'd JSON in Base64."""
    logs = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": log_group,
        "logStream": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["everything"],
        "logEvents": [
            {
                "id": str(36 * 10**54 + number),
                "timestamp": int(AT_SECONDS * 1000) + number,
                "message": message,
            }
            for number, message in enumerate(messages)
        ],
    }
    return {"awslogs": {"data": base64_text(gzip.compress(msgspec.json.encode(logs), mtime=0))}}


# --- Buses and schedules ----------------------------------------------------------------------------------


def bus_event(
    detail: object,
    *,
    source: str = "shop.orders",
    detail_type: str = "Order Placed",
    resources: Sequence[str] = (),
) -> Event:
    """An event of an EventBridge bus."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": _TIME,
        "region": REGION,
        "resources": list(resources),
        "detail": msgspec.to_builtins(detail),
    }


def scheduled_event(*, rule: str = "nightly") -> Event:
    """What a scheduled rule gives a function."""
    return bus_event(
        {}, source="aws.events", detail_type="Scheduled Event", resources=[arn("events", f"rule/{rule}")]
    )


# --- Encodings --------------------------------------------------------------------------------------------


def _text(payload: object) -> str:
    return payload if isinstance(payload, str) else msgspec.json.encode(payload).decode()


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else _text(payload).encode()


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
