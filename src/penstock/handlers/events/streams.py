"""Events of streams: Kinesis, DynamoDB, Firehose, Kinesis Data Analytics and CloudWatch Logs.

Sources: Lambda, "Using AWS Lambda with Amazon Kinesis" / "... Amazon DynamoDB"; Firehose, "Data transformation";
CloudWatch Logs, "Using subscription filters". Data arrives decoded from Base64.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import field
from msgspec.structs import force_setattr

from penstock.errors import DecodeError
from penstock.handlers.attribute_values import image
from penstock.handlers.base64_data import Data
from penstock.handlers.complaints import complete
from penstock.handlers.packing import UserRecord, gunzipped, user_records


class TumblingWindow(msgspec.Struct, frozen=True, kw_only=True):
    """When a tumbling window begins and ends."""

    start: datetime
    end: datetime


class KinesisPayload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One record's data; `user_records` are the several that the Kinesis Producer Library may have packed into it."""

    kinesis_schema_version: str
    partition_key: str
    sequence_number: str
    data: Data
    approximate_arrival_timestamp: float | None = None
    encryption_type: str | None = None

    @property
    def user_records(self) -> list[UserRecord]:
        """The records as their producers made them.

        Raises:
            ValueError: an aggregated record cannot be read.
        """
        return user_records(self.data, self.partition_key)


class KinesisEventRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    kinesis: KinesisPayload
    event_source: Literal["aws:kinesis"]
    event_version: str
    event_id: str = field(name="eventID")
    event_name: str
    invoke_identity_arn: str
    aws_region: str
    event_source_arn: str = field(name="eventSourceARN")


class KinesisEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A batch; with tumbling windows, the window and its state."""

    records: list[KinesisEventRecord] = field(name="Records")
    window: TumblingWindow | None = None
    state: dict[str, object] | None = None
    shard_id: str | None = field(name="shardId", default=None)
    is_final_invoke_for_window: bool = field(name="isFinalInvokeForWindow", default=False)
    is_window_terminated_early: bool = field(name="isWindowTerminatedEarly", default=False)


_KEY_TYPES: Final = {"S", "N", "B"}
"""What a key attribute may be (DynamoDB, "Naming rules and data types")."""


class DynamoDBStreamChange(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What changed of an item. Keys and images are Python values (see `attribute_values`)."""

    keys: dict[str, object]
    sequence_number: str
    size_bytes: int
    stream_view_type: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
    new_image: dict[str, object] | None = None
    old_image: dict[str, object] | None = None
    approximate_creation_date_time: float | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("Keys: an item has a key")
        for name, attribute in self.keys.items():
            if isinstance(attribute, dict) and not attribute.keys() <= _KEY_TYPES:
                raise ValueError(f"Keys.{name}: a key is of the type S, N or B")
        for name, member in (("keys", "Keys"), ("new_image", "NewImage"), ("old_image", "OldImage")):
            given = getattr(self, name)
            if given is None:
                continue
            try:
                force_setattr(self, name, image(given))
            except DecodeError as error:
                raise ValueError(f"{member}.{error.what}") from error


class DynamoDBIdentity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who made the change, if it was DynamoDB itself."""

    principal_id: str
    type: str


class DynamoDBEventRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event_id: str = field(name="eventID")
    event_name: Literal["INSERT", "MODIFY", "REMOVE"]
    event_version: str
    event_source: Literal["aws:dynamodb"]
    aws_region: str
    dynamodb: DynamoDBStreamChange
    event_source_arn: str = field(name="eventSourceARN")
    user_identity: DynamoDBIdentity | None = None

    @property
    def is_expired(self) -> bool:
        """Whether the item was deleted by its time to live."""
        identity = self.user_identity
        return identity is not None and identity.principal_id == "dynamodb.amazonaws.com"


class DynamoDBEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A batch; with tumbling windows, the window and its state."""

    records: list[DynamoDBEventRecord] = field(name="Records")
    window: TumblingWindow | None = None
    state: dict[str, object] | None = None
    shard_id: str | None = field(name="shardId", default=None)
    is_final_invoke_for_window: bool = field(name="isFinalInvokeForWindow", default=False)
    is_window_terminated_early: bool = field(name="isWindowTerminatedEarly", default=False)


class FirehoseMetadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a record came from, if the delivery stream reads a Kinesis stream."""

    shard_id: str
    partition_key: str
    approximate_arrival_timestamp: int | str
    sequence_number: str
    subsequence_number: int | str


class FirehoseRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One record; `approximate_arrival_timestamp` is in epoch milliseconds."""

    record_id: str
    approximate_arrival_timestamp: int
    data: Data
    kinesis_record_metadata: FirehoseMetadata | None = None


class FirehoseEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    invocation_id: str
    delivery_stream_arn: str
    region: str
    records: list[FirehoseRecord]
    source_kinesis_stream_arn: str | None = None


class AnalyticsRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    record_id: str
    data: Data
    kinesis_stream_record_metadata: dict[str, object] | None = None
    kinesis_firehose_record_metadata: dict[str, object] | None = None
    lambda_delivery_record_metadata: dict[str, object] | None = None


class AnalyticsEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What Kinesis Data Analytics gives a function that prepares or takes its records."""

    invocation_id: str
    application_arn: str
    records: list[AnalyticsRecord]
    stream_arn: str | None = None


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a log; `timestamp` is in epoch milliseconds."""

    id: str
    timestamp: int
    message: str
    extracted_fields: dict[str, object] | None = None


class LogBatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_type: str
    owner: str
    log_group: str
    log_stream: str
    subscription_filters: list[str]
    log_events: list[LogEvent]
    policy_level: str | None = None


class PackedLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Gzip'd JSON. `logs` is what is in it."""

    data: Data

    def __post_init__(self) -> None:
        _ = self.logs

    @property
    def logs(self) -> LogBatch:
        """What is in it.

        Raises:
            ValueError: it is not gzip'd JSON of a log batch.
        """
        text = gunzipped(self.data)
        try:
            return msgspec.json.decode(text, type=LogBatch)
        except msgspec.ValidationError as error:
            raise ValueError(f"data is no log batch: {complete(str(error))}") from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ValueError(f"data is no log batch, but holds other than JSON: {error}") from error


class CloudWatchLogsEvent(msgspec.Struct, frozen=True, kw_only=True):
    awslogs: PackedLogs
