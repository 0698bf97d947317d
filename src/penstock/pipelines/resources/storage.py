"""What data is put into: buckets, queues, streams, tables, topics and event buses."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeAlias

from penstock.pipelines.resources.parts import Named, Resource

StreamViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
AttributeType: TypeAlias = Literal["S", "N", "B"]


@dataclass(frozen=True, slots=True)
class Bucket(Resource):
    """An S3 bucket.

    With `event_bridge_enabled` it tells the default event bus of everything that happens to its objects (S3, "Using
    EventBridge"): a rule for `{"source": ["aws.s3"], "detail": {"bucket": {"name": [...]}}}` hears of it.

    With `versioned` it keeps what is overwritten and deleted (S3, "Retaining multiple versions of objects").

    `kms_key_arn` is the ARN of a key of one's own (KMS, "Customer managed keys"), for its objects to be encrypted
    with; None: S3's. A queue, a stream, a table and a topic may have one as well.
    """

    _: KW_ONLY
    event_bridge_enabled: bool = False
    versioned: bool = False
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Queue(Resource):
    """An SQS queue (SQS, "CreateQueue"; https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html).

    Args:
        visibility_timeout_seconds: how long a message that was received is hidden (0 to 43,200).
        message_retention_seconds: how long it is kept (60 to 1,209,600: four days by default, fourteen at most).
        delay_seconds: after which a message can first be received (0 to 900).
        fifo: first in, first out; the name ends with `.fifo`.
        content_based_deduplication: of a FIFO queue: messages of one text within five minutes are one.
        dead_letter_queue: where a message goes that was received more than `max_receive_count` times; None: it is
            delivered until it is too old. Together they are the redrive policy.
        max_receive_count: 1 to 1,000.
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its messages are encrypted with.
    """

    _: KW_ONLY
    visibility_timeout_seconds: int = 30
    message_retention_seconds: int = 345_600
    delay_seconds: int = 0
    fifo: bool = False
    content_based_deduplication: bool = False
    dead_letter_queue: Queue | Named | None = None
    max_receive_count: int = 3
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Stream(Resource):
    """A Kinesis data stream (Kinesis, "CreateStream").

    Args:
        shard_count: shards that it begins with; each has its own order, by partition key.
        on_demand: Kinesis decides how many shards there are (Kinesis, "Choose the right mode to stream in"): leave
            shard_count out.
        retention_hours: how long a record can be read (24 to 8,760).
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its records are encrypted with.
    """

    _: KW_ONLY
    shard_count: int = 1
    on_demand: bool = False
    retention_hours: int = 24
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key attribute of a table: its name and its DynamoDB type."""

    name: str
    type: AttributeType = "S"


@dataclass(frozen=True, slots=True)
class Table(Resource):
    """A DynamoDB table, billed on demand (DynamoDB, "CreateTable").

    Args:
        partition_key: an attribute: its bare name is a text, `Key("n", "N")` a number, `Key("b", "B")` bytes.
        sort_key: likewise; None: there is one item for each partition key.
        stream_view_type: what its stream tells of a change, `KEYS_ONLY`, `NEW_IMAGE`, `OLD_IMAGE` or
            `NEW_AND_OLD_IMAGES`; None: it has no stream.
        time_to_live_attribute: holds the epoch seconds after which an item is deleted (DynamoDB, "Time to Live").
        kms_key_arn: of a key of one's own (KMS, "Customer managed keys") that its items are encrypted with.
    """

    _: KW_ONLY
    partition_key: str | Key
    sort_key: str | Key | None = None
    stream_view_type: StreamViewType | None = None
    time_to_live_attribute: str | None = None
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Topic(Resource):
    """An SNS topic. With `content_based_deduplication`, a FIFO topic's messages need no deduplication id."""

    _: KW_ONLY
    fifo: bool = False
    content_based_deduplication: bool = False
    kms_key_arn: str | None = None


@dataclass(frozen=True, slots=True)
class EventBus(Resource):
    """An EventBridge event bus. The account's default bus exists without being declared."""


Encrypted: TypeAlias = Bucket | Queue | Stream | Table | Topic
"""What a key of the account may encrypt."""
