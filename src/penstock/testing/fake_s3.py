"""An S3 client in memory, for tests of code that takes a boto3 client: real answers, and what was asked."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from typing import Any


class FakeS3Error(Exception):
    """What boto3 raises: `response["Error"]["Code"]` is AWS's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code, "Message": code}}


class FakeS3:
    """The part of boto3's S3 client that chunking uses, over a dictionary.

    Attributes:
        objects: contents, by bucket and key.
        read_bytes: how many bytes of objects were read so far.
        calls: the names of the methods that were called.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.read_bytes = 0
        self.calls: list[str] = []
        self._uploads: dict[str, dict[int, bytes]] = {}

    def head_object(self, *, Bucket: str, Key: str) -> Mapping[str, Any]:
        self.calls.append("head_object")
        content = self._content(Bucket, Key)
        return {"ContentLength": len(content), "ETag": _etag(content), "Metadata": {}}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", **options: Any) -> Mapping[str, Any]:
        self.calls.append("get_object")
        content = self._content(Bucket, Key)
        if options.get("IfMatch", _etag(content)) != _etag(content):
            raise FakeS3Error("PreconditionFailed")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", Range)
        if found is not None:
            content = content[int(found[1]) : int(found[2]) + 1]
        self.read_bytes += len(content)
        return {"Body": io.BytesIO(content), "ContentLength": len(content)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **options: Any) -> Mapping[str, Any]:
        self.calls.append("put_object")
        if options.get("IfNoneMatch") == "*" and (Bucket, Key) in self.objects:
            raise FakeS3Error("PreconditionFailed")
        self.objects[Bucket, Key] = Body
        return {"ETag": _etag(Body)}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **options: Any) -> Mapping[str, Any]:
        """Two keys a page, so that whoever lists has to page."""
        self.calls.append("list_objects_v2")
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        begin = int(options.get("ContinuationToken", 0))
        page = [
            {"Key": key, "Size": len(content := self.objects[Bucket, key]), "ETag": _etag(content)}
            for key in keys[begin : begin + 2]
        ]
        answer: dict[str, Any] = {"Contents": page} if page else {}
        if begin + 2 < len(keys):
            answer["NextContinuationToken"] = str(begin + 2)
        return answer

    def create_multipart_upload(self, *, Bucket: str, Key: str, **options: Any) -> Mapping[str, Any]:
        self.calls.append("create_multipart_upload")
        upload_id = f"upload-{len(self._uploads)}"
        self._uploads[upload_id] = {}
        return {"UploadId": upload_id}

    def upload_part(
        self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes
    ) -> Mapping[str, Any]:
        self.calls.append("upload_part")
        self._uploads[UploadId][PartNumber] = Body
        return {"ETag": _etag(Body)}

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Any
    ) -> Mapping[str, Any]:
        self.calls.append("complete_multipart_upload")
        parts = self._uploads.pop(UploadId)
        self.objects[Bucket, Key] = b"".join(parts[part["PartNumber"]] for part in MultipartUpload["Parts"])
        return {}

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> Mapping[str, Any]:
        self.calls.append("abort_multipart_upload")
        del self._uploads[UploadId]
        return {}

    def _content(self, bucket: str, key: str) -> bytes:
        content = self.objects.get((bucket, key))
        if content is None:
            raise FakeS3Error("NoSuchKey")
        return content


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
