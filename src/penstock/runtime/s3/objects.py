"""The values of the store: an object as it is kept, and the changes that are journaled.

Only values are here. Every change is a msgspec struct, so that the journal can hold it and a resumed run can
apply it again; applying one twice is harmless, because the higher sequencer wins.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

BINARY: Final = "binary/octet-stream"


class StoredObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object: its metadata, and the name of the file that has its bytes.

    Attributes:
        data: a file in the bucket's `data` folder, or an absolute path if the object was added in place.
        etag: without quotation marks.
        last_modified: epoch seconds, whole, as S3 keeps it.
        sequencer: grows with every write of the store; S3 events carry it in hexadecimal.
        headers: `CacheControl`, `ContentDisposition`, `ContentEncoding`, `ContentLanguage` where they were
            given.
        parts: the size of each part, if it was uploaded in parts.
        source_mtime_ns: of a file that was added in place; a later change to it is refused.
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
    parts: tuple[int, ...] = ()
    source_mtime_ns: int | None = None

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
    """An object was deleted. `sequencer` is the deletion's own."""

    bucket: str
    key: str
    sequencer: int
    event_name: str
    at: float
    caller: str | None = None


S3Change = BucketCreated | BucketDeleted | ObjectWritten | ObjectRemoved
