"""Shard iterators: where a reader of `GetRecords` stands, as an opaque text.

Sources: the API references of Kinesis and of DynamoDB Streams, `GetShardIterator`: an iterator of Kinesis lives for
five minutes, one of a table's stream for fifteen.
"""

from __future__ import annotations

import base64
from typing import Final

import msgspec

from penstock.runtime.services import ServiceError

LIFETIME_SECONDS: Final = 300.0
TABLE_LIFETIME_SECONDS: Final = 900.0


class ShardIterator(msgspec.Struct, frozen=True, array_like=True):
    """A position in a shard, and when the iterator was given out."""

    stream: str
    shard: str
    position: int
    made_at: float


def iterator_text(iterator: ShardIterator) -> str:
    """The iterator as a caller sees it."""
    return base64.b64encode(msgspec.json.encode(iterator)).decode()


def read_iterator(
    text: str,
    now: float,
    *,
    lifetime_seconds: float = LIFETIME_SECONDS,
    invalid: str = "InvalidArgumentException",
) -> ShardIterator:
    """The iterator that a caller gave back.

    Args:
        invalid: the service's error code for what is no iterator.

    Raises:
        ServiceError: `invalid`, or `ExpiredIteratorException` if it has lived for too long.
    """
    try:
        iterator = msgspec.json.decode(base64.b64decode(text, validate=True), type=ShardIterator)
    except ValueError as error:  # no Base64, not even ASCII, or no iterator within
        raise ServiceError(invalid, "Invalid ShardIterator.") from error
    if now - iterator.made_at > lifetime_seconds:
        raise ServiceError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created more than {lifetime_seconds / 60:g} minutes ago; "
            "get a new one.",
        )
    return iterator
