"""What a chunk is, and how many there are: planned from sizes, not from contents.

1. A plan is an iterator: a terabyte is planned in constant memory, and no byte of the object is read.
2. A byte range is cut by offset alone. Whoever reads it aligns its edges to records: a record belongs to the
   range in which it begins.
3. Chunks are numbered from 0 in the order of their records, and that is the order in which results are merged.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from penstock.errors import ChunkingError
from penstock.handlers.chunking.s3_port import S3Port


class ByteRange(msgspec.Struct, frozen=True, kw_only=True, tag="bytes"):
    """Bytes `start` to `stop` - 1 of an object of newline-delimited records.

    Attributes:
        size_bytes: of the whole object.
        etag: of the object that was planned; reading another one is an error.
        exact: the edges are record boundaries already, and are not to be aligned.
        base: where the object begins in the stream that it was unpacked from, if it is a piece of one.
    """

    index: int
    bucket: str
    key: str
    start: int
    stop: int
    size_bytes: int
    etag: str = ""
    exact: bool = False
    base: int = 0


class RecordRun(msgspec.Struct, frozen=True, kw_only=True, tag="records"):
    """`count` records from number `first` on, of something that is read by number."""

    index: int
    first: int
    count: int


class KeySet(msgspec.Struct, frozen=True, kw_only=True, tag="keys"):
    """Whole objects, `size_bytes` together.

    Attributes:
        etags: of the objects that were planned, in the order of the keys: what `IfMatch` of `GetObject` takes.
    """

    index: int
    bucket: str
    keys: tuple[str, ...]
    size_bytes: int
    etags: tuple[str, ...] = ()


class RowGroups(msgspec.Struct, frozen=True, kw_only=True, tag="row_groups"):
    """Row groups `first` to `stop` - 1 of a Parquet object, with `rows` rows.

    Attributes:
        etag: of the object that was planned; reading another one is an error.
    """

    index: int
    bucket: str
    key: str
    first: int
    stop: int
    rows: int
    etag: str = ""


Chunk = ByteRange | RecordRun | KeySet | RowGroups


def plan_byte_ranges(
    bucket: str, key: str, *, size_bytes: int, chunk_bytes: int, etag: str = ""
) -> Iterator[ByteRange]:
    """Cut an object into ranges of `chunk_bytes`; the last one takes what is left.

    Args:
        size_bytes: of the object, as `HeadObject` gives it.

    Raises:
        ChunkingError: `chunk_bytes` is not positive.
    """
    check_positive("chunk_bytes", chunk_bytes)
    for index, start in enumerate(range(0, size_bytes, chunk_bytes)):
        stop = min(start + chunk_bytes, size_bytes)
        yield ByteRange(
            index=index, bucket=bucket, key=key, start=start, stop=stop, size_bytes=size_bytes, etag=etag
        )


def plan_records(*, records: int, chunk_records: int) -> Iterator[RecordRun]:
    """Cut `records` numbered records into runs of `chunk_records`.

    Raises:
        ChunkingError: `chunk_records` is not positive.
    """
    check_positive("chunk_records", chunk_records)
    for index, first in enumerate(range(0, records, chunk_records)):
        yield RecordRun(index=index, first=first, count=min(chunk_records, records - first))


def plan_keys(
    s3: S3Port, bucket: str, prefix: str, *, chunk_bytes: int, chunk_keys: int = 1000
) -> Iterator[KeySet]:
    """Group the objects under a prefix: as many as fit into `chunk_bytes`, at least one and at most `chunk_keys`.

    Raises:
        ChunkingError: a limit is not positive.
    """
    check_positive("chunk_bytes", chunk_bytes)
    check_positive("chunk_keys", chunk_keys)
    index, size = 0, 0
    found: list[tuple[str, str]] = []

    def together() -> KeySet:
        keys, etags = zip(*found, strict=True)
        return KeySet(index=index, bucket=bucket, keys=keys, size_bytes=size, etags=etags)

    for key, etag, size_bytes in _listed(s3, bucket, prefix):
        if found and (size + size_bytes > chunk_bytes or len(found) == chunk_keys):
            yield together()
            index, size = index + 1, 0
            found.clear()
        found.append((key, etag))
        size += size_bytes
    if found:
        yield together()


def _listed(s3: S3Port, bucket: str, prefix: str) -> Iterator[tuple[str, str, int]]:
    """The key, the ETag and the size of every object."""
    more: dict[str, str] = {}
    while True:
        answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)
        for found in answer.get("Contents", ()):
            yield str(found["Key"]), str(found.get("ETag", "")), int(found["Size"])
        token = answer.get("NextContinuationToken")
        if token is None:
            return
        more = {"ContinuationToken": str(token)}


def check_positive(name: str, value: int) -> None:
    """Refuse a limit of nothing.

    Raises:
        ChunkingError: it is not positive.
    """
    if value <= 0:
        raise ChunkingError(f"{name} is {value}", fix="give a positive number")
