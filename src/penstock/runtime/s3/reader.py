"""Answers `GetObject` and `HeadObject` from the files alone, in whichever process is asked.

1. Nothing here writes, takes a lock or asks another process: a worker reads a range with one `open`, one
   `pread`.
2. An object that is overwritten between its metadata and its bytes is looked up again.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Final, Protocol

from penstock.runtime.s3.checksums import type_of
from penstock.runtime.s3.conditions import check_read
from penstock.runtime.s3.files import (
    EAGER_BYTES,
    RangeReader,
    StoreFiles,
    disk_errors,
    no_such_bucket,
    no_such_key,
)
from penstock.runtime.s3.objects import StoredObject
from penstock.runtime.s3.ranges import ByteRange, read_range
from penstock.runtime.s3.versions import asked_version, hidden, no_such_version
from penstock.runtime.services import ServiceError

_RESPONSE_OVERRIDES: Final = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
}
_BODILESS: Final = {
    400: "Bad Request",
    405: "Method Not Allowed",
    404: "Not Found",
    412: "Precondition Failed",
    416: "Requested Range Not Satisfiable",
}
_TRIES: Final = 10


class Finds(Protocol):
    """What knows the objects: `StoreFiles` of what is on the disk, `S3Store` of what is in memory."""

    def find_version(self, bucket: str, key: str, version_id: str | None) -> StoredObject | None:
        """A version of an object, which may be a delete marker; the newest one, if the id is None."""
        ...

    def keeps_versions(self, bucket: str) -> bool:
        """Whether the bucket keeps versions, or did."""
        ...


def get_object(files: StoreFiles, known: Finds, parameters: Mapping[str, object]) -> dict[str, object]:
    """Answer `GetObject`; `Body` is a file-like reader of exactly the bytes asked for.

    Raises:
        ServiceError: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed` (a delete marker by its id),
            `InvalidArgument`, `InvalidRange`, `PreconditionFailed`, `304`.
    """
    bucket = str(parameters["Bucket"])
    for _ in range(_TRIES):
        stored = existing_version(files, known, bucket, parameters)
        check_read(stored, parameters)
        answer, part = _described(known, bucket, stored, parameters)
        try:
            descriptor = files.open_data(bucket, stored)
        except FileNotFoundError:
            continue
        except OSError as error:
            with disk_errors(files.data_path(bucket, stored)):
                raise error
        answer["Body"] = _body(descriptor, part)
        return answer
    raise ServiceError("SlowDown", "Please reduce your request rate.", 503)


def head_object(files: StoreFiles, known: Finds, parameters: Mapping[str, object]) -> dict[str, object]:
    """Answer `HeadObject`.

    Raises:
        ServiceError: with the status as its code (`404`), which is what botocore makes of an answer without
            a body.
    """
    bucket = str(parameters["Bucket"])
    try:
        stored = existing_version(files, known, bucket, parameters)
        check_read(stored, parameters)
        answer, _ = _described(known, bucket, stored, parameters)
    except ServiceError as error:
        raise without_body(error) from None
    return answer


def without_body(error: ServiceError) -> ServiceError:
    """What botocore makes of an error whose answer has no body: the status is its code."""
    return ServiceError(
        str(error.status), _BODILESS.get(error.status, error.message), error.status, headers=error.headers
    )


def existing_version(
    files: StoreFiles, known: Finds, bucket: str, parameters: Mapping[str, object]
) -> StoredObject:
    """The version of an object that a call names, or its newest one.

    Raises:
        ServiceError: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed`, `InvalidArgument`.
    """
    key, version_id = str(parameters["Key"]), asked_version(parameters)
    stored = known.find_version(bucket, key, version_id)
    if stored is None:
        if not files.bucket_exists(bucket):
            raise no_such_bucket(bucket)
        raise no_such_key(key) if version_id is None else no_such_version(key, version_id)
    if stored.delete_marker:
        raise hidden(stored, by_id=version_id is not None)
    return stored


def _described(
    known: Finds, bucket: str, stored: StoredObject, parameters: Mapping[str, object]
) -> tuple[dict[str, object], ByteRange]:
    asked = parameters.get("Range")
    part = read_range(asked if isinstance(asked, str) else None, stored.size_bytes)
    number = parameters.get("PartNumber")
    if isinstance(number, int):
        if isinstance(asked, str):
            raise ServiceError(
                "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
            )
        part = _numbered_part(stored, number)
    answer: dict[str, object] = {
        "AcceptRanges": "bytes",
        "LastModified": stored.modified_at,
        "ContentLength": stored.size_bytes if part is None else part.size_bytes,
        "ETag": stored.quoted_etag,
        "ContentType": stored.content_type,
        "ServerSideEncryption": "AES256",
        "Metadata": dict(stored.metadata),
        **stored.headers,
    }
    if stored.version_id is not None or known.keeps_versions(bucket):
        answer["VersionId"] = stored.shown_version_id
    if stored.tags:
        answer["TagCount"] = len(stored.tags)
    if part is not None:
        answer["ContentRange"] = f"bytes {part.start}-{part.stop - 1}/{stored.size_bytes}"
    if isinstance(number, int) and stored.parts:
        answer["PartsCount"] = len(stored.parts)
    if stored.checksums and part is None and parameters.get("ChecksumMode") == "ENABLED":
        answer.update(stored.checksums, ChecksumType=type_of(stored.checksums))
    for parameter, member in _RESPONSE_OVERRIDES.items():
        if parameter in parameters:
            answer[member] = parameters[parameter]
    return answer, part or ByteRange(start=0, stop=stored.size_bytes)


def _numbered_part(stored: StoredObject, number: int) -> ByteRange | None:
    sizes = stored.parts or (stored.size_bytes,)
    if not 1 <= number <= len(sizes):
        raise ServiceError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    start = sum(sizes[: number - 1])
    part = ByteRange(start=start, stop=start + sizes[number - 1])
    return part if part.size_bytes else None


def _body(descriptor: int, part: ByteRange) -> io.BytesIO | RangeReader:
    """Small answers are read at once, so that a body nobody reads holds no file open."""
    if part.size_bytes > EAGER_BYTES:
        return RangeReader(descriptor, part.start, part.size_bytes)
    try:
        return io.BytesIO(os.pread(descriptor, part.size_bytes, part.start))
    finally:
        os.close(descriptor)
