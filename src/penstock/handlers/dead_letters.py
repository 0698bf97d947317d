"""What becomes of a record that cannot be decoded: it goes to a dead-letter queue with its reason.

Retrying cannot help such a record: it would come back until its queue's redrive policy or its stream's retention
period ends that. The message that is sent has the record's own body and says in its attributes what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

QUEUE_VARIABLE: Final = "PENSTOCK_DEAD_LETTER_QUEUE_URL"
"""The variable that names the queue. A pipeline sets it to the dead-letter queue of the mapped queue."""

_ATTRIBUTE_LIMIT: Final = 1024


class Undecodable(Enum):
    """What becomes of a record that cannot be decoded."""

    DEAD_LETTER = "to the dead-letter queue, with its reason; a failure where there is no such queue"
    FAIL = "it fails like a record that the handler refused, and is delivered again"


Send = Callable[[Mapping[str, Any]], None]


def dead_letter_url() -> str | None:
    """The dead-letter queue's URL, or None if this function has none."""
    return os.environ.get(QUEUE_VARIABLE) or None


def send_dead_letter(
    url: str, body: str, *, record_id: str, reason: str, source: str, handler: str, group_id: str | None
) -> None:
    """Send a record to the dead-letter queue.

    Args:
        record_id: the message id or sequence number; a FIFO queue takes the record once.
        source: the ARN of the queue or stream that it came from.
    """
    message: dict[str, Any] = {
        "QueueUrl": url,
        "MessageBody": body or " ",
        "MessageAttributes": {
            "Reason": _attribute(reason),
            "RecordId": _attribute(record_id),
            "Source": _attribute(source),
            "Handler": _attribute(handler),
        },
    }
    if url.endswith(".fifo"):
        message["MessageGroupId"] = group_id or record_id
        message["MessageDeduplicationId"] = record_id
    _client().send_message(**message)


def _attribute(text: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": text[:_ATTRIBUTE_LIMIT] or "unknown"}


def _client() -> Any:
    """An SQS client, made when it is first needed: most invocations never need it."""
    global _made
    if _made is None:
        import boto3

        _made = boto3.client("sqs")
    return _made


_made: Any = None
