"""Buckets with their notifications, streams, and tables."""

from __future__ import annotations

from penstock.pipelines.plan.planning import Planning, attribute, logical_id
from penstock.pipelines.resources import (
    Bucket,
    BucketNotification,
    Function,
    Key,
    Queue,
    Stream,
    Table,
    Topic,
)


def add_bucket(planning: Planning, bucket: Bucket) -> None:
    """A private, encrypted bucket. It waits for the permissions of what it tells: S3 checks them at once."""
    told = [one for one in planning.graph.of(BucketNotification) if one.bucket == bucket]
    properties: dict[str, object] = {
        "BucketName": planning.name(bucket),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption(bucket)]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "Tags": planning.tags(),
    }
    if bucket.versioned:
        properties["VersioningConfiguration"] = {"Status": "Enabled"}
    notifications: dict[str, object] = {}
    if bucket.event_bridge_enabled:
        notifications["EventBridgeConfiguration"] = {"EventBridgeEnabled": True}
    entries: dict[str, list[object]] = {}
    for one in told:
        kind, field, arn = _configuration(one.to)
        limits = (("prefix", one.prefix), ("suffix", one.suffix))
        rules = [{"Name": name, "Value": value} for name, value in limits if value]
        for event in one.events:
            entry: dict[str, object] = {"Event": event, field: arn}
            if rules:
                entry["Filter"] = {"S3Key": {"Rules": rules}}
            entries.setdefault(kind, []).append(entry)
    notifications |= entries
    if notifications:
        properties["NotificationConfiguration"] = notifications
    waits = {
        logical_id(one.to, f"From{logical_id(bucket)}" if isinstance(one.to, Function) else "Policy")
        for one in told
    }
    name = planning.add(
        logical_id(bucket), "AWS::S3::Bucket", properties, depends_on=sorted(waits), DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )  # fmt: skip
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}


def _encryption(bucket: Bucket) -> dict[str, object]:
    """With a key of its own for the whole bucket, KMS is asked less often (S3, "S3 Bucket Keys")."""
    if bucket.kms_key_arn is None:
        return {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": bucket.kms_key_arn}
    return {"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}


def _configuration(to: Queue | Topic | Function) -> tuple[str, str, object]:
    """The list that a notification's entry stands in, the member that names its target, and the target's ARN."""
    match to:
        case Function():
            return "LambdaConfigurations", "Function", attribute(logical_id(to))
        case Topic():
            return "TopicConfigurations", "Topic", {"Ref": logical_id(to)}
        case Queue():
            return "QueueConfigurations", "Queue", attribute(logical_id(to))


def add_stream(planning: Planning, stream: Stream) -> None:
    """A Kinesis stream, encrypted with its key or AWS's own."""
    capacity: dict[str, object] = (
        {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
        if stream.on_demand
        else {"ShardCount": stream.shard_count}
    )
    name = planning.add(
        logical_id(stream),
        "AWS::Kinesis::Stream",
        {
            "Name": planning.name(stream),
            **capacity,
            "RetentionPeriodHours": stream.retention_hours,
            "StreamEncryption": {"EncryptionType": "KMS", "KeyId": stream.kms_key_arn or "alias/aws/kinesis"},
            "Tags": planning.tags(),
        },
    )
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}


def add_table(planning: Planning, table: Table) -> None:
    """A table on demand, with point-in-time recovery."""
    keys = [("HASH", _key(table.partition_key))]
    if table.sort_key is not None:
        keys.append(("RANGE", _key(table.sort_key)))
    properties: dict[str, object] = {
        "TableName": planning.name(table),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key.name, "AttributeType": key.type} for _, key in keys],
        "KeySchema": [{"AttributeName": key.name, "KeyType": kind} for kind, key in keys],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "Tags": planning.tags(),
    }
    if table.kms_key_arn is not None:
        properties["SSESpecification"] = {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": table.kms_key_arn,
        }
    if table.stream_view_type is not None:
        properties["StreamSpecification"] = {"StreamViewType": table.stream_view_type}
    if table.time_to_live_attribute is not None:
        properties["TimeToLiveSpecification"] = {
            "AttributeName": table.time_to_live_attribute,
            "Enabled": True,
        }
    name = planning.add(
        logical_id(table),
        "AWS::DynamoDB::Table",
        properties,
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}


def _key(key: str | Key) -> Key:
    return Key(key) if isinstance(key, str) else key
