"""Which parameters of the S3 API are understood, which cannot matter here, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.runtime.services import ServiceError, unanswered

ACCOUNT: Final = "123456789012"

_ALWAYS: Final = frozenset(
    {
        "ACL",
        "Bucket",
        "BucketKeyEnabled",
        "BypassGovernanceRetention",
        "ChecksumAlgorithm",
        "ChecksumMode",
        "ChecksumType",
        "ExpectedBucketOwner",
        "ExpectedSourceBucketOwner",
        "Key",
        "MFA",
        "MpuObjectSize",
        "OptionalObjectAttributes",
        "RequestPayer",
        "SSEKMSKeyId",
        "ServerSideEncryption",
        "StorageClass",
    }
)
_CHECKSUMS: Final = frozenset(
    {"ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256", "ContentMD5"}
)
_DESCRIPTION: Final = frozenset(
    {"CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata"}
)
_READ: Final = frozenset(
    {
        "VersionId",
        "IfMatch",
        "IfModifiedSince",
        "IfNoneMatch",
        "IfUnmodifiedSince",
        "PartNumber",
        "Range",
        "ResponseCacheControl",
        "ResponseContentDisposition",
        "ResponseContentEncoding",
        "ResponseContentLanguage",
        "ResponseContentType",
    }
)
_COPY_SOURCE: Final = frozenset(
    {
        "CopySource",
        "CopySourceIfMatch",
        "CopySourceIfModifiedSince",
        "CopySourceIfNoneMatch",
        "CopySourceIfUnmodifiedSince",
    }
)
_LIST: Final = frozenset({"Delimiter", "EncodingType", "MaxKeys", "Prefix"})
_DELETED: Final = frozenset({"ETag", "Key", "VersionId"})
_CONDITIONS: Final = frozenset({"IfMatch", "IfNoneMatch"})

_UNDERSTOOD: Final[Mapping[str, frozenset[str]]] = {
    "AbortMultipartUpload": frozenset({"UploadId"}),
    "CompleteMultipartUpload": _CHECKSUMS | _CONDITIONS | {"MultipartUpload", "UploadId"},
    "CopyObject": _COPY_SOURCE
    | _DESCRIPTION
    | _CONDITIONS
    | {"MetadataDirective", "Tagging", "TaggingDirective"},
    "CreateBucket": frozenset({"CreateBucketConfiguration", "ObjectOwnership"}),
    "CreateMultipartUpload": _DESCRIPTION | {"Tagging"},
    "DeleteObject": frozenset({"IfMatch", "VersionId"}),
    "DeleteObjects": frozenset({"Delete"}),
    "DeleteObjectTagging": frozenset({"VersionId"}),
    "GetObject": _READ,
    "GetObjectTagging": frozenset({"VersionId"}),
    "HeadObject": _READ,
    "ListBuckets": frozenset({"Prefix", "MaxBuckets", "BucketRegion", "ContinuationToken"}),
    "ListMultipartUploads": frozenset(
        {"Delimiter", "EncodingType", "KeyMarker", "MaxUploads", "Prefix", "UploadIdMarker"}
    ),
    "ListObjectVersions": _LIST | {"KeyMarker", "VersionIdMarker"},
    "ListObjects": _LIST | {"Marker"},
    "ListObjectsV2": _LIST | {"ContinuationToken", "FetchOwner", "StartAfter"},
    "ListParts": frozenset({"MaxParts", "PartNumberMarker", "UploadId"}),
    "PutBucketVersioning": frozenset({"ContentMD5", "VersioningConfiguration"}),
    "PutObject": _CHECKSUMS | _CONDITIONS | _DESCRIPTION | {"Body", "ContentLength", "Tagging"},
    "PutObjectTagging": frozenset({"ContentMD5", "Tagging", "VersionId"}),
    "UploadPart": _CHECKSUMS | {"Body", "ContentLength", "PartNumber", "UploadId"},
    "UploadPartCopy": _COPY_SOURCE | {"CopySourceRange", "PartNumber", "UploadId"},
}


def check_parameters(operation: str, parameters: Mapping[str, object]) -> None:
    """Refuse a call whose meaning this store would get wrong, and one for a bucket of somebody else's.

    Raises:
        UnansweredOperationError: a parameter that is not understood.
        ServiceError: `AccessDenied`, the owner is not the one that was expected (S3, "Verifying bucket ownership with
            bucket owner condition").
    """
    for name in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if parameters.get(name, ACCOUNT) != ACCOUNT:
            bodiless = operation.startswith("Head")
            raise ServiceError(
                *(("403", "Forbidden") if bodiless else ("AccessDenied", "Access Denied")), 403
            )
    for name in parameters:
        if name in _ALWAYS or name in _UNDERSTOOD.get(operation, ()):
            continue
        raise unanswered("s3", operation, because=f"its parameter {name} is not understood")


def check_deleted(item: Mapping[str, object]) -> None:
    """Refuse an entry of `DeleteObjects` with conditions that only directory buckets have.

    Raises:
        UnansweredOperationError: a member that is not understood.
    """
    for name in item:
        if name not in _DELETED:
            raise unanswered(
                "s3", "DeleteObjects", because=f"the member {name} of an object is not understood"
            )
