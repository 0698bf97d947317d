"""What becomes of a record that cannot be decoded: it goes to a dead-letter queue with its reason.

Retrying cannot help such a record: it would come back until its queue's redrive policy or its stream's retention
period ends that. The message that is sent has the record's own body and says in its attributes what is wrong.
"""

from __future__ import annotations

import binascii
import os
from enum import Enum
from typing import Any, Final

import msgspec

QUEUE_VARIABLE: Final = "PENSTOCK_DEAD_LETTER_QUEUE_URL"
"""The variable that names the queue. A pipeline sets it to the dead-letter queue of the mapped queue, or to the queue
that a stream mapping's failures go to."""

_ATTRIBUTE_LIMIT: Final = 1024


class Undecodable(Enum):
    """What becomes of a record that cannot be decoded."""

    DEAD_LETTER = "to the dead-letter queue, with its reason; a failure where there is no such queue"
    FAIL = "it fails like a record that the handler refused, and is delivered again"


def dead_letter_url(variable: str, source: str) -> str | None:
    """The URL of the dead-letter queue for records of a source, as an environment variable has it, or None.

    Args:
        variable: holds the URL; or JSON that has the URLs by the ARNs of the sources (of a table, for its stream).
        source: the ARN of the queue or stream that a record came from.
    """
    text = os.environ.get(variable) or None
    if text is None or not text.startswith("{"):
        return text
    try:
        urls = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError:
        return text  # no queue has that URL: the attempt to send is what says so
    return next((url for arn, url in urls.items() if source == arn or source.startswith(f"{arn}/")), None)


def send_dead_letter(
    url: str, body: bytes, *, record_id: str, reason: str, source: str, handler: str, group_id: str | None
) -> None:
    """Send a record to the dead-letter queue.

    Args:
        body: what the record held. If SQS takes no such text, it is sent as Base64, and the attribute Encoding
            says so.
        record_id: the message id or sequence number; a FIFO queue takes the record once.
        source: the ARN of the queue or stream that it came from.
    """
    attributes = {"Reason": reason, "RecordId": record_id, "Source": source, "Handler": handler}
    text = _text(body)
    if text is None:
        text = binascii.b2a_base64(body, newline=False).decode() or " "  # SQS takes no empty message
        attributes["Encoding"] = "base64"
    message: dict[str, Any] = {
        "QueueUrl": url,
        "MessageBody": text,
        "MessageAttributes": {name: _attribute(value) for name, value in attributes.items()},
    }
    if url.endswith(".fifo"):
        message["MessageGroupId"] = group_id or record_id
        message["MessageDeduplicationId"] = record_id
    _client().send_message(**message)


def _text(body: bytes) -> str | None:
    """The body as a text that SQS takes (SQS, "SendMessage": the characters that are allowed), or None."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text and all(map(_is_allowed, text)) else None


def _is_allowed(character: str) -> bool:
    if "\ud800" <= character <= "\udfff":
        return False  # half of a pair: no text can be made of it
    return (character >= " " and character not in "\ufffe\uffff") or character in "\t\n\r"


def _attribute(text: str) -> dict[str, str]:
    allowed = "".join(one if _is_allowed(one) else "?" for one in text[:_ATTRIBUTE_LIMIT])
    return {"DataType": "String", "StringValue": allowed or "unknown"}


def _client() -> Any:
    """An SQS client, made when it is first needed: most invocations never need it."""
    global _made
    if _made is None:
        import boto3

        _made = boto3.client("sqs")
    return _made


_made: Any = None
