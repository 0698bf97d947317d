"""What happens to the messages of queues."""

from __future__ import annotations

import msgspec

from penstock.runtime.journal_events.base import JournalEvent


class Attribute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message attribute: `data_type` is `String`, `Number` or `Binary`, with a label (`Number.int`)."""

    data_type: str
    string_value: str | None = None
    binary_value: bytes | None = None


class MessageSent(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A message is in a queue; it can be received from `visible_at` on.

    Attributes:
        sender: a function's name, `s3`, or empty for the program that runs the pipeline.
    """

    queue: str
    message_id: str
    body: str
    visible_at: float
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    trace_header: str | None = None
    group_id: str | None = None
    deduplication_id: str | None = None
    sequence_number: str | None = None
    sender: str = ""


class MessagesReceived(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Messages are in flight until `visible_at`. `consumer` is a mapping's name, a function's, or empty."""

    queue: str
    message_ids: tuple[str, ...]
    visible_at: float
    consumer: str = ""


class MessagesDeleted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Messages were acknowledged. `filtered`: a mapping's filter criteria dropped them undelivered."""

    queue: str
    message_ids: tuple[str, ...]
    consumer: str = ""
    filtered: bool = False


class MessageVisibilityChanged(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Messages in flight become visible at `visible_at` instead."""

    queue: str
    message_ids: tuple[str, ...]
    visible_at: float


class MessageDeadLettered(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A message was received `receive_count` times without being deleted, and moves with its id and body."""

    queue: str
    dead_letter_queue: str
    message_id: str
    receive_count: int
    sequence_number: str | None = None


class MessagesExpired(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Messages were older than the queue's retention period: the only way to lose one by rule."""

    queue: str
    message_ids: tuple[str, ...]


class QueuePurged(JournalEvent, frozen=True, kw_only=True, tag=True):
    """`PurgeQueue`: every message is gone."""

    queue: str
