"""What calls of S3 need of IAM.

Source: S3, "Required permissions for Amazon S3 API operations"; Service Authorization Reference, "Amazon S3".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from penstock.pipelines.iam.needs import ANY, Need, Parameters, ServiceNeeds, mappings


def bucket_arn(name: object) -> str:
    """The ARN of a bucket; an access point's is what is written."""
    text = str(name or "")
    return text if text.startswith("arn:") else f"arn:aws:s3:::{text}"


def object_arn(bucket: object, key: object) -> str:
    """The ARN of an object."""
    begin = bucket_arn(bucket)
    return f"{begin}/object/{key}" if ":accesspoint/" in begin else f"{begin}/{key}"


def _resource(parameters: Parameters) -> str:
    bucket = parameters.get("Bucket")
    if bucket is None:
        return ANY
    key = parameters.get("Key")
    return bucket_arn(bucket) if key is None else object_arn(bucket, key)


_ALSO: Final = (
    ("Tagging", "s3:PutObjectTagging"),
    ("ACL", "s3:PutObjectAcl"),
    ("ObjectLockMode", "s3:PutObjectRetention"),
    ("ObjectLockLegalHoldStatus", "s3:PutObjectLegalHold"),
)
"""Parameters of an upload that need an action of their own besides `s3:PutObject`."""


def _put(parameters: Parameters) -> Iterable[Need]:
    target = _resource(parameters)
    yield Need("s3:PutObject", target)
    for name, action in _ALSO:
        if name in parameters:
            yield Need(action, target)


def _versioned(action: str, of_version: str) -> Callable[[Parameters], Iterable[Need]]:
    def needs(parameters: Parameters) -> Iterable[Need]:
        return (Need(of_version if "VersionId" in parameters else action, _resource(parameters)),)

    return needs


def _source(parameters: Parameters) -> Need:
    """What is copied: `bucket/key`, `bucket/key?versionId=...`, or a structure."""
    source = parameters.get("CopySource")
    if isinstance(source, Mapping):
        bucket, key, version = source.get("Bucket"), source.get("Key"), "VersionId" in source
    else:
        text, _, rest = str(source or "").partition("?versionId=")
        bucket, _, key = unquote(text).removeprefix("/").partition("/")
        version = bool(rest)
    return Need("s3:GetObjectVersion" if version else "s3:GetObject", object_arn(bucket, key))


def _copy(parameters: Parameters) -> Iterable[Need]:
    yield _source(parameters)
    yield from _put(parameters)


def _delete_many(parameters: Parameters) -> Iterable[Need]:
    delete = parameters.get("Delete")
    for one in mappings(delete.get("Objects") if isinstance(delete, Mapping) else ()):
        action = "s3:DeleteObjectVersion" if "VersionId" in one else "s3:DeleteObject"
        yield Need(action, object_arn(parameters.get("Bucket"), one.get("Key")))


def _attributes(parameters: Parameters) -> Iterable[Need]:
    yield Need("s3:GetObject", _resource(parameters))
    yield Need("s3:GetObjectAttributes", _resource(parameters))


_CONFIGURATIONS: Final = {
    **{f"{verb}BucketAccelerateConfiguration": f"{verb}AccelerateConfiguration" for verb in ("Get", "Put")},
    **{f"{verb}ObjectLockConfiguration": f"{verb}BucketObjectLockConfiguration" for verb in ("Get", "Put")},
    **{
        f"{operation}Bucket{kind}Configuration{plural}": f"{verb}{kind}Configuration"
        for kind in ("Analytics", "IntelligentTiering", "Inventory", "Metrics")
        for operation, plural, verb in (
            ("Delete", "", "Put"),
            ("Get", "", "Get"),
            ("List", "s", "Get"),
            ("Put", "", "Put"),
        )
    },
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
}
"""What a bucket is set to: the verbs and the names of the actions are others."""

S3: Final = ServiceNeeds(
    "s3",
    _resource,
    renamed={
        "CompleteMultipartUpload": "PutObject",
        "DeleteBucketCors": "PutBucketCORS",
        "DeleteBucketEncryption": "PutEncryptionConfiguration",
        "DeleteBucketLifecycle": "PutLifecycleConfiguration",
        "DeleteBucketTagging": "PutBucketTagging",
        "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
        "GetBucketCors": "GetBucketCORS",
        "GetBucketEncryption": "GetEncryptionConfiguration",
        "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
        "GetBucketNotificationConfiguration": "GetBucketNotification",
        "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
        "HeadBucket": "ListBucket",
        "ListBuckets": "ListAllMyBuckets",
        "ListMultipartUploads": "ListBucketMultipartUploads",
        "ListObjectVersions": "ListBucketVersions",
        "ListObjects": "ListBucket",
        "ListObjectsV2": "ListBucket",
        "ListParts": "ListMultipartUploadParts",
        "PutBucketCors": "PutBucketCORS",
        **_CONFIGURATIONS,
        "PutBucketEncryption": "PutEncryptionConfiguration",
        "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
        "PutBucketNotificationConfiguration": "PutBucketNotification",
        "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        "SelectObjectContent": "GetObject",
        "UploadPart": "PutObject",
    },
    on_all=frozenset({"ListBuckets"}),
    special={
        "CopyObject": _copy,
        "CreateMultipartUpload": _put,
        "DeleteObject": _versioned("s3:DeleteObject", "s3:DeleteObjectVersion"),
        "DeleteObjectTagging": _versioned("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
        "DeleteObjects": _delete_many,
        "GetObject": _versioned("s3:GetObject", "s3:GetObjectVersion"),
        "GetObjectAttributes": _attributes,
        "GetObjectTagging": _versioned("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
        "HeadObject": _versioned("s3:GetObject", "s3:GetObjectVersion"),
        "PutObject": _put,
        "PutObjectTagging": _versioned("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
        "UploadPartCopy": _copy,
    },
)
