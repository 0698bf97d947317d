"""Row groups of Parquet objects, through pyarrow (the extra `parquet`); only the footer is read to plan."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from penstock.errors import ChunkingError
from penstock.handlers.chunking.plan import RowGroups
from penstock.handlers.chunking.s3_port import S3Port

if TYPE_CHECKING:
    import pyarrow as pa


def plan_row_groups(s3: S3Port, bucket: str, key: str, *, chunk_rows: int) -> Iterator[RowGroups]:
    """Cut a Parquet object into runs of row groups with at least `chunk_rows` rows each, but for the last.

    Raises:
        ChunkingError: the object is not Parquet, or pyarrow is not installed.
    """
    metadata = _open(s3, bucket, key).metadata
    index, first, rows = 0, 0, 0
    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        if rows >= chunk_rows:
            yield RowGroups(index=index, bucket=bucket, key=key, first=first, stop=group + 1, rows=rows)
            index, first, rows = index + 1, group + 1, 0
    if rows:
        yield RowGroups(
            index=index, bucket=bucket, key=key, first=first, stop=metadata.num_row_groups, rows=rows
        )


def read_row_groups(s3: S3Port, chunk: RowGroups) -> Iterator[pa.Table]:
    """Read a chunk, one row group at a time.

    Raises:
        ChunkingError: the object is not Parquet, or pyarrow is not installed.
    """
    file = _open(s3, chunk.bucket, chunk.key)
    for group in range(chunk.first, chunk.stop):
        yield file.read_row_group(group)


def _open(s3: S3Port, bucket: str, key: str) -> Any:  # pyarrow has no types
    at = f"s3://{bucket}/{key}"
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ChunkingError(
            "reading Parquet needs pyarrow", at=at, fix="pip install 'penstock[parquet]'"
        ) from error
    try:
        return parquet.ParquetFile(io.BufferedReader(_RangedFile(s3, bucket, key), 1 << 16))
    except pyarrow.ArrowInvalid as error:
        raise ChunkingError(f"the object is not Parquet: {error}", at=at) from error


class _RangedFile(io.RawIOBase):
    """An S3 object as a file that can be sought; every read is one ranged request."""

    def __init__(self, s3: S3Port, bucket: str, key: str) -> None:
        self._s3 = s3
        self._where = {"Bucket": bucket, "Key": key}
        self._size = int(s3.head_object(**self._where)["ContentLength"])
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        stop = self._position + wanted
        body = self._s3.get_object(**self._where, Range=f"bytes={self._position}-{stop - 1}")["Body"]
        content: bytes = body.read()
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
