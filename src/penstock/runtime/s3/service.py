"""Answers the S3 API from an `S3Store`: checks parameters, reads, stages, commits.

A parameter that would change what a call means and is not understood is an `UnansweredOperationError`; those that
cannot matter on one machine (encryption, storage class, owner checks) are accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, cast
from urllib.parse import urlencode

from penstock.runtime.s3.bucket_calls import BucketCalls
from penstock.runtime.s3.files import COPY_BYTES, RangeReader
from penstock.runtime.s3.ingest import ingest
from penstock.runtime.s3.multipart_calls import MultipartCalls
from penstock.runtime.s3.objects import BINARY, StagedFile, StoredObject
from penstock.runtime.s3.parameters import check_deleted, check_parameters
from penstock.runtime.s3.reader import get_object, head_object
from penstock.runtime.s3.store import S3Store
from penstock.runtime.s3.tag_calls import TagCalls
from penstock.runtime.s3.versions import asked_version, no_such_version
from penstock.runtime.s3.writing import ObjectWriter, Parameters, bucket_of, key_of
from penstock.runtime.services import Call, ServiceError, unanswered

Answer = dict[str, object]


class S3Service:
    """S3 for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, store: S3Store) -> None:
        self.store = store
        self.buckets = BucketCalls(store)
        self._writer = ObjectWriter(store)
        self.uploads = MultipartCalls(self._writer)
        self.tags = TagCalls(store)

    def answer(self, call: Call) -> Answer:
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("s3", call.operation)
        check_parameters(call.operation, call.parameters)
        return operation(self, call)

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Make a bucket; see `BucketCalls.make`."""
        self.buckets.make(name, versioned=versioned)

    def upload(
        self,
        source: Path | bytes,
        *,
        bucket: str,
        key: str,
        metadata: Mapping[str, str] | None = None,
        content_type: str = BINARY,
        in_place: bool = False,
    ) -> StoredObject:
        """Put a local file or bytes into a bucket, as `aws s3 cp` would, with its notifications.

        Args:
            in_place: let the object refer to the file instead of copying it. A later change to the file is
                refused when the object is read.

        Raises:
            ServiceError: `NoSuchBucket`, `KeyTooLongError`.
            UsageError: the file cannot be read.
            StateFolderError: the disk is full or the folder cannot be written.
        """
        parameters: Parameters = {
            "Bucket": bucket,
            "Key": key,
            "Metadata": metadata or {},
            "ContentType": content_type,
        }
        self._writer.check_target(parameters)
        if isinstance(source, bytes):
            staged = self.store.files.stage(source, parameters)
            return self._writer.write(parameters, staged, event_name="ObjectCreated:Put", caller=None)
        taken = ingest(self.store.files, source, in_place=in_place)
        return self._writer.write(
            parameters,
            StagedFile(file=taken.staged or "", size_bytes=taken.size_bytes, md5=taken.etag),
            event_name="ObjectCreated:CompleteMultipartUpload" if taken.parts else "ObjectCreated:Put",
            caller=None,
            parts=taken.parts,
            source=(source.absolute(), taken.mtime_ns) if in_place else None,
        )

    def download(self, target: BinaryIO, *, bucket: str, key: str) -> None:
        """Write an object's bytes to a file that is open for writing.

        Raises:
            ServiceError: `NoSuchBucket`, `NoSuchKey`.
            OSError: the file cannot be written.
            StateFolderError: the object's bytes cannot be read.
        """
        found = get_object(self.store.files, self.store, {"Bucket": bucket, "Key": key})
        with closing(cast("BytesIO | RangeReader", found["Body"])) as body:
            while piece := body.read(COPY_BYTES):
                target.write(piece)

    def _get_object(self, call: Call) -> Answer:
        return get_object(self.store.files, self.store, call.parameters)

    def _head_object(self, call: Call) -> Answer:
        return head_object(self.store.files, self.store, call.parameters)

    def _put_object(self, call: Call) -> Answer:
        parameters = call.parameters
        self._writer.check_target(parameters)
        staged = self._writer.staged(parameters)
        stored = self._writer.write(parameters, staged, event_name="ObjectCreated:Put", caller=call.caller)
        return {
            "ETag": stored.quoted_etag,
            "ServerSideEncryption": "AES256",
            "ChecksumType": "FULL_OBJECT",
            **stored.checksums,
            **({} if stored.version_id is None else {"VersionId": stored.version_id}),
        }

    def _delete_object(self, call: Call) -> Answer:
        deleted = self._writer.delete(
            bucket_of(call.parameters),
            key_of(call.parameters),
            version_id=asked_version(call.parameters),
            conditions=call.parameters,
            caller=call.caller,
        )
        answer: Answer = {} if deleted.version_id is None else {"VersionId": deleted.version_id}
        return {**answer, "DeleteMarker": True} if deleted.delete_marker else answer

    def _delete_objects(self, call: Call) -> Answer:
        bucket = bucket_of(call.parameters)
        self.store.bucket(bucket)
        asked = call.parameters["Delete"]
        items = asked.get("Objects", []) if isinstance(asked, Mapping) else []
        if not 1 <= len(items) <= 1000:
            raise ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate")
        deleted: list[dict[str, object]] = []
        errors: list[dict[str, object]] = []
        for item in items:
            check_deleted(item)
            shown = {name: item[name] for name in ("Key", "VersionId") if item.get(name)}
            try:
                deleted.append({**shown, **self._delete_one(bucket, item, call.caller)})
            except ServiceError as error:
                errors.append({**shown, "Code": error.code, "Message": error.message})
        answer: Answer = {}
        if deleted and not (isinstance(asked, Mapping) and asked.get("Quiet")):
            answer["Deleted"] = deleted
        if errors:
            answer["Errors"] = errors
        return answer

    def _delete_one(self, bucket: str, item: Mapping[str, object], caller: str | None) -> Answer:
        key = str(item["Key"])
        try:
            version_id = asked_version(item)
        except ServiceError:
            raise no_such_version(key, str(item["VersionId"])) from None
        deleted = self._writer.delete(
            bucket, key, version_id=version_id, conditions={"IfMatch": item.get("ETag")}, caller=caller
        )
        if not deleted.delete_marker:
            return {}
        return {"DeleteMarker": True, "DeleteMarkerVersionId": deleted.version_id}

    def _copy_object(self, call: Call) -> Answer:
        parameters = call.parameters
        self._writer.check_target(parameters)
        bucket, stored = self._writer.source(parameters)
        replace = parameters.get("MetadataDirective") == "REPLACE"
        itself = (bucket, stored.key) == (bucket_of(parameters), key_of(parameters))
        changed = replace or any(parameters.get(name) for name in _CHANGES)
        if itself and stored is self.store.find(bucket, stored.key) and not changed:
            raise ServiceError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                "changing the object's metadata, storage class, website redirect location or encryption "
                "attributes.",
            )
        described = parameters if replace else {**parameters, **_description(stored)}
        if parameters.get("TaggingDirective", "COPY") == "COPY":
            described = {**described, "Tagging": urlencode(stored.tags)}
        staged = self._writer.copied(bucket, stored, parameters)
        written = self._writer.write(described, staged, event_name="ObjectCreated:Copy", caller=call.caller)
        answer: Answer = {
            "CopyObjectResult": {
                "ETag": written.quoted_etag,
                "LastModified": written.modified_at,
                **written.checksums,
            },
            **self._writer.versioned(bucket_of(parameters), written),
        }
        if stored.version_id is not None:
            answer["CopySourceVersionId"] = stored.version_id
        return answer


_CHANGES: Final = ("ServerSideEncryption", "StorageClass", "SSEKMSKeyId", "BucketKeyEnabled")
"""What a copy of an object onto itself may be for, besides its metadata."""


def _description(stored: StoredObject) -> dict[str, object]:
    return {"ContentType": stored.content_type, "Metadata": stored.metadata, **stored.headers}


OPERATIONS: Final[Mapping[str, Callable[[S3Service, Call], Answer]]] = {
    "AbortMultipartUpload": lambda self, call: self.uploads.abort(call),
    "CompleteMultipartUpload": lambda self, call: self.uploads.complete(call),
    "CopyObject": S3Service._copy_object,
    "CreateBucket": lambda self, call: self.buckets.create(call),
    "CreateMultipartUpload": lambda self, call: self.uploads.create(call),
    "DeleteBucket": lambda self, call: self.buckets.delete(call),
    "DeleteObject": S3Service._delete_object,
    "DeleteObjects": S3Service._delete_objects,
    "DeleteObjectTagging": lambda self, call: self.tags.delete(call),
    "GetBucketLocation": lambda self, call: self.buckets.location(call),
    "GetBucketVersioning": lambda self, call: self.buckets.versioning(call),
    "GetObject": S3Service._get_object,
    "GetObjectTagging": lambda self, call: self.tags.get(call),
    "HeadBucket": lambda self, call: self.buckets.head(call),
    "HeadObject": S3Service._head_object,
    "ListBuckets": lambda self, call: self.buckets.listed(call),
    "ListMultipartUploads": lambda self, call: self.uploads.list_uploads(call),
    "ListObjectVersions": lambda self, call: self.buckets.list_object_versions(call),
    "ListObjects": lambda self, call: self.buckets.list_objects(call),
    "ListObjectsV2": lambda self, call: self.buckets.list_objects_v2(call),
    "ListParts": lambda self, call: self.uploads.list_parts(call),
    "PutBucketVersioning": lambda self, call: self.buckets.put_versioning(call),
    "PutObject": S3Service._put_object,
    "PutObjectTagging": lambda self, call: self.tags.put(call),
    "UploadPart": lambda self, call: self.uploads.upload_part(call),
    "UploadPartCopy": lambda self, call: self.uploads.upload_part_copy(call),
}
"""What is answered, by AWS's operation name."""
