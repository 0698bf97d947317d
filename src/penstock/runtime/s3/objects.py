"""The values of the store: an object as it is kept, and the changes that are journaled.

Only values are here. Every change is a msgspec struct, so that the journal can hold it and a resumed run can
apply it again; applying one twice is harmless, because the higher sequencer wins.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec

BINARY: Final = "binary/octet-stream"
EMPTY_ETAG: Final = "d41d8cd98f00b204e9800998ecf8427e"
"""The MD5 of nothing, which S3's events give a delete marker."""

NULL_VERSION: Final = "null"

Versioning = Literal["Enabled", "Suspended"]
"""How a bucket keeps versions that ever did (S3, `PutBucketVersioning`)."""


class StoredObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object: its metadata, and the name of the file that has its bytes.

    Attributes:
        data: a file in the bucket's `data` folder, or an absolute path if the object was added in place.
        etag: without quotation marks.
        last_modified: epoch seconds, whole, as S3 keeps it.
        sequencer: grows with every write of the store; S3 events carry it in hexadecimal.
        headers: `CacheControl`, `ContentDisposition`, `ContentEncoding`, `ContentLanguage` where they were
            given.
        tags: see `tags`.
        parts: the size of each part, if it was uploaded in parts.
        source_mtime_ns: of a file that was added in place; a later change to it is refused.
        version_id: None is the version that S3 calls `null`: of a bucket that kept no versions when it was written.
        delete_marker: it hides the versions before it, and has no bytes.
    """

    key: str
    data: str
    size_bytes: int
    etag: str
    last_modified: int
    sequencer: int
    content_type: str = BINARY
    metadata: dict[str, str] = {}
    headers: dict[str, str] = {}
    checksums: dict[str, str] = {}
    tags: dict[str, str] = {}
    parts: tuple[int, ...] = ()
    source_mtime_ns: int | None = None
    version_id: str | None = None
    delete_marker: bool = False

    @property
    def shown_version_id(self) -> str:
        return self.version_id or NULL_VERSION

    @property
    def modified_at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.last_modified, dt.UTC)

    @property
    def quoted_etag(self) -> str:
        return f'"{self.etag}"'


class StagedFile(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that wait in the store's `incoming` folder for the main process to commit them.

    Attributes:
        file: the name in `incoming`.
        md5: hexadecimal.
        checksums: verified checksums by AWS's member name, `ChecksumSHA256`.
    """

    file: str
    size_bytes: int
    md5: str
    checksums: dict[str, str] = {}


class BucketCreated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A bucket was made."""

    bucket: str
    at: float


class BucketDeleted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An empty bucket was deleted."""

    bucket: str
    at: float


class VersioningChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From now on a bucket keeps the versions of its objects, or no longer."""

    bucket: str
    status: Versioning
    at: float


class ObjectWritten(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An object was written whole.

    Attributes:
        staged: the file in `incoming` that becomes `object.data`; None if the data needs no move.
        event_name: as the S3 event has it, `ObjectCreated:Put`.
    """

    bucket: str
    object: StoredObject
    staged: str | None
    event_name: str
    at: float
    caller: str | None = None


class ObjectRemoved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A version of an object was deleted for good. `sequencer` is the deletion's own.

    Attributes:
        version_id: None is the version that S3 calls `null`: the only one where no versions are kept.
    """

    bucket: str
    key: str
    sequencer: int
    event_name: str
    at: float
    caller: str | None = None
    version_id: str | None = None


class DeleteMarkerCreated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An object of a bucket that keeps versions was deleted: a marker hides them."""

    bucket: str
    marker: StoredObject
    event_name: str
    at: float
    caller: str | None = None


class ObjectTagged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A version of an object has other tags.

    Attributes:
        written: the sequencer of the write that made the version: what replaced it has tags of its own.
        tags: all that it has now.
        sequencer: the change's own.
    """

    bucket: str
    key: str
    version_id: str | None
    written: int
    tags: dict[str, str]
    size_bytes: int
    etag: str
    event_name: str
    sequencer: int
    at: float
    caller: str | None = None


S3Change = (
    BucketCreated
    | BucketDeleted
    | VersioningChanged
    | ObjectWritten
    | ObjectRemoved
    | DeleteMarkerCreated
    | ObjectTagged
)
