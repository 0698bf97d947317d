"""Record boundaries found by reading an object once, for what cannot be cut by offset.

`plan_csv_exactly` finds the rows of a CSV object whose quoted fields have newlines. `split_gzip` unpacks a gzip
stream, which can only be read from its beginning, into pieces of whole lines. Both hold one block at a time.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator

from penstock.errors import ChunkingError
from penstock.handlers.chunking.csv_rows import CsvFormat
from penstock.handlers.chunking.lines import Oversized, read_blocks
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.s3_port import MultipartWriter, S3Port


def plan_csv_exactly(
    s3: S3Port,
    bucket: str,
    key: str,
    *,
    size_bytes: int,
    chunk_bytes: int,
    etag: str = "",
    fmt: CsvFormat | None = None,
) -> Iterator[ByteRange]:
    """Cut a CSV object where rows begin, by reading it once.

    Yields:
        Ranges of at least `chunk_bytes`, but for the last, whose edges are row boundaries.

    Raises:
        ChunkingError: the file ends inside quotes, or a row is too long to be read.
    """
    fmt = fmt or CsvFormat()
    whole = ByteRange(
        index=0,
        bucket=bucket,
        key=key,
        start=0,
        stop=size_bytes,
        size_bytes=size_bytes,
        etag=etag,
        exact=True,
    )
    lines = _CountedLines(s3, whole)
    reader = csv.reader(lines, delimiter=fmt.delimiter, quotechar=fmt.quote)
    csv.field_size_limit(max(csv.field_size_limit(), 64 << 20))
    index, start = 0, 0
    while True:
        lines.in_row = False
        try:
            next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if lines.quoted:
                raise _unreadable(whole, str(error)) from error
        if lines.ended_in_row:
            raise _unreadable(whole, "the file ends inside quotes")
        if lines.offset - start >= chunk_bytes:
            yield _exact(whole, index, start, lines.offset)
            index, start = index + 1, lines.offset
    if start < size_bytes:
        yield _exact(whole, index, start, size_bytes)


def split_gzip(
    s3: S3Port, bucket: str, key: str, *, piece_bytes: int, to_bucket: str, to_prefix: str
) -> Iterator[ByteRange]:
    """Unpack a gzip object into objects of whole lines under `to_prefix`, and plan a chunk for each.

    A gzip stream cannot be entered in its middle; this is the one pass over it. Pieces have at least `piece_bytes`
    of unpacked content, but for the last; the first one has the header, where there is one. The same object gives
    the same pieces under the same keys, so doing it again is harmless.

    Raises:
        ChunkingError: the object is not gzip, or is cut off.
    """
    index = 0
    pending = bytearray()
    for content in _unpacked(s3, bucket, key):
        pending += content
        while len(pending) >= piece_bytes:
            cut = pending.find(b"\n", piece_bytes - 1) + 1
            if not cut:
                break
            yield _write_piece(s3, to_bucket, f"{to_prefix}{index:08d}", index, bytes(pending[:cut]))
            del pending[:cut]
            index += 1
    if pending or index == 0:
        yield _write_piece(s3, to_bucket, f"{to_prefix}{index:08d}", index, bytes(pending))


class _CountedLines:
    """The lines of a whole object, and the offset behind the one that was given last."""

    def __init__(self, s3: S3Port, whole: ByteRange) -> None:
        self._lines = self._read(s3, whole)
        self.offset = 0
        self.in_row = False
        self.quoted = False
        self.ended_in_row = False

    def __iter__(self) -> _CountedLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended_in_row = self.in_row
            raise StopIteration
        self.in_row = True
        self.quoted = b'"' in line
        self.offset += len(line)
        return line.decode("utf-8", "surrogateescape")

    def _read(self, s3: S3Port, whole: ByteRange) -> Iterator[bytes]:
        for block in read_blocks(s3, whole):
            if isinstance(block, Oversized):
                self.offset += block.size_bytes
            else:
                yield from (
                    block.content.splitlines(keepends=True)
                    if b"\r" not in block.content
                    else _by_feed(block.content)
                )


def _by_feed(content: bytes) -> Iterator[bytes]:
    lines = content.split(b"\n")
    for line in lines[:-1]:
        yield line + b"\n"
    if lines[-1]:
        yield lines[-1]


def _exact(whole: ByteRange, index: int, start: int, stop: int) -> ByteRange:
    return ByteRange(
        index=index,
        bucket=whole.bucket,
        key=whole.key,
        start=start,
        stop=stop,
        size_bytes=whole.size_bytes,
        etag=whole.etag,
        exact=True,
    )


def _unpacked(s3: S3Port, bucket: str, key: str) -> Iterator[bytes]:
    """The content of all members of a gzip object."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    member = zlib.decompressobj(wbits=31)
    begun = False
    try:
        while packed := body.read(1 << 18):
            while packed:
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
                begun = True
                content = member.decompress(packed, 1 << 22)
                packed = member.unconsumed_tail or member.unused_data
                if member.eof and not packed.strip(b"\0"):
                    packed = b""  # padding behind the last member
                if content:
                    yield content
    except zlib.error as error:
        raise ChunkingError(f"the object is not gzip: {error}", at=f"s3://{bucket}/{key}") from error
    finally:
        body.close()
    if begun and not member.eof:
        raise ChunkingError(
            "the gzip stream is cut off", at=f"s3://{bucket}/{key}", fix="upload the whole file again"
        )


def _write_piece(s3: S3Port, bucket: str, key: str, index: int, content: bytes) -> ByteRange:
    writer = MultipartWriter(s3, bucket, key)
    writer.write(content)
    writer.close()
    return ByteRange(
        index=index,
        bucket=bucket,
        key=key,
        start=0,
        stop=len(content),
        size_bytes=len(content),
        exact=True,
    )


def _unreadable(whole: ByteRange, reason: str) -> ChunkingError:
    return ChunkingError(
        f"the rows cannot be told apart: {reason}",
        at=f"s3://{whole.bucket}/{whole.key}",
        fix="close the quotes in the file",
    )
