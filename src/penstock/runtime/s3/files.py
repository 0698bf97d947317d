"""Where the store keeps its files, how bytes get there, and how they are read back.

1. The layout, under the store's root:
       buckets/<bucket>/keys/<sha256 of the key>.json   an object's metadata; it names its data file
       buckets/<bucket>/data/<sequencer>                its bytes, never changed once they are complete
       buckets/<bucket>/versioning                      `Enabled` or `Suspended`, if the bucket ever kept versions
       buckets/<bucket>/versions/<sha256 of the key>/<version id>.json
                                                        the metadata of a version that another one follows
       incoming/                                        bytes that are not committed yet
       uploads/<upload id>/                             a multipart upload: upload.json and its parts
2. A metadata file appears by rename, so a reader in any process sees an old object or a new one, never half.
3. Every process may stage and read; only the main process commits (`store.py`).
4. A full disk or a folder that cannot be written is a `StateFolderError` here, and nowhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from penstock.errors import StateFolderError
from penstock.runtime.s3.checksums import Checksums
from penstock.runtime.s3.objects import StagedFile, StoredObject, Versioning
from penstock.runtime.services import ServiceError
from penstock.runtime.state_folder import state_folder_error

LONGEST_BUCKET_NAME: Final = 63
COPY_BYTES: Final = 4 * 1024 * 1024
EAGER_BYTES: Final = 64 * 1024

_decode = msgspec.json.Decoder(StoredObject).decode
_encode = msgspec.json.Encoder().encode


class BinaryReader(Protocol):
    """Anything with `read(size)`: a file, botocore's body, s3transfer's file chunk."""

    def read(self, size: int = -1, /) -> bytes: ...


class StoreFiles:
    """The paths of one store, and the acts on them that need no lock.

    Args:
        root: the store's folder; made if it is missing.
        writer: begins the names of this one's staged files. No other writer of the run, before a resumption
            or after it, may have the same: the journal knows staged files by their names.
    """

    def __init__(self, root: Path, *, writer: str = "main") -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.uploads = root / "uploads"
        self.buckets = root / "buckets"
        self._writer = writer
        self._numbers = itertools.count(1)

    def make_folders(self) -> None:
        with disk_errors(self.root):
            for folder in (self.incoming, self.uploads, self.buckets):
                folder.mkdir(parents=True, exist_ok=True)

    def make_bucket_folders(self, bucket: str) -> None:
        for folder in ("keys", "data"):
            (self.buckets / bucket / folder).mkdir(parents=True, exist_ok=True)

    def bucket_exists(self, bucket: str) -> bool:
        return len(bucket) <= LONGEST_BUCKET_NAME and ".." not in bucket and (self.buckets / bucket).is_dir()

    def metadata_path(self, bucket: str, key: str) -> str:
        return f"{self.buckets}/{bucket}/keys/{_digest(key)}.json"

    def data_path(self, bucket: str, stored: StoredObject) -> str:
        if stored.source_mtime_ns is not None:
            return stored.data
        return f"{self.buckets}/{bucket}/data/{stored.data}"

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """Read the metadata of an object's newest version; None if there is no such object."""
        content = read_if_there(self.metadata_path(bucket, key))
        return None if content is None else _decode(content)

    def find_version(self, bucket: str, key: str, version_id: str | None) -> StoredObject | None:
        """Read the metadata of one version of an object, which may be a delete marker.

        Args:
            version_id: as S3's callers write it (`null` is one); None for the newest version.
        """
        found = self.find(bucket, key)
        if version_id is None or (found is not None and found.shown_version_id == version_id):
            return found
        older = read_if_there(self._version_path(bucket, key, version_id))
        if older is not None:
            return _decode(older)
        # What followed it may just have been deleted.
        found = self.find(bucket, key)
        return found if found is not None and found.shown_version_id == version_id else None

    def version_path(self, bucket: str, stored: StoredObject) -> str:
        return self._version_path(bucket, stored.key, stored.shown_version_id)

    def _version_path(self, bucket: str, key: str, version_id: str) -> str:
        return f"{self.buckets}/{bucket}/versions/{_digest(key)}/{version_id}.json"

    def keeps_versions(self, bucket: str) -> bool:
        """Whether the bucket keeps versions, or did."""
        return os.access(f"{self.buckets}/{bucket}/versioning", os.F_OK)

    def versioning(self, bucket: str) -> Versioning | None:
        """How the bucket keeps versions, if it ever did."""
        content = read_if_there(f"{self.buckets}/{bucket}/versioning")
        return None if content is None else msgspec.convert(content.decode(), Versioning)

    def write_versioning(self, bucket: str, status: Versioning) -> None:
        replace_file(f"{self.buckets}/{bucket}/versioning", status.encode())

    def open_data(self, bucket: str, stored: StoredObject) -> int:
        """Open an object's bytes; a file that was added in place must still be the one that was added.

        Raises:
            FileNotFoundError: the object was overwritten or deleted in the meantime.
            StateFolderError: a file that was added in place is gone or has changed.
        """
        path = self.data_path(bucket, stored)
        if stored.source_mtime_ns is None:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _source_changed(path, "is gone") from None
        status = os.fstat(descriptor)
        if (status.st_mtime_ns, status.st_size) != (stored.source_mtime_ns, stored.size_bytes):
            os.close(descriptor)
            raise _source_changed(path, "has changed since it was added")
        return descriptor

    def new_staged_path(self) -> Path:
        # Threads may stage at once; `next` is one step.
        return self.incoming / f"{self._writer}-{next(self._numbers)}"

    def stage(self, body: bytes | BinaryReader, parameters: Mapping[str, object]) -> StagedFile:
        """Write a body to a file of its own in `incoming`, checking the checksums that came with it.

        Raises:
            ServiceError: `BadDigest` or `InvalidDigest`.
            StateFolderError: the disk is full or the folder cannot be written.
        """
        path = self.new_staged_path()
        md5 = hashlib.md5(usedforsecurity=False)
        checksums = Checksums.of(parameters)
        size = 0
        try:
            with disk_errors(path), open(path, "xb", buffering=0) as file:
                for piece in pieces_of(body):
                    md5.update(piece)
                    checksums.update(piece)
                    write_whole(file.fileno(), piece)
                    size += len(piece)
            verified = checksums.verified(md5.digest())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return StagedFile(file=path.name, size_bytes=size, md5=md5.hexdigest(), checksums=verified)

    def write_metadata(self, bucket: str, stored: StoredObject) -> None:
        replace_file(self.metadata_path(bucket, stored.key), _encode(stored))

    def write_version(self, bucket: str, stored: StoredObject) -> None:
        """Write the metadata of a version that another one follows."""
        path = self.version_path(bucket, stored)
        with disk_errors(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, _encode(stored))

    def older_versions(self, bucket: str) -> Iterator[StoredObject]:
        """Read the metadata of every version that another one follows, in no order."""
        for path in (self.buckets / bucket).glob("versions/*/*.json"):
            yield _decode(path.read_bytes())

    def all_objects(self, bucket: str) -> Iterator[StoredObject]:
        """Read the metadata of every object's newest version in a bucket, in no order."""
        folder = self.buckets / bucket / "keys"
        for name in os.listdir(folder):
            if name.endswith(".json"):
                yield _decode((folder / name).read_bytes())


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class RangeReader:
    """A file-like body over a part of an open file; it reads with `pread`."""

    def __init__(self, descriptor: int, start: int, size_bytes: int) -> None:
        self._descriptor: int | None = descriptor
        self._position = start
        self._stop = start + size_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        left = self._stop - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted <= 0 or self._descriptor is None:
            self.close()
            return b""
        content = os.pread(self._descriptor, wanted, self._position)
        if len(content) < wanted and content:
            pieces = [content]
            got = len(content)
            while got < wanted and (piece := os.pread(self._descriptor, wanted - got, self._position + got)):
                pieces.append(piece)
                got += len(piece)
            content = b"".join(pieces)
        self._position += len(content)
        if self._position >= self._stop or not content:
            self.close()
        return content

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def pieces_of(body: bytes | bytearray | memoryview | BinaryReader) -> Iterator[bytes | memoryview]:
    """Cut a body into pieces of a few MB."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        view = memoryview(body)
        for start in range(0, len(view), COPY_BYTES):
            yield view[start : start + COPY_BYTES]
        return
    while piece := body.read(COPY_BYTES):
        yield piece.encode() if isinstance(piece, str) else piece


def write_whole(descriptor: int, content: bytes | memoryview) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def replace_file(path: str, content: bytes) -> None:
    """Put a file in place in one step, so that a reader sees the old content or the new."""
    temporary = f"{path}.{os.getpid()}.new"
    with disk_errors(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            write_whole(descriptor, content)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)


def read_if_there(path: str) -> bytes | None:
    """Read a small file in few system calls; None if it does not exist."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        content = os.read(descriptor, EAGER_BYTES)
        if len(content) == EAGER_BYTES:
            while more := os.read(descriptor, EAGER_BYTES):
                content += more
        return content
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """Turn what the operating system says about the disk into a `StateFolderError` with a remedy."""
    try:
        yield
    except OSError as error:
        raise state_folder_error(error, path) from error


def no_such_key(key: str) -> ServiceError:
    """S3's answer for a key that does not exist."""
    return ServiceError("NoSuchKey", "The specified key does not exist.", 404, fields={"Key": key})


def no_such_bucket(bucket: str) -> ServiceError:
    """S3's answer for a bucket that does not exist."""
    return ServiceError(
        "NoSuchBucket", "The specified bucket does not exist", 404, fields={"BucketName": bucket}
    )


def _source_changed(path: str, how: str) -> StateFolderError:
    return StateFolderError(
        f"a file that was added in place {how}",
        at=path,
        fix="put the file back as it was, or start a new run with --copy, which keeps a copy of its own",
    )
