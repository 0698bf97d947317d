"""What a kept bucket, queue or table is like now, in CloudFormation's words.

An import takes the template's word for what a resource is like, and changes nothing. So the template of an import
says what is the case: the update that follows changes only what differs from the plan (DynamoDB refuses to enable
what is enabled), and if that update is rolled back, everything is again as it was (a queue that went back to SQS's
default retention would lose messages).

Source: CloudFormation, "Import AWS resources into a CloudFormation stack"; the API pages of the calls that are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.pipelines.deploy.errors import code_of
from penstock.pipelines.deploy.sessions import Destination
from penstock.pipelines.resources import Bucket, Queue, Table

_NOT_CONFIGURED: Final = frozenset(
    {"NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError"}
)

_NUMBERS: Final = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "KmsDataKeyReusePeriodSeconds",
)
_SWITCHES: Final = ("SqsManagedSseEnabled", "FifoQueue", "ContentBasedDeduplication")
_DOCUMENTS: Final = ("RedrivePolicy", "RedriveAllowPolicy")


def actual(
    destination: Destination, resource: Bucket | Queue | Table, name: str, planned: Mapping[str, object]
) -> dict[str, object]:
    """The properties of the resource as it is, of those that the plan can write.

    Args:
        planned: its properties in the plan; the name, the keys and the tags are taken from there.
    """
    match resource:
        case Bucket():
            found = _bucket(destination, name)
        case Queue():
            found = _queue(destination, name)
        case Table():
            found = _table(destination, name, planned)
    fixed = ("BucketName", "QueueName", "TableName", "KeySchema", "AttributeDefinitions", "Tags")
    return {key: planned[key] for key in fixed if key in planned} | found


def _bucket(destination: Destination, name: str) -> dict[str, object]:
    s3: Any = destination.client("s3")
    found: dict[str, object] = {}
    try:
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        found["BucketEncryption"] = {"ServerSideEncryptionConfiguration": [_encryption(one) for one in rules]}
    except ClientError as error:
        if code_of(error) not in _NOT_CONFIGURED:
            raise
    try:
        access = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        found["PublicAccessBlockConfiguration"] = dict(access)
    except ClientError as error:
        if code_of(error) not in _NOT_CONFIGURED:
            raise
    status = s3.get_bucket_versioning(Bucket=name).get("Status")
    if status:
        found["VersioningConfiguration"] = {"Status": status}
    return found


def _encryption(rule: Mapping[str, Any]) -> dict[str, object]:
    found: dict[str, object] = {
        "ServerSideEncryptionByDefault": dict(rule.get("ApplyServerSideEncryptionByDefault", {}))
    }
    return found | ({"BucketKeyEnabled": True} if rule.get("BucketKeyEnabled") else {})


def _queue(destination: Destination, name: str) -> dict[str, object]:
    sqs: Any = destination.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    given = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    found: dict[str, object] = {key: int(given[key]) for key in _NUMBERS if key in given}
    found |= {key: given[key] == "true" for key in _SWITCHES if key in given}
    found |= {key: json.loads(given[key]) for key in _DOCUMENTS if given.get(key)}
    if given.get("KmsMasterKeyId"):
        found["KmsMasterKeyId"] = given["KmsMasterKeyId"]
    else:
        found.pop("KmsDataKeyReusePeriodSeconds", None)
    return found


def _table(destination: Destination, name: str, planned: Mapping[str, object]) -> dict[str, object]:
    dynamodb: Any = destination.client("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    found: dict[str, object] = {"BillingMode": billing}
    if billing == "PROVISIONED":
        units = table["ProvisionedThroughput"]
        found["ProvisionedThroughput"] = {
            key: units[key] for key in ("ReadCapacityUnits", "WriteCapacityUnits")
        }
    encryption = table.get("SSEDescription", {})
    if encryption.get("Status") in ("ENABLED", "ENABLING", "UPDATING"):
        found["SSESpecification"] = _table_encryption(encryption, planned)
    stream = table.get("StreamSpecification", {})
    if stream.get("StreamEnabled"):
        found["StreamSpecification"] = {"StreamViewType": stream["StreamViewType"]}
    life = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if life.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        found["TimeToLiveSpecification"] = {"AttributeName": life["AttributeName"], "Enabled": True}
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    found["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": recovery == "ENABLED"}
    return found


def _table_encryption(encryption: Mapping[str, Any], planned: Mapping[str, object]) -> dict[str, object]:
    """DynamoDB tells the ARN of AWS's own key as well, which a template does not name."""
    specified = planned.get("SSESpecification")
    if isinstance(specified, Mapping) and "KMSMasterKeyId" in specified and "KMSMasterKeyArn" in encryption:
        return {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": encryption["KMSMasterKeyArn"]}
    return {"SSEEnabled": True}
