"""S3's events: notifications, the test event, EventBridge's form, Object Lambda and Batch Operations.

Sources: S3, "Event message structure", "EventBridge event message structure", "Event context format and usage"
(Object Lambda), "Invoke AWS Lambda function" (Batch Operations).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import field
from msgspec.structs import force_setattr

from penstock.handlers.s3_events import decoded_key


class S3Principal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    principal_id: str


class S3RequestParameters(msgspec.Struct, frozen=True, kw_only=True):
    source_ip_address: str = field(name="sourceIPAddress")


class S3Bucket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    owner_identity: S3Principal
    arn: str


class S3Object(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An object.

    Attributes:
        key: decoded; the notification has it URL-encoded.
        size: in bytes; an event of removal, tagging or an ACL has none.
        sequencer: hexadecimal; events of tagging and ACLs have none.
    """

    key: str
    size: int | None = None
    e_tag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "key", decoded_key(self.key))


class S3Entity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: str = field(name="s3SchemaVersion")
    configuration_id: str
    bucket: S3Bucket
    object: S3Object


class S3EventRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One record. Minor versions add members; a new major version is another structure, and is refused."""

    event_version: str
    event_source: Literal["aws:s3"]
    aws_region: str
    event_time: datetime
    event_name: str
    user_identity: S3Principal
    request_parameters: S3RequestParameters
    response_elements: dict[str, str]
    s3: S3Entity
    glacier_event_data: dict[str, object] | None = None
    replication_event_data: dict[str, object] | None = None
    lifecycle_event_data: dict[str, object] | None = None
    intelligent_tiering_event_data: dict[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.event_version.startswith("2."):
            raise ValueError(f"eventVersion {self.event_version} is not 2.x")


class S3Event(msgspec.Struct, frozen=True, kw_only=True):
    records: list[S3EventRecord] = field(name="Records")


class S3TestEvent(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What S3 sends when a notification is configured."""

    service: str
    event: Literal["s3:TestEvent"]
    time: datetime
    bucket: str
    request_id: str
    host_id: str


class S3BusBucket(msgspec.Struct, frozen=True, kw_only=True):
    name: str


class S3BusObject(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """An object in EventBridge's form; its key is not URL-encoded."""

    key: str
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None


class S3BusDetail(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    version: str
    bucket: S3BusBucket
    object: S3BusObject
    request_id: str | None = None
    requester: str | None = None
    source_ip_address: str | None = None
    reason: str | None = None
    deletion_type: str | None = None
    restore_expiry_time: str | None = None
    source_storage_class: str | None = None
    destination_storage_class: str | None = None
    destination_access_tier: str | None = None


class S3BusEvent(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """S3's event on an EventBridge bus."""

    version: str
    id: str
    detail_type: str
    source: Literal["aws.s3"]
    account: str
    time: datetime
    region: str
    resources: list[str]
    detail: S3BusDetail
    replay_name: str | None = None


class S3RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """What an Object Lambda function is to transform."""

    input_s3_url: str = field(name="inputS3Url")
    output_route: str | None = field(name="outputRoute", default=None)
    output_token: str | None = field(name="outputToken", default=None)


class S3AccessPoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    access_point_arn: str
    supporting_access_point_arn: str
    payload: str


class S3UserRequest(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    headers: dict[str, str]


class S3UserIdentity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str
    principal_id: str | None = None
    arn: str | None = None
    account_id: str | None = None
    access_key_id: str | None = None
    user_name: str | None = None
    session_context: dict[str, object] | None = None


class S3ObjectLambdaEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One of the four contexts is there: it says what was asked for."""

    x_amz_request_id: str
    configuration: S3AccessPoint
    user_request: S3UserRequest
    user_identity: S3UserIdentity
    protocol_version: str
    get_object_context: S3RequestContext | None = None
    head_object_context: S3RequestContext | None = None
    list_objects_context: S3RequestContext | None = None
    list_objects_v2_context: S3RequestContext | None = field(name="listObjectsV2Context", default=None)

    def __post_init__(self) -> None:
        contexts = (
            self.get_object_context,
            self.head_object_context,
            self.list_objects_context,
            self.list_objects_v2_context,
        )
        if not any(contexts):
            raise ValueError(
                "getObjectContext: it, headObjectContext, listObjectsContext or listObjectsV2Context is there"
            )


class S3BatchJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    user_arguments: dict[str, str] | None = None


class S3BatchTask(msgspec.Struct, frozen=True, kw_only=True):
    """One object. Version 1.0 of the schema has the bucket's ARN, version 2.0 its name. The key is decoded."""

    task_id: str = field(name="taskId")
    key: str = field(name="s3Key")
    version_id: str | None = field(name="s3VersionId", default=None)
    bucket_arn: str | None = field(name="s3BucketArn", default=None)
    bucket: str | None = field(name="s3Bucket", default=None)

    def __post_init__(self) -> None:
        force_setattr(self, "key", decoded_key(self.key))
        if self.bucket is None and self.bucket_arn is not None:
            force_setattr(self, "bucket", self.bucket_arn.rpartition(":")[2])


class S3BatchEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    invocation_schema_version: str
    invocation_id: str
    job: S3BatchJob
    tasks: list[S3BatchTask]
