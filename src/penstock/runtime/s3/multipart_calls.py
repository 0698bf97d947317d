"""The S3 API's calls about uploads in parts; the parts themselves are the business of `multipart`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

import msgspec

from penstock.runtime.s3 import multipart
from penstock.runtime.s3.checksums import ChecksumType, composite, is_computed, of_file
from penstock.runtime.s3.conditions import check_write
from penstock.runtime.s3.files import RangeReader, disk_errors
from penstock.runtime.s3.objects import BINARY, StagedFile
from penstock.runtime.s3.ranges import copied_range
from penstock.runtime.s3.upload_listing import described_checksum, list_parts, list_uploads
from penstock.runtime.s3.writing import (
    ObjectWriter,
    Parameters,
    bucket_of,
    headers_of,
    key_of,
    metadata_of,
    moment_of,
)
from penstock.runtime.services import Call, ServiceError

Answer = dict[str, object]

_WHOLE: Final = frozenset({"CRC32", "CRC32C", "CRC64NVME"})
"""Algorithms of which there may be a checksum of the whole object; the others have those of its parts only."""


class _Checksum(TypedDict, total=False):
    checksum_algorithm: str
    checksum_type: ChecksumType


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
            **_checksum(parameters),
        )
        multipart.begin(self._store.files, upload)
        return {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "UploadId": upload.upload_id,
            **described_checksum(upload),
        }

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
        staged = self._store.files.stage(body, {"ChecksumAlgorithm": upload.checksum_algorithm or None})
        multipart.add_part(self._store.files, upload, _number(parameters), staged)
        answer: Answer = {
            "CopyPartResult": {
                "ETag": f'"{staged.md5}"',
                "LastModified": moment_of(self._store.now()),
                **staged.checksums,
            }
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
        staged = self._joined(upload, parts, parameters)
        stored = self._writer.write(
            described,
            staged,
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
            **stored.checksums,
            **({"ChecksumType": upload.checksum_type} if stored.checksums else {}),
            **self._writer.versioned(upload.bucket, stored),
        }

    def _joined(
        self, upload: multipart.Upload, parts: Sequence[multipart.Part], parameters: Parameters
    ) -> StagedFile:
        """The whole object, with the checksum that it has as a whole.

        Raises:
            ServiceError: `BadDigest`, the call says another one.
        """
        staged = multipart.join(self._store.files, parts)
        member, path = upload.checksum_member, self._store.files.incoming / staged.file
        if not member:
            return staged
        if upload.checksum_type == "COMPOSITE":
            value = composite(member, [part.checksum for part in parts])
        else:
            with disk_errors(path):
                value = of_file(member, str(path))
        # The number of parts may be left out.
        given = parameters.get(member)
        wrong = given is not None and given not in (value, value.partition("-")[0])
        if wrong or parameters.get("ChecksumType", upload.checksum_type) != upload.checksum_type:
            path.unlink(missing_ok=True)
            raise ServiceError(
                "BadDigest",
                f"The {upload.checksum_algorithm} you specified did not match the calculated checksum.",
            )
        return msgspec.structs.replace(staged, checksums={member: value})

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


def _checksum(parameters: Parameters) -> _Checksum:
    """The checksum that an upload's parts and its object will have (S3, "Checking object integrity").

    Raises:
        ServiceError: `InvalidRequest`, the type is none of the algorithm's.
    """
    algorithm = parameters.get("ChecksumAlgorithm")
    if not is_computed(algorithm):
        return {}
    whole = parameters.get("ChecksumType") == "FULL_OBJECT"
    if whole and algorithm not in _WHOLE:
        raise ServiceError(
            "InvalidRequest",
            f"The FULL_OBJECT checksum type cannot be used with the {str(algorithm).lower()} checksum algorithm.",
        )
    return {
        "checksum_algorithm": str(algorithm),
        "checksum_type": "FULL_OBJECT" if whole else "COMPOSITE",
    }


def _number(parameters: Parameters) -> int:
    return int(str(parameters["PartNumber"]))
