"""Row groups of Parquet objects, through pyarrow (the extra `parquet`); only the footer is read to plan."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from penstock.errors import ChunkingError
from penstock.handlers.chunking.plan import RowGroups, check_positive
from penstock.handlers.chunking.s3_port import S3Port, changed, open_body

if TYPE_CHECKING:
    import pyarrow as pa


def plan_row_groups(s3: S3Port, bucket: str, key: str, *, chunk_rows: int) -> Iterator[RowGroups]:
    """Cut a Parquet object into runs of row groups with at least `chunk_rows` rows each, but for the last.

    Raises:
        ChunkingError: the object is not Parquet, pyarrow is not installed, or `chunk_rows` is not positive.
    """
    check_positive("chunk_rows", chunk_rows)
    source = _RangedFile(s3, bucket, key)
    metadata = _open(source).metadata
    index, first, rows = 0, 0, 0

    def together(stop: int) -> RowGroups:
        return RowGroups(
            index=index, bucket=bucket, key=key, first=first, stop=stop, rows=rows, etag=source.etag
        )

    for group in range(metadata.num_row_groups):
        rows += metadata.row_group(group).num_rows
        if rows >= chunk_rows:
            yield together(group + 1)
            index, first, rows = index + 1, group + 1, 0
    if rows:
        yield together(metadata.num_row_groups)


def read_row_groups(s3: S3Port, chunk: RowGroups) -> Iterator[pa.Table]:
    """Read a chunk, one row group at a time.

    Raises:
        ChunkingError: the object is not Parquet, is damaged, or has changed since it was planned; pyarrow is not
            installed.
    """
    source = _RangedFile(s3, chunk.bucket, chunk.key, etag=chunk.etag)
    file = _open(source)
    metadata = file.metadata
    groups = range(chunk.first, chunk.stop)
    there = chunk.stop <= metadata.num_row_groups
    if not there or sum(metadata.row_group(group).num_rows for group in groups) != chunk.rows:
        raise changed(source.at, "it has other row groups")
    for group in groups:
        with _refusing(source.at, f"row group {group} cannot be read"):
            table = file.read_row_group(group)
        yield table


def _open(source: _RangedFile) -> Any:  # pyarrow has no types
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ChunkingError(
            "reading Parquet needs pyarrow", at=source.at, fix="pip install 'penstock[parquet]'"
        ) from error
    with _refusing(source.at, "the object is not Parquet"):
        return parquet.ParquetFile(io.BufferedReader(source, 1 << 16))


@contextmanager
def _refusing(at: str, what: str) -> Iterator[None]:
    """Say where the bytes are that pyarrow cannot read. (Its own I/O errors are bare OSErrors.)"""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and type(error) is not OSError:
            raise  # of the connection, and not of the content
        raise ChunkingError(
            f"{what}: {error}",
            at=at,
            fix="write the file again; pyarrow.parquet.read_table shows whether it is whole",
        ) from error


class _RangedFile(io.RawIOBase):
    """An S3 object as a file that can be sought; every read is one ranged request.

    Args:
        etag: of the object as it was planned; empty: as it is now. Every read is of that object.

    Raises:
        ChunkingError: the object has changed.
    """

    def __init__(self, s3: S3Port, bucket: str, key: str, *, etag: str = "") -> None:
        self.at = f"s3://{bucket}/{key}"
        self._s3 = s3
        self._where = (bucket, key)
        head = s3.head_object(Bucket=bucket, Key=key)
        self.etag = str(head.get("ETag", ""))
        if etag not in ("", self.etag):
            raise changed(self.at, "it has another ETag")
        self._size = int(head["ContentLength"])
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
        span = f"bytes={self._position}-{stop - 1}"
        content = open_body(self._s3, *self._where, etag=self.etag, Range=span).read()
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
