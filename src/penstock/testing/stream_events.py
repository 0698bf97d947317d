"""Events of streams: Kinesis, DynamoDB, Firehose and CloudWatch Logs; and what producers pack into a record."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from penstock.handlers.packing import AGGREGATED
from penstock.testing.attribute_values import attribute_value, base64_text
from penstock.testing.event_parts import (
    ACCOUNT,
    AT_SECONDS,
    REGION,
    Event,
    arn,
    bytes_of,
    message_id,
    text_of,
)


def kinesis_event(*data: object, stream: str = "clicks", partition_key: str = "1") -> Event:
    """A batch with a record for each of `data`: text, bytes or anything with a JSON form."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": partition_key,
                    "sequenceNumber": sequence_number(number),
                    "data": base64_text(bytes_of(item)),
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


View = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]

_IMAGES: Mapping[View, Sequence[str]] = {
    "KEYS_ONLY": (),
    "NEW_IMAGE": ("NewImage",),
    "OLD_IMAGE": ("OldImage",),
    "NEW_AND_OLD_IMAGES": ("NewImage", "OldImage"),
}


def dynamodb_event(
    *changes: Change,
    table: str = "orders",
    key: str | Sequence[str] = "id",
    view: View = "NEW_AND_OLD_IMAGES",
    expired: bool = False,
) -> Event:
    """A batch with a record for each change. Images are plain items: `{"id": "1", "total": 5}`.

    Args:
        key: the name of the partition key; or of it and the sort key.
        view: what the stream shows of an item.
        expired: the items that were removed were so by their time to live.

    Raises:
        ValueError: a change has neither image, or an item has no such key.
        TypeError: DynamoDB has no type for an attribute.
    """
    keys = (key,) if isinstance(key, str) else tuple(key)
    return {
        "Records": [
            _change(old, new, number, table, keys, view, expired) for number, (old, new) in enumerate(changes)
        ]
    }


def _change(
    old: Mapping[str, object] | None,
    new: Mapping[str, object] | None,
    number: int,
    table: str,
    keys: Sequence[str],
    view: View,
    expired: bool,
) -> Event:
    items = {
        name: {attribute: attribute_value(value) for attribute, value in item.items()}
        for name, item in (("NewImage", new), ("OldImage", old))
        if item is not None
    }
    either = next(iter(items.values()), None)
    if either is None:
        raise ValueError(f"change {number} has no image: give (None, new), (old, new) or (old, None)")
    missing = [key for key in keys if key not in either]
    if missing:
        raise ValueError(
            f"the item of change {number} has no key {missing[0]!r}: name the table's with key=..."
        )
    images = {name: item for name, item in items.items() if name in _IMAGES[view]}
    name = "MODIFY" if old is not None and new is not None else "INSERT" if new is not None else "REMOVE"
    record: Event = {
        "eventID": hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest(),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": AT_SECONDS,
            "Keys": {key: either[key] for key in keys},
            **images,
            "SequenceNumber": sequence_number(number),
            "SizeBytes": len(msgspec.json.encode(images)),
            "StreamViewType": view,
        },
        "eventSourceARN": arn("dynamodb", f"table/{table}/stream/2026-01-01T00:00:00.000"),
    }
    if expired and name == "REMOVE":
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return record


def firehose_event(*data: object, stream: str = "delivery", source: str | None = None) -> Event:
    """What Firehose gives a function that transforms its records.

    Args:
        source: the Kinesis stream that the delivery stream reads, if it does; its records say where they stood.
    """
    event: Event = {
        "invocationId": message_id(0),
        "deliveryStreamArn": arn("firehose", f"deliverystream/{stream}"),
        "region": REGION,
        "records": [_firehose_record(item, number, source) for number, item in enumerate(data)],
    }
    return (
        event if source is None else {**event, "sourceKinesisStreamArn": arn("kinesis", f"stream/{source}")}
    )


def _firehose_record(item: object, number: int, source: str | None) -> Event:
    at_millis = int(AT_SECONDS * 1000) + number
    record: Event = {
        "recordId": sequence_number(number),
        "approximateArrivalTimestamp": at_millis,
        "data": base64_text(bytes_of(item)),
    }
    if source is not None:
        record["kinesisRecordMetadata"] = {
            "sequenceNumber": sequence_number(number),
            "subsequenceNumber": 0,
            "partitionKey": "1",
            "shardId": "shardId-000000000000",
            "approximateArrivalTimestamp": at_millis,
        }
    return record


def cloudwatch_logs_event(*messages: object, log_group: str = "/aws/lambda/handler") -> Event:
    """What a subscription filter gives a function: gzip'd JSON in Base64."""
    return {"awslogs": {"data": base64_text(packed_logs(*messages, log_group=log_group))}}


# --- What is packed into a record ---------------------------------------------------------------------------


def packed_logs(*messages: object, log_group: str = "/aws/lambda/handler") -> bytes:
    """What a subscription filter writes to a stream: `kinesis_event(packed_logs("line"))`.

    Without messages, it is what CloudWatch Logs sends to try whether a destination can be reached.
    """
    logs = {
        "messageType": "DATA_MESSAGE" if messages else "CONTROL_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": log_group,
        "logStream": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["everything"],
        "logEvents": [
            {
                "id": str(36 * 10**54 + number),
                "timestamp": int(AT_SECONDS * 1000) + number,
                "message": text_of(message),
            }
            for number, message in enumerate(messages)
        ],
    }
    return gzip.compress(msgspec.json.encode(logs), mtime=0)


def aggregated(*data: object, partition_key: str | Sequence[str] = "1") -> bytes:
    """What the Kinesis Producer Library packs into one record: `kinesis_event(aggregated("a", {"b": 1}))`.

    Args:
        partition_key: of all user records, or one for each of them.

    Raises:
        ValueError: there are not as many partition keys as records.
    """
    of_each = [partition_key] * len(data) if isinstance(partition_key, str) else list(partition_key)
    keys = list(dict.fromkeys(of_each))
    message = b"".join(_field(1, key.encode()) for key in keys)
    for key, item in zip(of_each, data, strict=True):
        message += _field(3, b"\x08" + _varint(keys.index(key)) + _field(3, bytes_of(item)))
    return AGGREGATED + message + hashlib.md5(message, usedforsecurity=False).digest()


def _field(number: int, value: bytes) -> bytes:
    """A field of a protocol buffer's message, of the kind that has a length."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
