"""Shard iterators: where a reader of `GetRecords` stands, as an opaque text (Kinesis, `GetShardIterator`)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from penstock.runtime.services import ServiceError

LIFETIME_SECONDS: Final = 300.0


class ShardIterator(msgspec.Struct, frozen=True, array_like=True):
    """A position in a shard, and when the iterator was given out."""

    stream: str
    shard: str
    position: int
    made_at: float


def iterator_text(iterator: ShardIterator) -> str:
    """The iterator as a caller sees it."""
    return base64.b64encode(msgspec.json.encode(iterator)).decode()


def read_iterator(text: str, now: float) -> ShardIterator:
    """The iterator that a caller gave back.

    Raises:
        ServiceError: `InvalidArgumentException` if it is none, `ExpiredIteratorException` after five minutes.
    """
    try:
        iterator = msgspec.json.decode(base64.b64decode(text, validate=True), type=ShardIterator)
    except (binascii.Error, msgspec.DecodeError) as error:
        raise ServiceError("InvalidArgumentException", "Invalid ShardIterator.") from error
    if now - iterator.made_at > LIFETIME_SECONDS:
        raise ServiceError(
            "ExpiredIteratorException",
            "Iterator expired. The iterator was created more than 5 minutes ago; get a new one.",
        )
    return iterator
