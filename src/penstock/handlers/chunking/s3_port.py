"""What chunking needs of an S3 client: a boto3 client is one, and so is the fake of its tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from penstock.errors import ChunkingError


class S3Port(Protocol):
    """The methods of boto3's S3 client that are used here, with boto3's parameters and answers."""

    def head_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]: ...

    def get_object(
        self, *, Bucket: str, Key: str, Range: str = ..., IfMatch: str = ...
    ) -> Mapping[str, Any]: ...

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **options: Any) -> Mapping[str, Any]: ...

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **options: Any) -> Mapping[str, Any]: ...

    def create_multipart_upload(self, *, Bucket: str, Key: str, **options: Any) -> Mapping[str, Any]: ...

    def upload_part(
        self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes
    ) -> Mapping[str, Any]: ...

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Any
    ) -> Mapping[str, Any]: ...

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> Mapping[str, Any]: ...


def error_code(error: Exception) -> str:
    """AWS's error code of a boto3 error; empty for any other error."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return ""
    return str(cast("Mapping[str, Any]", response.get("Error", {})).get("Code", ""))


class Body(Protocol):
    """The content of an object, read piece by piece."""

    def read(self, amt: int | None = ..., /) -> bytes: ...

    def close(self) -> None: ...


def open_body(s3: S3Port, bucket: str, key: str, *, etag: str = "", **options: Any) -> Body:
    """Begin to read an object.

    Args:
        etag: of the object as it was planned; empty: any will do.
        options: `Range`, as `GetObject` has it.

    Raises:
        ChunkingError: the object has changed since it was planned.
    """
    if etag:
        options["IfMatch"] = etag
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, **options)
    except Exception as error:
        if error_code(error) in ("PreconditionFailed", "412", "NoSuchKey", "404", "InvalidRange"):
            raise changed(f"s3://{bucket}/{key}", error_code(error)) from error
        raise
    body: Body = answer["Body"]
    return body


def changed(at: str, how: str) -> ChunkingError:
    """An object is not the one that was planned."""
    return ChunkingError(
        f"the object has changed since it was planned ({how})",
        at=at,
        fix="leave an object alone while it is processed; upload it again to start anew",
    )


class MultipartWriter:
    """Writes an object of any size in constant memory: one put if it is small, else in parts.

    Nothing is visible under the key before `close`.
    """

    def __init__(self, s3: S3Port, bucket: str, key: str, *, part_bytes: int = 8 << 20) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": key}
        self._part_bytes = part_bytes
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, object]] = []

    def write(self, content: bytes) -> None:
        """Append to the object."""
        self._buffer += content
        while len(self._buffer) >= self._part_bytes:
            self._send(bytes(self._buffer[: self._part_bytes]))
            del self._buffer[: self._part_bytes]

    def close(self) -> None:
        """Make the object visible."""
        if self._upload_id is None:
            self._s3.put_object(**self._where, Body=bytes(self._buffer))
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        self._s3.complete_multipart_upload(
            **self._where, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._upload_id is not None:
            self._s3.abort_multipart_upload(**self._where, UploadId=self._upload_id)

    def _send(self, part: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = str(self._s3.create_multipart_upload(**self._where)["UploadId"])
        number = len(self._parts) + 1
        answer = self._s3.upload_part(**self._where, UploadId=self._upload_id, PartNumber=number, Body=part)
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
