"""Listing uploads in parts, and the parts of one: `ListMultipartUploads` and `ListParts`, page by page.

Source: S3, API reference, `ListMultipartUploads`, `ListParts`. Nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.runtime.s3.listing import given_limit, given_text, shown_as
from penstock.runtime.s3.multipart import Part, Upload
from penstock.runtime.s3.writing import moment_of
from penstock.runtime.services import ServiceError


def list_uploads(uploads: Iterable[Upload], parameters: Mapping[str, object]) -> dict[str, object]:
    """Answer `ListMultipartUploads`.

    Args:
        uploads: of the bucket, by key and then by id, which is the order in which they were begun.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    shown, limit = shown_as(parameters), given_limit(parameters, "MaxUploads")
    prefix, delimiter = given_text(parameters, "Prefix"), given_text(parameters, "Delimiter")
    key_marker, id_marker = given_text(parameters, "KeyMarker"), given_text(parameters, "UploadIdMarker")
    answer: dict[str, object] = {
        "Bucket": parameters["Bucket"],
        "Prefix": shown(prefix),
        "KeyMarker": shown(key_marker),
        "UploadIdMarker": id_marker if key_marker else "",
        "MaxUploads": limit,
        "IsTruncated": False,
    }
    found: list[dict[str, object]] = []
    prefixes: list[str] = []
    last = ("", "")
    for upload in uploads:
        key = upload.key
        if not key.startswith(prefix) or _is_before(upload, key_marker, id_marker):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        common = key[: cut + len(delimiter)] if cut >= 0 else ""
        if common and (common in prefixes[-1:] or (key_marker and common <= key_marker)):
            continue
        if len(found) + len(prefixes) == limit:
            answer |= {
                "IsTruncated": bool(limit),
                "NextKeyMarker": shown(last[0]),
                "NextUploadIdMarker": last[1],
            }
            break
        if common:
            prefixes.append(common)
            last = (common, "")
        else:
            found.append(
                {
                    "UploadId": upload.upload_id,
                    "Key": shown(key),
                    "Initiated": moment_of(upload.initiated),
                    "StorageClass": "STANDARD",
                    **described_checksum(upload),
                }
            )
            last = (key, upload.upload_id)
    if found:
        answer["Uploads"] = found
    if prefixes:
        answer["CommonPrefixes"] = [{"Prefix": shown(one)} for one in prefixes]
    if delimiter:
        answer["Delimiter"] = shown(delimiter)
    if parameters.get("EncodingType") == "url":
        answer["EncodingType"] = "url"
    return answer


def list_parts(upload: Upload, parts: Sequence[Part], parameters: Mapping[str, object]) -> dict[str, object]:
    """Answer `ListParts`.

    Args:
        parts: of the upload, by number.

    Raises:
        ServiceError: `InvalidArgument`.
    """
    limit, marker = given_limit(parameters, "MaxParts"), _marker(parameters)
    behind = [part for part in parts if part.number > marker]
    shown = behind[:limit]
    answer: dict[str, object] = {
        "Bucket": upload.bucket,
        "Key": upload.key,
        "UploadId": upload.upload_id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": len(behind) > limit,
        "StorageClass": "STANDARD",
        **described_checksum(upload),
    }
    if shown:
        answer["Parts"] = [
            {
                "PartNumber": part.number,
                "LastModified": moment_of(part.modified),
                "ETag": f'"{part.etag}"',
                "Size": part.size_bytes,
                **({upload.checksum_member: part.checksum} if upload.checksum_member else {}),
            }
            for part in shown
        ]
    return answer


def described_checksum(upload: Upload) -> dict[str, object]:
    """The checksum that an upload was begun with, as its answers tell of it."""
    if not upload.checksum_algorithm:
        return {}
    return {"ChecksumAlgorithm": upload.checksum_algorithm, "ChecksumType": upload.checksum_type}


def _is_before(upload: Upload, key_marker: str, id_marker: str) -> bool:
    """Whether an upload stands where the page before this one ended, or before that."""
    if not key_marker or upload.key > key_marker:
        return False
    return upload.key < key_marker or not id_marker or upload.upload_id <= id_marker


def _marker(parameters: Mapping[str, object]) -> int:
    marker = parameters.get("PartNumberMarker", 0)
    if not isinstance(marker, int) or marker < 0:
        raise ServiceError(
            "InvalidArgument",
            "Argument part-number-marker must be an integer between 0 and 2147483647.",
            fields={"ArgumentName": "part-number-marker", "ArgumentValue": str(marker)},
        )
    return marker
