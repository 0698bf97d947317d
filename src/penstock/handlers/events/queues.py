"""Events of SQS queues and SNS topics.

Sources: Lambda, "Using Lambda with Amazon SQS"; Lambda, "Invoking Lambda functions with Amazon SNS notifications".
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import field
from msgspec.structs import force_setattr

from penstock.handlers.base64_data import base64_bytes


class SQSAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """The system attributes of a message; those of FIFO queues and of redriven messages may be missing."""

    approximate_receive_count: str = field(name="ApproximateReceiveCount")
    sent_timestamp: str = field(name="SentTimestamp")
    sender_id: str = field(name="SenderId")
    approximate_first_receive_timestamp: str = field(name="ApproximateFirstReceiveTimestamp")
    sequence_number: str | None = field(name="SequenceNumber", default=None)
    message_group_id: str | None = field(name="MessageGroupId", default=None)
    message_deduplication_id: str | None = field(name="MessageDeduplicationId", default=None)
    aws_trace_header: str | None = field(name="AWSTraceHeader", default=None)
    dead_letter_queue_source_arn: str | None = field(name="DeadLetterQueueSourceArn", default=None)


_ATTRIBUTE_TYPES: Final = ("String", "Number", "Binary")
"""A type may have a label of the sender's: `Number.price` (SQS, "Amazon SQS message metadata")."""


class SQSMessageAttribute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An attribute that the sender gave; a binary value is Base64, which `value` decodes."""

    data_type: str
    string_value: str | None = None
    binary_value: str | None = None
    string_list_values: list[str] | None = None
    binary_list_values: list[str] | None = None

    def __post_init__(self) -> None:
        if self.data_type.partition(".")[0] not in _ATTRIBUTE_TYPES:
            raise ValueError(f"dataType: {self.data_type!r} is none of {', '.join(_ATTRIBUTE_TYPES)}")
        _ = self.value

    @property
    def value(self) -> str | bytes:
        """The value, of the kind that the data type says."""
        if self.data_type.partition(".")[0] != "Binary":
            if self.string_value is None:
                raise ValueError(f"stringValue: an attribute of the type {self.data_type} has one")
            return self.string_value
        if self.binary_value is None:
            raise ValueError(f"binaryValue: an attribute of the type {self.data_type} has one")
        try:
            return base64_bytes(self.binary_value)
        except ValueError as error:
            raise ValueError(f"binaryValue: {error}") from error


class SQSRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message.

    Attributes:
        body: a text. Where a test event holds an object there, it is that object's JSON.
    """

    message_id: str
    receipt_handle: str
    body: str | dict[str, object]
    attributes: SQSAttributes
    message_attributes: dict[str, SQSMessageAttribute]
    md5_of_body: str = field(name="md5OfBody")
    event_source: Literal["aws:sqs"]
    event_source_arn: str = field(name="eventSourceARN")
    aws_region: str
    md5_of_message_attributes: str | None = field(name="md5OfMessageAttributes", default=None)

    def __post_init__(self) -> None:
        if not isinstance(self.body, str):
            force_setattr(self, "body", msgspec.json.encode(self.body).decode())


class SQSEvent(msgspec.Struct, frozen=True, kw_only=True):
    records: list[SQSRecord] = field(name="Records")


class SNSMessageAttribute(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An attribute of a notification. The value of a binary one is Base64, which `content` decodes."""

    type: str
    value: str

    @property
    def content(self) -> str | bytes:
        """The value, of the kind that the type says.

        Raises:
            ValueError: a binary one is no Base64. (AWS's own example of an event has such a value.)
        """
        if self.type != "Binary":
            return self.value
        try:
            return base64_bytes(self.value)
        except ValueError as error:
            raise ValueError(f"Value: {error}") from error


class SNSNotification(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    type: str
    message_id: str
    topic_arn: str
    subject: str | None = None
    message: str
    timestamp: datetime
    signature_version: str
    signature: str
    signing_cert_url: str | None = None
    unsubscribe_url: str | None = None
    message_attributes: dict[str, SNSMessageAttribute] = {}


class SNSRecord(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    event_source: Literal["aws:sns"]
    event_version: str
    event_subscription_arn: str
    sns: SNSNotification


class SNSEvent(msgspec.Struct, frozen=True, kw_only=True):
    records: list[SNSRecord] = field(name="Records")
