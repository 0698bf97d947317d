"""The typed records that a handler may ask for in its annotation: a payload with what the source says of it.

Only values are here. `S3Upload` is complete by itself; the others bear the payload type: `SQSMessage[Order]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import msgspec

from penstock.errors import UsageError

T = TypeVar("T")


class S3Upload(msgspec.Struct, frozen=True, kw_only=True):
    """One object that was written (S3, "Event message structure").

    Attributes:
        key: decoded: S3 sends it URL-encoded.
        etag: without quotation marks; empty where the event has none.
        sequencer: hexadecimal; see `is_later_than`. Empty for changes of tags and access control lists.
        event_time: as S3 writes it, `2026-01-01T00:00:00.000Z`.
    """

    bucket: str
    key: str
    size_bytes: int = 0
    etag: str = ""
    version_id: str | None = None
    sequencer: str = ""
    event_name: str = ""
    event_time: str = ""
    region: str = ""

    def is_later_than(self, other: S3Upload) -> bool:
        """Whether this event of an object happened after another one of the same object.

        Events may arrive in any order; their sequencers tell. They are hexadecimal texts, compared after the
        shorter one was filled up with zeros on its right (S3, "Event message structure").

        Raises:
            UsageError: it is another object's event: between those, sequencers say nothing.
        """
        if (self.bucket, self.key) != (other.bucket, other.key):
            raise UsageError(
                f"{self.bucket}/{self.key} and {other.bucket}/{other.key} are two objects: their sequencers say "
                "nothing about each other",
                fix="compare events of one object",
            )
        width = max(len(self.sequencer), len(other.sequencer))
        return self.sequencer.upper().ljust(width, "0") > other.sequencer.upper().ljust(width, "0")


class SQSMessage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One message of a queue; `body` is decoded.

    Attributes:
        attributes: the system attributes: ApproximateReceiveCount, SentTimestamp, MessageGroupId, ...
        message_attributes: the sender's, by name: text, or bytes for a binary one.
        receive_count: 1 at the first delivery.
    """

    body: T
    message_id: str
    attributes: dict[str, str]
    message_attributes: dict[str, str | bytes]
    receive_count: int
    queue_arn: str


class KinesisRecord(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One record of a stream; `data` is decoded.

    Attributes:
        subsequence_number: its place among those that the Kinesis Producer Library packed into one record, from 0.
        arrived_at: in epoch seconds.
    """

    data: T
    partition_key: str
    sequence_number: str
    subsequence_number: int = 0
    arrived_at: float
    shard_id: str
    stream_arn: str


class LogEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One line of a log, from a subscription of CloudWatch Logs; `message` is decoded.

    Attributes:
        at: in epoch seconds.
        fields: what a filter pattern with fields took out of the line.
    """

    message: T
    id: str
    at: float
    log_group: str
    log_stream: str
    fields: Mapping[str, str] = {}


class DynamoDBChange(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One change of an item (DynamoDB streams).

    Attributes:
        event_name: INSERT, MODIFY or REMOVE.
        keys: the item's key attributes.
        new, old: the images that the stream's view type has; None if there is none.
        expired: the item was deleted by its time to live, not by a caller.
    """

    event_name: str
    keys: dict[str, object]
    new: T | None
    old: T | None
    sequence_number: str
    table: str
    expired: bool = False


class SNSMessage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One notification of a topic; `message` is decoded.

    Attributes:
        message_attributes: the publisher's, by name: text, or bytes for a binary one.
    """

    message: T
    message_id: str
    topic_arn: str
    subject: str | None
    timestamp: str
    message_attributes: dict[str, str | bytes]


class EventBridgeEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One event of a bus; `detail` is decoded (EventBridge, "AWS service event metadata").

    Attributes:
        source: who sent it: `aws.s3`, or what `PutEvents` said.
        detail_type: of which kind it is; with `source` it says what `detail` has.
        time: as EventBridge writes it, `2026-01-01T00:00:00Z`.
        resources: the ARNs of what it is about; often none.
    """

    detail: T
    id: str
    source: str
    detail_type: str
    time: str
    account: str
    region: str
    resources: tuple[str, ...]


PAYLOADS: Final[Mapping[type[msgspec.Struct], str]] = {
    S3Upload: "",
    SQSMessage: "body",
    KinesisRecord: "data",
    LogEvent: "message",
    DynamoDBChange: "new",
    SNSMessage: "message",
    EventBridgeEvent: "detail",
}
"""Every record, and where in it the payload stands; S3's has none."""
