"""Writing and deleting objects: staged bytes become an object, conditions are decided, the change is committed.

Bytes are staged outside the store's lock; conditions are checked and the change is committed under it.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from penstock.runtime.s3.conditions import check_read, check_write
from penstock.runtime.s3.files import BinaryReader, RangeReader, disk_errors, no_such_bucket, no_such_key
from penstock.runtime.s3.ingest import ingest
from penstock.runtime.s3.names import check_key
from penstock.runtime.s3.objects import (
    BINARY,
    EMPTY_ETAG,
    NULL_VERSION,
    DeleteMarkerCreated,
    ObjectRemoved,
    ObjectWritten,
    StagedFile,
    StoredObject,
)
from penstock.runtime.s3.store import S3Store
from penstock.runtime.s3.tags import tags_of_header
from penstock.runtime.s3.versions import checked, new_version_id, no_such_version
from penstock.runtime.services import ServiceError

_HEADERS: Final = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")

MOST_BYTES: Final = 5 * 1024**3
"""Of what one call writes: a whole object, a part, a copy (S3, "Amazon S3 multipart upload limits")."""

MOST_METADATA_BYTES: Final = 2048
"""Of user-defined metadata, "the sum of the number of bytes in the UTF-8 encoding of each key and value" (S3,
"Working with object metadata")."""

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """What a deletion came to.

    Attributes:
        version_id: of the version that is gone, or of the marker that was made; None where no versions are kept.
        delete_marker: whether a marker was made, or was what is gone.
        made_marker: whether a marker was made.
    """

    version_id: str | None = None
    delete_marker: bool = False
    made_marker: bool = False


class ObjectWriter:
    """Writes and deletes the objects of one store."""

    def __init__(self, store: S3Store) -> None:
        self.store = store

    def check_target(self, parameters: Parameters) -> None:
        """Refuse a bucket that is not there, a key or metadata that are too long, and tags that may not be.

        Raises:
            ServiceError: `NoSuchBucket`, `KeyTooLongError`, `MetadataTooLarge`, `InvalidArgument`, `InvalidTag`,
                `BadRequest`.
        """
        bucket = bucket_of(parameters)
        if not self.store.has_bucket(bucket):
            raise no_such_bucket(bucket)
        check_key(key_of(parameters))
        _check_metadata(metadata_of(parameters))
        tags_of_header(parameters.get("Tagging"))

    def staged(self, parameters: Parameters) -> StagedFile:
        """The bytes of a call's `Body`, in a file of their own.

        Raises:
            ServiceError: `BadDigest`, `InvalidDigest`, `EntityTooLarge`; there is no such file then.
        """
        body = parameters.get("Body", b"")
        found = body if isinstance(body, StagedFile) else self.store.files.stage(as_body(body), parameters)
        if found.size_bytes > MOST_BYTES:
            (self.store.files.incoming / found.file).unlink(missing_ok=True)
            raise ServiceError(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                fields={"ProposedSize": str(found.size_bytes), "MaxSizeAllowed": str(MOST_BYTES)},
            )
        return found

    def copied(self, bucket: str, stored: StoredObject, parameters: Parameters) -> StagedFile:
        """An object's bytes for its copy, in a file of their own; the copy has no parts.

        "Objects created by [...] Copy operation [...] have ETags that are an MD5 digest of their object data" (S3,
        API reference, `Object`), also of what was uploaded in parts; then it is read once, and as well for a
        checksum of another kind than it has.

        Raises:
            ServiceError: `InvalidRequest`, it is too large.
        """
        if stored.size_bytes > MOST_BYTES:
            raise ServiceError(
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy source: "
                f"{MOST_BYTES}",
            )
        files = self.store.files
        own = next(iter(stored.checksums), "").removeprefix("Checksum")
        algorithm = parameters.get("ChecksumAlgorithm") or own or None
        if stored.parts or (algorithm is not None and f"Checksum{algorithm}" not in stored.checksums):
            body = RangeReader(files.open_data(bucket, stored), 0, stored.size_bytes)
            return files.stage(body, {"ChecksumAlgorithm": algorithm})
        if stored.source_mtime_ns is None:
            path = files.new_staged_path()
            with disk_errors(path):
                os.link(files.data_path(bucket, stored), path)
        else:
            path = files.incoming / str(ingest(files, Path(stored.data)).staged)
        return StagedFile(
            file=path.name, size_bytes=stored.size_bytes, md5=stored.etag, checksums=stored.checksums
        )

    def write(
        self,
        parameters: Parameters,
        staged: StagedFile,
        *,
        event_name: str,
        caller: str | None,
        parts: tuple[int, ...] = (),
        source: tuple[Path, int] | None = None,
    ) -> StoredObject:
        """Make an object, or a version of one, of staged bytes.

        Args:
            parts: the size of each part, if it was uploaded in parts.
            source: the file that the object refers to, and its time of modification, if it was added in place.

        Raises:
            ServiceError: `NoSuchBucket`, `NoSuchKey`, `PreconditionFailed`; the staged file is gone then.
        """
        bucket, key = bucket_of(parameters), key_of(parameters)
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
                metadata=metadata_of(parameters),
                headers=headers_of(parameters),
                tags=tags_of_header(parameters.get("Tagging")),
                checksums=staged.checksums,
                parts=parts,
                source_mtime_ns=None if source is None else source[1],
                version_id=self._next_version(bucket, key, sequencer),
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

    def delete(
        self, bucket: str, key: str, *, version_id: str | None, conditions: Parameters, caller: str | None
    ) -> Deleted:
        """Delete an object, or one version of it for good (S3, "Deleting object versions").

        Where versions are kept, an object is deleted by a marker that hides them.

        Raises:
            ServiceError: `NoSuchBucket`, `NoSuchKey`, `PreconditionFailed`, `InvalidArgument`.
        """
        with self.store.lock:
            state = self.store.bucket(bucket)
            if version_id is None and state.versioning is not None:
                check_write(state.objects.get(key), conditions)
                return self._mark(bucket, key, caller)
            if version_id is not None:
                checked(version_id)
            kept = None if version_id == NULL_VERSION else version_id
            found = state.version(key, kept)
            check_write(None if found is None or found.delete_marker else found, conditions)
            if version_id is not None and found is None:
                return Deleted(version_id=version_id)
            self.store.commit(
                ObjectRemoved(
                    bucket=bucket,
                    key=key,
                    sequencer=self.store.next_sequencer(),
                    event_name="ObjectRemoved:Delete",
                    at=self.store.now(),
                    caller=caller,
                    version_id=kept,
                )
            )
            return Deleted(version_id=version_id, delete_marker=found is not None and found.delete_marker)

    def source(self, parameters: Parameters) -> tuple[str, StoredObject]:
        """The bucket and the object, or the version of one, that a call copies from.

        Raises:
            ServiceError: `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `InvalidRequest`, `PreconditionFailed`.
        """
        path, _, version_id = str(parameters["CopySource"]).partition("?versionId=")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        state = self.store.bucket(bucket)
        if version_id:
            kept = None if checked(version_id) == NULL_VERSION else version_id
            found = state.version(key, kept)
            if found is None:
                raise no_such_version(key, version_id)
            if found.delete_marker:
                raise ServiceError(
                    "InvalidRequest",
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                )
        else:
            found = state.objects.get(key)
            if found is None:
                raise no_such_key(key)
        check_read(found, parameters, prefix="CopySource")
        return bucket, found

    def versioned(self, bucket: str, stored: StoredObject) -> dict[str, object]:
        """The member `VersionId` of an answer, where versions are or were kept."""
        if self.store.bucket(bucket).versioning is None:
            return {}
        return {"VersionId": stored.shown_version_id}

    def _mark(self, bucket: str, key: str, caller: str | None) -> Deleted:
        now = self.store.now()
        sequencer = self.store.next_sequencer()
        marker = StoredObject(
            key=key,
            data="",
            size_bytes=0,
            etag=EMPTY_ETAG,
            last_modified=int(now),
            sequencer=sequencer,
            version_id=self._next_version(bucket, key, sequencer),
            delete_marker=True,
        )
        self.store.commit(
            DeleteMarkerCreated(
                bucket=bucket,
                marker=marker,
                event_name="ObjectRemoved:DeleteMarkerCreated",
                at=now,
                caller=caller,
            )
        )
        return Deleted(version_id=marker.shown_version_id, delete_marker=True, made_marker=True)

    def _next_version(self, bucket: str, key: str, sequencer: int) -> str | None:
        if self.store.bucket(bucket).versioning != "Enabled":
            return None
        return new_version_id(bucket, key, sequencer)


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


def bucket_of(parameters: Parameters) -> str:
    return str(parameters["Bucket"])


def key_of(parameters: Parameters) -> str:
    return str(parameters["Key"])


def metadata_of(parameters: Parameters) -> dict[str, str]:
    given = parameters.get("Metadata")
    items = given.items() if isinstance(given, Mapping) else ()
    return {str(name).lower(): str(value) for name, value in items}


def _check_metadata(metadata: Mapping[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > MOST_METADATA_BYTES:
        raise ServiceError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            fields={"Size": str(size), "MaxSizeAllowed": str(MOST_METADATA_BYTES)},
        )


def headers_of(parameters: Parameters) -> dict[str, str]:
    return {name: str(parameters[name]) for name in _HEADERS if parameters.get(name)}


def moment_of(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
