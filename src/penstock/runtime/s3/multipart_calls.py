"""The S3 API's calls about uploads in parts; the parts themselves are the business of `multipart`."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.runtime.s3 import multipart
from penstock.runtime.s3.conditions import check_write
from penstock.runtime.s3.files import RangeReader
from penstock.runtime.s3.objects import BINARY
from penstock.runtime.s3.ranges import copied_range
from penstock.runtime.s3.upload_listing import list_parts, list_uploads
from penstock.runtime.s3.writing import (
    ObjectWriter,
    Parameters,
    bucket_of,
    headers_of,
    key_of,
    metadata_of,
    moment_of,
)
from penstock.runtime.services import Call

Answer = dict[str, object]


class MultipartCalls:
    """Answers them for one store."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self._store = writer.store

    def create(self, call: Call) -> Answer:
        """`CreateMultipartUpload`."""
        parameters = call.parameters
        self._writer.check_target(parameters)
        with self._store.lock:
            number = self._store.next_sequencer()
        upload = multipart.Upload(
            upload_id=multipart.new_upload_id(bucket_of(parameters), key_of(parameters), number),
            bucket=bucket_of(parameters),
            key=key_of(parameters),
            initiated=int(self._store.now()),
            content_type=str(parameters.get("ContentType", BINARY)),
            metadata=metadata_of(parameters),
            headers=headers_of(parameters),
            tagging=str(parameters.get("Tagging") or ""),
        )
        multipart.begin(self._store.files, upload)
        return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.upload_id}

    def upload_part(self, call: Call) -> Answer:
        """`UploadPart`."""
        upload = multipart.existing(self._store.files, call.parameters)
        staged = self._writer.staged(call.parameters)
        multipart.add_part(self._store.files, upload, _number(call.parameters), staged)
        return {"ETag": f'"{staged.md5}"', "ServerSideEncryption": "AES256", **staged.checksums}

    def upload_part_copy(self, call: Call) -> Answer:
        """`UploadPartCopy`."""
        parameters = call.parameters
        upload = multipart.existing(self._store.files, parameters)
        bucket, stored = self._writer.source(parameters)
        part = copied_range(parameters.get("CopySourceRange"), stored.size_bytes)
        body = RangeReader(self._store.files.open_data(bucket, stored), part.start, part.size_bytes)
        staged = self._store.files.stage(body, {})
        multipart.add_part(self._store.files, upload, _number(parameters), staged)
        answer: Answer = {
            "CopyPartResult": {"ETag": f'"{staged.md5}"', "LastModified": moment_of(self._store.now())}
        }
        if stored.version_id is not None:
            answer["CopySourceVersionId"] = stored.version_id
        return answer

    def complete(self, call: Call) -> Answer:
        """`CompleteMultipartUpload`."""
        parameters = call.parameters
        upload = multipart.existing(self._store.files, parameters)
        asked = parameters.get("MultipartUpload")
        listed = asked.get("Parts", []) if isinstance(asked, Mapping) else []
        parts = multipart.chosen_parts(
            self._store.files, upload, listed, expected_bytes=parameters.get("MpuObjectSize")
        )
        check_write(self._store.find(upload.bucket, upload.key), parameters)
        described: Parameters = {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "ContentType": upload.content_type,
            "Metadata": upload.metadata,
            **upload.headers,
            "Tagging": upload.tagging,
            **{name: parameters[name] for name in ("IfMatch", "IfNoneMatch") if name in parameters},
        }
        stored = self._writer.write(
            described,
            multipart.join(self._store.files, parts),
            event_name="ObjectCreated:CompleteMultipartUpload",
            caller=call.caller,
            parts=tuple(part.size_bytes for part in parts),
        )
        multipart.drop(self._store.files, upload)
        return {
            "Location": f"https://{upload.bucket}.s3.amazonaws.com/{upload.key}",
            "Bucket": upload.bucket,
            "Key": upload.key,
            "ETag": stored.quoted_etag,
            **self._writer.versioned(upload.bucket, stored),
        }

    def abort(self, call: Call) -> Answer:
        """`AbortMultipartUpload`."""
        multipart.drop(self._store.files, multipart.existing(self._store.files, call.parameters))
        return {}

    def list_parts(self, call: Call) -> Answer:
        """`ListParts`."""
        upload = multipart.existing(self._store.files, call.parameters)
        return list_parts(upload, multipart.parts_of(self._store.files, upload), call.parameters)

    def list_uploads(self, call: Call) -> Answer:
        """`ListMultipartUploads`."""
        bucket = bucket_of(call.parameters)
        self._store.bucket(bucket)
        return list_uploads(multipart.uploads_of(self._store.files, bucket), call.parameters)


def _number(parameters: Parameters) -> int:
    return int(str(parameters["PartNumber"]))
