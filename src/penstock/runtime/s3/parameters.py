"""Which parameters of the S3 API are understood, which cannot matter here, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.runtime.services import ServiceError, unanswered

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
_CONDITIONS: Final = frozenset({"IfMatch", "IfNoneMatch"})

_UNDERSTOOD: Final[Mapping[str, frozenset[str]]] = {
    "AbortMultipartUpload": frozenset({"UploadId"}),
    "CompleteMultipartUpload": _CHECKSUMS | _CONDITIONS | {"MultipartUpload", "UploadId"},
    "CopyObject": _COPY_SOURCE | _DESCRIPTION | _CONDITIONS | {"MetadataDirective"},
    "CreateBucket": frozenset({"CreateBucketConfiguration", "ObjectOwnership"}),
    "CreateMultipartUpload": _DESCRIPTION,
    "DeleteObject": frozenset({"IfMatch"}),
    "DeleteObjects": frozenset({"Delete"}),
    "GetObject": _READ,
    "HeadObject": _READ,
    "ListBuckets": frozenset({"Prefix", "MaxBuckets", "BucketRegion", "ContinuationToken"}),
    "ListMultipartUploads": frozenset({"EncodingType", "MaxUploads", "Prefix"}),
    "ListObjects": _LIST | {"Marker"},
    "ListObjectsV2": _LIST | {"ContinuationToken", "FetchOwner", "StartAfter"},
    "ListParts": frozenset({"MaxParts", "PartNumberMarker", "UploadId"}),
    "PutObject": _CHECKSUMS | _CONDITIONS | _DESCRIPTION | {"Body", "ContentLength"},
    "UploadPart": _CHECKSUMS | {"Body", "ContentLength", "PartNumber", "UploadId"},
    "UploadPartCopy": _COPY_SOURCE | {"CopySourceRange", "PartNumber", "UploadId"},
}


def check_parameters(operation: str, parameters: Mapping[str, object]) -> None:
    """Refuse a call whose meaning this store would get wrong.

    Raises:
        UnansweredOperationError: a parameter that is not understood.
        ServiceError: `NoSuchVersion` for a version id; objects here have no versions.
    """
    for name, value in parameters.items():
        if name in _ALWAYS or name in _UNDERSTOOD.get(operation, ()):
            continue
        if name == "VersionId":
            if value == "null":
                continue
            raise ServiceError(
                "NoSuchVersion",
                "The specified version does not exist: objects of the embedded target have no versions.",
                404,
                fields={"Key": str(parameters.get("Key")), "VersionId": str(value)},
            )
        raise unanswered("s3", operation, because=f"its parameter {name} is not understood")
