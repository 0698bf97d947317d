"""Answers the S3 API from an `S3Store`: checks parameters, reads, stages, commits.

1. A parameter that would change what a call means and is not understood is an `UnansweredOperationError`;
   those that cannot matter on one machine (encryption, storage class, owner checks) are accepted.
2. Bytes are staged outside the store's lock; conditions are checked and the change is committed under it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, cast
from urllib.parse import unquote

from penstock.runtime.s3 import multipart
from penstock.runtime.s3.conditions import check_read, check_write
from penstock.runtime.s3.files import (
    COPY_BYTES,
    BinaryReader,
    RangeReader,
    disk_errors,
    no_such_bucket,
    no_such_key,
)
from penstock.runtime.s3.ingest import ingest
from penstock.runtime.s3.listing import list_objects, list_objects_v2
from penstock.runtime.s3.names import check_bucket_name, check_key
from penstock.runtime.s3.objects import (
    BINARY,
    BucketCreated,
    BucketDeleted,
    ObjectRemoved,
    ObjectWritten,
    StagedFile,
    StoredObject,
)
from penstock.runtime.s3.parameters import check_parameters
from penstock.runtime.s3.ranges import read_range
from penstock.runtime.s3.reader import get_object, head_object
from penstock.runtime.s3.store import S3Store
from penstock.runtime.services import Call, ServiceError, unanswered

REGION: Final = "us-east-1"
_HEADERS: Final = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")

Parameters = Mapping[str, object]
Answer = dict[str, object]


class S3Service:
    """S3 for one run. See `OPERATIONS` for what it answers."""

    def __init__(self, store: S3Store) -> None:
        self.store = store

    def answer(self, call: Call) -> Answer:
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("s3", call.operation)
        check_parameters(call.operation, call.parameters)
        return operation(self, call)

    def create_bucket(self, name: str) -> None:
        """Make a bucket; one that exists already is left as it is (as in us-east-1).

        Raises:
            ServiceError: `InvalidBucketName`.
        """
        check_bucket_name(name)
        with self.store.lock:
            if not self.store.has_bucket(name):
                self.store.commit(BucketCreated(bucket=name, at=self.store.now()))

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
        self._check_target(parameters)
        if isinstance(source, bytes):
            staged = self.store.files.stage(source, parameters)
            return self._write(parameters, staged, event_name="ObjectCreated:Put", caller=None)
        taken = ingest(self.store.files, source, in_place=in_place)
        return self._write(
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
        found = get_object(self.store.files, self.store.find, {"Bucket": bucket, "Key": key})
        with closing(cast("BytesIO | RangeReader", found["Body"])) as body:
            while piece := body.read(COPY_BYTES):
                target.write(piece)

    def _create_bucket(self, call: Call) -> Answer:
        name = _bucket(call.parameters)
        self.create_bucket(name)
        return {"Location": f"/{name}"}

    def _delete_bucket(self, call: Call) -> Answer:
        name = _bucket(call.parameters)
        with self.store.lock:
            if self.store.keys(name):
                raise ServiceError(
                    "BucketNotEmpty",
                    "The bucket you tried to delete is not empty",
                    409,
                    fields={"BucketName": name},
                )
            self.store.commit(BucketDeleted(bucket=name, at=self.store.now()))
        return {}

    def _head_bucket(self, call: Call) -> Answer:
        if not self.store.has_bucket(_bucket(call.parameters)):
            raise ServiceError("404", "Not Found", 404)
        return {"BucketRegion": REGION, "AccessPointAlias": False}

    def _list_buckets(self, call: Call) -> Answer:
        prefix = str(call.parameters.get("Prefix", ""))
        return {
            "Buckets": [
                {"Name": name, "CreationDate": _moment(self.store.created_at(name))}
                for name in self.store.bucket_names
                if name.startswith(prefix)
            ],
            "Owner": {"ID": "penstock"},
        }

    def _bucket_location(self, call: Call) -> Answer:
        self.store.bucket(_bucket(call.parameters))
        return {"LocationConstraint": None}

    def _get_object(self, call: Call) -> Answer:
        return get_object(self.store.files, self.store.find, call.parameters)

    def _head_object(self, call: Call) -> Answer:
        return head_object(self.store.files, self.store.find, call.parameters)

    def _put_object(self, call: Call) -> Answer:
        parameters = call.parameters
        self._check_target(parameters)
        staged = self._staged(parameters)
        stored = self._write(parameters, staged, event_name="ObjectCreated:Put", caller=call.caller)
        return {
            "ETag": stored.quoted_etag,
            "ServerSideEncryption": "AES256",
            "ChecksumType": "FULL_OBJECT",
            **stored.checksums,
        }

    def _delete_object(self, call: Call) -> Answer:
        self._delete(_bucket(call.parameters), _key(call.parameters), call)
        return {}

    def _delete_objects(self, call: Call) -> Answer:
        bucket = _bucket(call.parameters)
        self.store.bucket(bucket)
        asked = call.parameters["Delete"]
        items = asked.get("Objects", []) if isinstance(asked, Mapping) else []
        if len(items) > 1000:
            raise ServiceError("MalformedXML", "The XML you provided was not well-formed or did not validate")
        deleted: list[dict[str, object]] = []
        errors: list[dict[str, object]] = []
        for item in items:
            key = str(item["Key"])
            if item.get("VersionId") not in (None, "null"):
                raise unanswered("s3", "DeleteObjects", because="objects here have no versions")
            try:
                self._delete(bucket, key, call, conditions={"IfMatch": item.get("ETag")})
            except ServiceError as error:
                errors.append({"Key": key, "Code": error.code, "Message": error.message})
            else:
                deleted.append({"Key": key})
        answer: Answer = {}
        if deleted and not (isinstance(asked, Mapping) and asked.get("Quiet")):
            answer["Deleted"] = deleted
        if errors:
            answer["Errors"] = errors
        return answer

    def _copy_object(self, call: Call) -> Answer:
        parameters = call.parameters
        self._check_target(parameters)
        bucket, stored = self._source(parameters)
        replace = parameters.get("MetadataDirective") == "REPLACE"
        if (bucket, stored.key) == (_bucket(parameters), _key(parameters)) and not replace:
            raise ServiceError(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                "changing the object's metadata, storage class, website redirect location or encryption "
                "attributes.",
            )
        described = parameters if replace else {**parameters, **_description(stored)}
        path = self.store.files.new_staged_path()
        if stored.source_mtime_ns is None:
            with disk_errors(path):
                os.link(self.store.files.data_path(bucket, stored), path)
        else:
            path = self.store.files.incoming / str(ingest(self.store.files, Path(stored.data)).staged)
        staged = StagedFile(
            file=path.name, size_bytes=stored.size_bytes, md5=stored.etag, checksums=stored.checksums
        )
        written = self._write(
            described, staged, event_name="ObjectCreated:Copy", caller=call.caller, parts=stored.parts
        )
        return {"CopyObjectResult": {"ETag": written.quoted_etag, "LastModified": written.modified_at}}

    def _list_objects(self, call: Call) -> Answer:
        name = _bucket(call.parameters)
        with self.store.lock:
            bucket = self.store.bucket(name)
            return list_objects(bucket.ordered, bucket.objects.__getitem__, call.parameters)

    def _list_objects_v2(self, call: Call) -> Answer:
        name = _bucket(call.parameters)
        with self.store.lock:
            bucket = self.store.bucket(name)
            return list_objects_v2(bucket.ordered, bucket.objects.__getitem__, call.parameters)

    def _create_multipart_upload(self, call: Call) -> Answer:
        parameters = call.parameters
        self._check_target(parameters)
        with self.store.lock:
            number = self.store.next_sequencer()
        upload = multipart.Upload(
            upload_id=hashlib.sha256(
                f"{_bucket(parameters)}/{_key(parameters)}/{number}".encode()
            ).hexdigest(),
            bucket=_bucket(parameters),
            key=_key(parameters),
            initiated=int(self.store.now()),
            content_type=str(parameters.get("ContentType", BINARY)),
            metadata=_metadata(parameters),
            headers=_headers(parameters),
        )
        multipart.begin(self.store.files, upload)
        return {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.upload_id}

    def _upload_part(self, call: Call) -> Answer:
        upload = multipart.existing(self.store.files, call.parameters)
        staged = self._staged(call.parameters)
        multipart.add_part(self.store.files, upload, _number(call.parameters), staged)
        return {"ETag": f'"{staged.md5}"', "ServerSideEncryption": "AES256", **staged.checksums}

    def _upload_part_copy(self, call: Call) -> Answer:
        parameters = call.parameters
        upload = multipart.existing(self.store.files, parameters)
        bucket, stored = self._source(parameters)
        asked = parameters.get("CopySourceRange")
        part = read_range(asked if isinstance(asked, str) else None, stored.size_bytes)
        start, size = (part.start, part.size_bytes) if part else (0, stored.size_bytes)
        body = RangeReader(self.store.files.open_data(bucket, stored), start, size)
        staged = self.store.files.stage(body, {})
        multipart.add_part(self.store.files, upload, _number(parameters), staged)
        result = {"ETag": f'"{staged.md5}"', "LastModified": _moment(self.store.now())}
        return {"CopyPartResult": result}

    def _complete_multipart_upload(self, call: Call) -> Answer:
        parameters = call.parameters
        upload = multipart.existing(self.store.files, parameters)
        asked = parameters.get("MultipartUpload")
        listed = asked.get("Parts", []) if isinstance(asked, Mapping) else []
        parts = multipart.chosen_parts(self.store.files, upload, listed)
        check_write(self.store.find(upload.bucket, upload.key), parameters)
        described: Parameters = {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "ContentType": upload.content_type,
            "Metadata": upload.metadata,
            **upload.headers,
            **{name: parameters[name] for name in ("IfMatch", "IfNoneMatch") if name in parameters},
        }
        stored = self._write(
            described,
            multipart.join(self.store.files, parts),
            event_name="ObjectCreated:CompleteMultipartUpload",
            caller=call.caller,
            parts=tuple(part.size_bytes for part in parts),
        )
        multipart.drop(self.store.files, upload)
        return {
            "Location": f"https://{upload.bucket}.s3.amazonaws.com/{upload.key}",
            "Bucket": upload.bucket,
            "Key": upload.key,
            "ETag": stored.quoted_etag,
        }

    def _abort_multipart_upload(self, call: Call) -> Answer:
        multipart.drop(self.store.files, multipart.existing(self.store.files, call.parameters))
        return {}

    def _list_parts(self, call: Call) -> Answer:
        upload = multipart.existing(self.store.files, call.parameters)
        limit = int(str(call.parameters.get("MaxParts", 1000)))
        marker = int(str(call.parameters.get("PartNumberMarker", 0)))
        behind = [part for part in multipart.parts_of(self.store.files, upload) if part.number > marker]
        answer: Answer = {
            "Bucket": upload.bucket,
            "Key": upload.key,
            "UploadId": upload.upload_id,
            "PartNumberMarker": marker,
            "MaxParts": limit,
            "IsTruncated": len(behind) > limit,
            "StorageClass": "STANDARD",
        }
        shown = behind[:limit]
        if shown:
            answer["NextPartNumberMarker"] = shown[-1].number
            answer["Parts"] = [
                {
                    "PartNumber": part.number,
                    "LastModified": _moment(part.modified),
                    "ETag": f'"{part.etag}"',
                    "Size": part.size_bytes,
                }
                for part in shown
            ]
        return answer

    def _list_multipart_uploads(self, call: Call) -> Answer:
        bucket = _bucket(call.parameters)
        self.store.bucket(bucket)
        prefix = str(call.parameters.get("Prefix", ""))
        uploads = [
            {
                "UploadId": upload.upload_id,
                "Key": upload.key,
                "Initiated": _moment(upload.initiated),
                "StorageClass": "STANDARD",
            }
            for upload in multipart.uploads_of(self.store.files, bucket)
            if upload.key.startswith(prefix)
        ]
        answer: Answer = {"Bucket": bucket, "Prefix": prefix, "MaxUploads": 1000, "IsTruncated": False}
        if uploads:
            answer["Uploads"] = uploads
        return answer

    def _check_target(self, parameters: Parameters) -> None:
        bucket = _bucket(parameters)
        if not self.store.has_bucket(bucket):
            raise no_such_bucket(bucket)
        check_key(_key(parameters))

    def _staged(self, parameters: Parameters) -> StagedFile:
        body = parameters.get("Body", b"")
        if isinstance(body, StagedFile):
            return body
        return self.store.files.stage(as_body(body), parameters)

    def _write(
        self,
        parameters: Parameters,
        staged: StagedFile,
        *,
        event_name: str,
        caller: str | None,
        parts: tuple[int, ...] = (),
        source: tuple[Path, int] | None = None,
    ) -> StoredObject:
        bucket, key = _bucket(parameters), _key(parameters)
        with self.store.lock:
            try:
                if not self.store.has_bucket(bucket):
                    raise no_such_bucket(bucket)
                check_write(self.store.find(bucket, key), parameters)
            except ServiceError:
                (self.store.files.incoming / staged.file).unlink(missing_ok=True)
                raise
            now = self.store.now()
            sequencer = self.store.next_sequencer()
            stored = StoredObject(
                key=key,
                data=f"{sequencer:016x}" if source is None else str(source[0]),
                size_bytes=staged.size_bytes,
                etag=staged.md5,
                last_modified=int(now),
                sequencer=sequencer,
                content_type=str(parameters.get("ContentType", BINARY)),
                metadata=_metadata(parameters),
                headers=_headers(parameters),
                checksums=staged.checksums,
                parts=parts,
                source_mtime_ns=None if source is None else source[1],
            )
            self.store.commit(
                ObjectWritten(
                    bucket=bucket,
                    object=stored,
                    staged=staged.file or None,
                    event_name=event_name,
                    at=now,
                    caller=caller,
                )
            )
        return stored

    def _delete(self, bucket: str, key: str, call: Call, conditions: Parameters | None = None) -> None:
        with self.store.lock:
            found = self.store.bucket(bucket).objects.get(key)
            check_write(found, call.parameters if conditions is None else conditions)
            self.store.commit(
                ObjectRemoved(
                    bucket=bucket,
                    key=key,
                    sequencer=self.store.next_sequencer(),
                    event_name="ObjectRemoved:Delete",
                    at=self.store.now(),
                    caller=call.caller,
                )
            )

    def _source(self, parameters: Parameters) -> tuple[str, StoredObject]:
        text = unquote(str(parameters["CopySource"])).removeprefix("/")
        if "?versionId=" in text:
            raise unanswered("s3", "CopyObject", because="objects here have no versions")
        bucket, _, key = text.partition("/")
        found = self.store.bucket(bucket).objects.get(key)
        if found is None:
            raise no_such_key(key)
        check_read(found, parameters, prefix="CopySource")
        return bucket, found


OPERATIONS: Final[Mapping[str, Callable[[S3Service, Call], Answer]]] = {
    "AbortMultipartUpload": S3Service._abort_multipart_upload,
    "CompleteMultipartUpload": S3Service._complete_multipart_upload,
    "CopyObject": S3Service._copy_object,
    "CreateBucket": S3Service._create_bucket,
    "CreateMultipartUpload": S3Service._create_multipart_upload,
    "DeleteBucket": S3Service._delete_bucket,
    "DeleteObject": S3Service._delete_object,
    "DeleteObjects": S3Service._delete_objects,
    "GetBucketLocation": S3Service._bucket_location,
    "GetObject": S3Service._get_object,
    "HeadBucket": S3Service._head_bucket,
    "HeadObject": S3Service._head_object,
    "ListBuckets": S3Service._list_buckets,
    "ListMultipartUploads": S3Service._list_multipart_uploads,
    "ListObjects": S3Service._list_objects,
    "ListObjectsV2": S3Service._list_objects_v2,
    "ListParts": S3Service._list_parts,
    "PutObject": S3Service._put_object,
    "UploadPart": S3Service._upload_part,
    "UploadPartCopy": S3Service._upload_part_copy,
}


def as_body(body: object) -> bytes | BinaryReader:
    """Accept what boto3 accepts as a body: bytes, text, or an object with `read`."""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    if hasattr(body, "read"):
        # boto3's transfers count bytes as progress from the moment that they are told of the sending.
        if hasattr(body, "signal_transferring"):
            body.signal_transferring()
        reader: BinaryReader = body
        return reader
    raise ServiceError("InvalidRequest", f"a body must be bytes or a binary file, not {type(body).__name__}")


def _bucket(parameters: Parameters) -> str:
    return str(parameters["Bucket"])


def _key(parameters: Parameters) -> str:
    return str(parameters["Key"])


def _number(parameters: Parameters) -> int:
    return int(str(parameters["PartNumber"]))


def _metadata(parameters: Parameters) -> dict[str, str]:
    given = parameters.get("Metadata")
    items = given.items() if isinstance(given, Mapping) else ()
    return {str(name).lower(): str(value) for name, value in items}


def _headers(parameters: Parameters) -> dict[str, str]:
    return {name: str(parameters[name]) for name in _HEADERS if parameters.get(name)}


def _description(stored: StoredObject) -> dict[str, object]:
    return {"ContentType": stored.content_type, "Metadata": stored.metadata, **stored.headers}


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
