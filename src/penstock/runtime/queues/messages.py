"""A message, and what SQS computes from it: size, MD5 sums, attributes as a caller sees them.

Source: SQS, "Calculating the MD5 message digest for message attributes", "Amazon SQS message quotas".
No queue is known here.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Mapping, Sized
from enum import Enum
from typing import Final

import msgspec

from penstock.runtime.journal_events import Attribute, MessageSent
from penstock.runtime.services import ServiceError

MAXIMUM_MESSAGE_BYTES: Final = 1_048_576
MAXIMUM_ATTRIBUTES: Final = 10

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[A-Za-z0-9_.-]+)?\Z")
_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws\.|amazon\.)|\.)(?!.*(\.\.|\.\Z))[A-Za-z0-9_.-]{1,256}\Z")


class Where(Enum):
    """Every message is in exactly one of these."""

    DELAYED = "delayed"
    VISIBLE = "visible"
    IN_FLIGHT = "in flight"
    GONE = "gone"


class Message(msgspec.Struct, gc=False, eq=False, kw_only=True):
    """One message of one queue. Only the queue that holds it changes it.

    It refers to nothing that could refer to it, so Python's collector of cycles need not look through queues.

    Attributes:
        visible_at: when a delayed message or one in flight can be received (again).
        receive_count: `ApproximateReceiveCount`; also tells which receipt handle is the latest.
        offered: how often it became visible; tells which place in the line is its latest.
    """

    message_id: str
    body: str
    sent_at: float
    visible_at: float
    attributes: dict[str, Attribute]
    trace_header: str | None
    group_id: str | None
    deduplication_id: str | None
    sequence_number: str | None
    sender: str
    receive_count: int = 0
    offered: int = 0
    first_received_at: float | None = None
    dead_letter_source: str | None = None
    where: Where = Where.VISIBLE

    @staticmethod
    def of(sent: MessageSent) -> Message:
        """The message, as it was sent."""
        return Message(
            message_id=sent.message_id,
            body=sent.body,
            sent_at=sent.at,
            visible_at=sent.visible_at,
            attributes=sent.attributes,
            trace_header=sent.trace_header,
            group_id=sent.group_id,
            deduplication_id=sent.deduplication_id,
            sequence_number=sent.sequence_number,
            sender=sent.sender,
        )

    @property
    def receipt_handle(self) -> str:
        """Names this delivery of the message; the next delivery has another one."""
        return f"AQEB/{self.message_id}/{self.receive_count}"

    def system_attributes(self) -> dict[str, str]:
        """Every system attribute that the message has, as `ReceiveMessage` and Lambda's event give them."""
        sender = f"AROAPENSTOCK:{self.sender}" if self.sender else "AIDAPENSTOCK"
        found = {
            "ApproximateReceiveCount": str(self.receive_count),
            "SentTimestamp": milliseconds(self.sent_at),
            "SenderId": sender,
            "ApproximateFirstReceiveTimestamp": milliseconds(self.first_received_at or self.sent_at),
        }
        if self.group_id is not None:
            found["MessageGroupId"] = self.group_id
        if self.sequence_number is not None:
            found["SequenceNumber"] = self.sequence_number
        if self.deduplication_id is not None:
            found["MessageDeduplicationId"] = self.deduplication_id
        if self.trace_header is not None:
            found["AWSTraceHeader"] = self.trace_header
        if self.dead_letter_source is not None:
            found["DeadLetterQueueSourceArn"] = self.dead_letter_source
        return found


def milliseconds(at: float) -> str:
    """Epoch seconds as the whole milliseconds that SQS writes."""
    return str(int(at * 1000))


def receipt_parts(handle: str) -> tuple[str, int] | None:
    """The message id and delivery that a receipt handle names; None if it is not one."""
    parts = handle.split("/")
    if len(parts) == 3 and parts[0] == "AQEB" and parts[2].isdecimal():
        return parts[1], int(parts[2])
    return None


def md5_of_text(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Attribute]) -> str | None:
    """MD5 over the sorted attributes' names, types and values; None without attributes."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        _add(digest.update, name.encode())
        _add(digest.update, attribute.data_type.encode())
        if attribute.binary_value is not None:
            digest.update(b"\x02")
            _add(digest.update, attribute.binary_value)
        else:
            digest.update(b"\x01")
            _add(digest.update, (attribute.string_value or "").encode())
    return digest.hexdigest()


def _add(update: Callable[[bytes], None], value: bytes) -> None:
    update(struct.pack(">I", len(value)) + value)


def size_bytes(body: str, attributes: Mapping[str, Attribute]) -> int:
    """What counts towards the 1 MiB: the body, and every attribute's name, type and value, in UTF-8."""
    size = len(body) if body.isascii() else len(body.encode())
    for name, attribute in attributes.items():
        size += len(name.encode()) + len(attribute.data_type)
        size += len(attribute.binary_value or b"") + len((attribute.string_value or "").encode())
    return size


def check_body(body: str) -> None:
    """Refuse an empty body and characters that SQS does not take.

    Raises:
        ServiceError: `MissingParameter` or `InvalidMessageContents`.
    """
    if not body:
        raise ServiceError("MissingParameter", "The request must contain the parameter MessageBody.")
    if not (body.isascii() and body.isprintable()) and _FORBIDDEN.search(body):
        raise ServiceError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are "
            "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
        )


def attributes_from_call(given: object, *, most: int | None = MAXIMUM_ATTRIBUTES) -> dict[str, Attribute]:
    """Read boto3's `MessageAttributes`.

    Args:
        most: how many there may be; None: any number.

    Raises:
        ServiceError: `InvalidParameterValue`, where SQS would say so.
    """
    if not isinstance(given, Mapping):
        return {}
    if most is not None:
        check_attributes(given, most=most)
    return {str(name): _attribute(str(name), value) for name, value in given.items()}


def check_attributes(given: Sized, *, most: int = MAXIMUM_ATTRIBUTES) -> None:
    """Refuse more attributes than a message may have.

    Raises:
        ServiceError: `InvalidParameterValue`.
    """
    if len(given) > most:
        raise _invalid(f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{most}].")


def _attribute(name: str, value: object) -> Attribute:
    fields = value if isinstance(value, Mapping) else {}
    data_type = str(fields.get("DataType", ""))
    if _ATTRIBUTE_NAME.match(name) is None:
        raise _invalid(f"The message attribute name '{name}' is invalid.")
    if _DATA_TYPE.match(data_type) is None:
        raise _invalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported "
            "type prefixes is Binary, Number, and String."
        )
    text, binary = fields.get("StringValue"), fields.get("BinaryValue")
    if data_type.startswith("Binary"):
        if isinstance(binary, str):  # boto3 takes a text for bytes, in UTF-8
            binary = binary.encode()
        if not isinstance(binary, bytes | bytearray):
            raise _must_contain(name, "binary")
        return Attribute(data_type=data_type, binary_value=bytes(binary))
    if not isinstance(text, str) or not text:
        raise _must_contain(name, "string")
    if data_type.startswith("Number") and re.fullmatch(r"[+-]?\d*\.?\d+([eE][+-]?\d+)?", text) is None:
        raise _invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    return Attribute(data_type=data_type, string_value=text)


def _must_contain(name: str, kind: str) -> ServiceError:
    return _invalid(
        f"The message attribute '{name}' must contain a non-empty message attribute value for message "
        f"attribute type '{kind}'."
    )


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)
