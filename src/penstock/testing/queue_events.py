"""Events of SQS queues and SNS topics, and what a queue gets from a topic."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from penstock.testing.attribute_values import base64_text
from penstock.testing.event_parts import (
    AT_SECONDS,
    REGION,
    TIME_MILLIS,
    Event,
    arn,
    md5_of,
    message_id,
    text_of,
)


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
        text = text_of(body)
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
                "md5OfBody": md5_of(text.encode()),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn("sqs", queue),
                "awsRegion": REGION,
            }
        )
    return {"Records": records}


def _message_attribute(value: str | bytes) -> Event:
    common: Event = {"stringListValues": [], "binaryListValues": []}
    if isinstance(value, bytes):
        return {"binaryValue": base64_text(value), **common, "dataType": "Binary"}
    return {"stringValue": value, **common, "dataType": "String"}


def sns_event(
    *messages: object,
    topic: str = "uploads",
    subject: str | None = None,
    message_attributes: Mapping[str, str | bytes] | None = None,
) -> Event:
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
                    "Message": text_of(message),
                    "Timestamp": TIME_MILLIS,
                    **_sns_signature("SigningCertUrl", "UnsubscribeUrl"),
                    "MessageAttributes": _sns_attributes(message_attributes),
                },
            }
            for number, message in enumerate(messages)
        ]
    }


def sns_envelope(
    message: object,
    *,
    topic: str = "uploads",
    subject: str | None = None,
    message_attributes: Mapping[str, str | bytes] | None = None,
) -> Event:
    """The body that a queue gets from a topic without raw message delivery."""
    envelope: Event = {
        "Type": "Notification",
        "MessageId": message_id(0),
        "TopicArn": arn("sns", topic),
        "Message": text_of(message),
        "Timestamp": TIME_MILLIS,
        **_sns_signature("SigningCertURL", "UnsubscribeURL"),
    }
    if subject is not None:
        envelope["Subject"] = subject
    if message_attributes:
        envelope["MessageAttributes"] = _sns_attributes(message_attributes)
    return envelope


def _sns_attributes(given: Mapping[str, str | bytes] | None) -> Event:
    return {
        name: {"Type": "Binary", "Value": base64_text(value)}
        if isinstance(value, bytes)
        else {"Type": "String", "Value": value}
        for name, value in (given or {}).items()
    }


def _sns_signature(certificate: str, unsubscribe: str) -> Event:
    site = f"https://sns.{REGION}.amazonaws.com"
    return {
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        certificate: f"{site}/SimpleNotificationService-ac565b8b1a6c5d002d285f9598aa1d9b.pem",
        unsubscribe: f"{site}/?Action=Unsubscribe",
    }
