"""Adding a local file to a bucket quickly: the kernel copies it while threads compute its entity tag.

1. The bytes never pass through Python: `copy_file_range` shares or copies them in the kernel, `sendfile` is
   next.
2. A small file gets the MD5 that a single `PutObject` gives. A larger one gets a tag in the form of a
   multipart upload, `<digest of the parts' digests>-<parts>`, with SHA-256 in the place of MD5: S3 promises
   MD5 for neither multipart nor KMS-encrypted objects, and SHA-256 is computed by the processor (2 GB/s a
   core, MD5 0.9).
3. A file that is added in place is not read at all: its tag is made of its size, its time of modification and
   its inode, which are also what a later change is recognised by. A terabyte is added in no time.
"""

from __future__ import annotations

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import UsageError
from penstock.runtime.s3.files import StoreFiles, disk_errors

SINGLE_PUT_BYTES: Final = 8 * 1024 * 1024
PART_BYTES: Final = 8 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024
_NO_COPY_RANGE: Final = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """A local file, ready to be committed.

    Attributes:
        staged: its copy in `incoming`; None if it stays where it is.
        parts: the size of each part; empty for a single put.
    """

    staged: str | None
    size_bytes: int
    etag: str
    parts: tuple[int, ...]
    mtime_ns: int


def ingest(files: StoreFiles, source: Path, *, in_place: bool = False) -> Ingested:
    """Copy a file into `incoming` and compute its tag.

    Args:
        in_place: do not copy; the object refers to the file, and a later change to it is an error when it is
            read.

    Raises:
        UsageError: the file is missing, is not a file, or cannot be read.
        StateFolderError: the disk is full or the folder cannot be written.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(source, error.strerror or str(error)) from error
    try:
        status = os.fstat(descriptor)
        if not os.path.isfile(source):
            raise _unreadable(source, "it is not a regular file")
        parts = _parts_of(status.st_size)
        if in_place:
            return _in_place(status, parts)
        staged = files.new_staged_path()
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1, len(parts) or 1)) as threads:
            digests = threads.map(lambda part: _digest(descriptor, *part, single=len(parts) <= 1), parts)
            _copy(descriptor, staged, status.st_size)
            etag = _entity_tag(list(digests))
    finally:
        os.close(descriptor)
    return Ingested(
        staged=staged.name,
        size_bytes=status.st_size,
        etag=etag,
        parts=tuple(size for _, size in parts) if len(parts) > 1 else (),
        mtime_ns=status.st_mtime_ns,
    )


def _in_place(status: os.stat_result, parts: list[tuple[int, int]]) -> Ingested:
    identity = f"{status.st_size}/{status.st_mtime_ns}/{status.st_ino}".encode()
    return Ingested(
        staged=None,
        size_bytes=status.st_size,
        etag=f"{hashlib.sha256(identity).hexdigest()[:32]}-{len(parts)}",
        parts=tuple(size for _, size in parts) if len(parts) > 1 else (),
        mtime_ns=status.st_mtime_ns,
    )


def _parts_of(size_bytes: int) -> list[tuple[int, int]]:
    if size_bytes <= SINGLE_PUT_BYTES:
        return [(0, size_bytes)]
    return [(start, min(PART_BYTES, size_bytes - start)) for start in range(0, size_bytes, PART_BYTES)]


def _digest(descriptor: int, start: int, size: int, *, single: bool) -> bytes:
    running = hashlib.md5(usedforsecurity=False) if single else hashlib.sha256()
    buffer = bytearray(min(_READ_BYTES, size))
    view = memoryview(buffer)
    stop = start + size
    while start < stop:
        got = os.preadv(descriptor, [view[: stop - start]], start)
        if got == 0:
            break
        running.update(view[:got])
        start += got
    return running.digest()


def _entity_tag(digests: list[bytes]) -> str:
    if len(digests) == 1:
        return digests[0].hex()
    return f"{hashlib.sha256(b''.join(digests)).hexdigest()[:32]}-{len(digests)}"


def _copy(source: int, target: Path, size_bytes: int) -> None:
    with disk_errors(target):
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            copy_whole(source, descriptor, size_bytes)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)


def copy_whole(source: int, target: int, size_bytes: int) -> None:
    """Append the first `size_bytes` of one open file to another, in the kernel."""
    done = 0
    copy_range = getattr(os, "copy_file_range", None)
    while done < size_bytes:
        try:
            if copy_range is None:
                copied = os.sendfile(target, source, done, size_bytes - done)
            else:
                copied = copy_range(source, target, size_bytes - done, done)
        except OSError as error:
            if copy_range is None or error.errno not in _NO_COPY_RANGE:
                raise
            copy_range = None
            continue
        if copied == 0:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        done += copied


def _unreadable(source: Path, why: str) -> UsageError:
    return UsageError(f"the input cannot be read: {why}", at=str(source), fix="check the path and its rights")
