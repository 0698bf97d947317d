"""Record boundaries found by reading an object once, for what cannot be cut by offset.

`plan_csv_exactly` finds the rows of a CSV object whose quoted fields have newlines. `split_gzip` unpacks a gzip
stream, which can only be read from its beginning, into pieces of whole lines or rows. Both hold one block at a time.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Generator, Iterator

from penstock.errors import ChunkingError
from penstock.handlers.chunking.csv_header import CsvFormat
from penstock.handlers.chunking.lines import MAXIMUM_LINE_BYTES, Oversized, read_blocks
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.s3_port import MultipartWriter, S3Port, open_body


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
        ChunkingError: the file ends inside quotes, or a line with quotes is too long to be read.
    """
    fmt = fmt or CsvFormat()
    index, start = 0, 0

    def cut(begin: int, stop: int) -> ByteRange:
        return ByteRange(
            index=index,
            bucket=bucket,
            key=key,
            start=begin,
            stop=stop,
            size_bytes=size_bytes,
            etag=etag,
            exact=True,
        )

    for end in _row_ends(_lines(s3, cut(0, size_bytes), fmt), fmt, f"s3://{bucket}/{key}"):
        if end - start >= chunk_bytes:
            yield cut(start, end)
            index, start = index + 1, end
    if start < size_bytes:
        yield cut(start, size_bytes)


def split_gzip(
    s3: S3Port,
    bucket: str,
    key: str,
    *,
    piece_bytes: int,
    to_bucket: str,
    to_prefix: str,
    etag: str = "",
    rows: CsvFormat | None = None,
) -> Iterator[ByteRange]:
    """Unpack a gzip object into objects of whole records under `to_prefix`, and plan a chunk for each.

    A gzip stream cannot be entered in its middle; this is the one pass over it. Pieces have at least `piece_bytes`
    of unpacked content, but for the last; the first one has the header, where there is one. The same object gives
    the same pieces under the same keys, so doing it again is harmless.

    Args:
        rows: cut only where rows of CSV in this format begin, since quoted fields may have newlines; None: at any
            line feed.

    Raises:
        ChunkingError: the object is not gzip, is cut off, or has changed; its rows cannot be told apart.
    """
    at = f"s3://{bucket}/{key}"
    contents = _unpacked(s3, bucket, key, etag)
    pieces = _Pieces(s3, to_bucket, to_prefix)
    try:
        if rows is None:
            yield from _cut_at_lines(contents, pieces, piece_bytes)
        else:
            for _ in _row_ends(_kept(_whole_lines(contents, at), pieces), rows, at):
                if pieces.size_bytes >= piece_bytes:
                    yield pieces.finish()
        if pieces.size_bytes or pieces.index == 0:
            yield pieces.finish()
    except BaseException:
        pieces.abandon()
        raise


def unpacked_beginning(s3: S3Port, bucket: str, key: str, etag: str, limit_bytes: int) -> tuple[bytes, bool]:
    """The first `limit_bytes` of a gzip object's content, of all its members, and whether that is all of it.

    Raises:
        ChunkingError: the object is not gzip, or is cut off.
    """
    found = bytearray()
    contents = _unpacked(s3, bucket, key, etag)
    for content in contents:
        found += content
        if len(found) > limit_bytes:
            contents.close()
            return bytes(found[:limit_bytes]), False
    return bytes(found), True


# --- Where rows end ---------------------------------------------------------------------------------------


def _row_ends(lines: Iterator[bytes | Oversized], fmt: CsvFormat, at: str) -> Iterator[int]:
    """The offsets behind the rows of a whole stream.

    Whether the rows are good is no concern here: whoever reads them checks them again.
    """
    counted = _CountedLines(lines, at)
    reader = csv.reader(counted, delimiter=fmt.delimiter, quotechar=fmt.quote)
    csv.field_size_limit(max(csv.field_size_limit(), MAXIMUM_LINE_BYTES))
    while True:
        counted.row_lines = 0
        try:
            next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if counted.row_lines > 1 or fmt.quote.encode() in counted.last:
                raise _unreadable(at, str(error)) from error
        if counted.ended_in_row:
            raise _unreadable(at, "it ends inside quotes")
        yield counted.offset


class _CountedLines:
    """Lines for the csv module, and the offset behind the one that was given last."""

    def __init__(self, lines: Iterator[bytes | Oversized], at: str) -> None:
        self._lines = lines
        self._at = at
        self.offset = 0
        self.row_lines = 0
        self.last = b""
        self.ended_in_row = False

    def __iter__(self) -> _CountedLines:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            if isinstance(line, bytes):
                self.row_lines += 1
                self.last = line
                self.offset += len(line)
                return line.decode("utf-8", "surrogateescape")
            if line.marked or self.row_lines:
                raise _unreadable(self._at, f"the line at byte {line.offset} has {line.size_bytes} bytes")
            self.offset += line.size_bytes
        self.ended_in_row = self.row_lines > 0
        raise StopIteration


def _lines(s3: S3Port, whole: ByteRange, fmt: CsvFormat) -> Iterator[bytes | Oversized]:
    for block in read_blocks(s3, whole, mark=fmt.quote.encode()):
        if isinstance(block, Oversized):
            yield block
        else:
            yield from _split(block.content)


def _whole_lines(contents: Iterator[bytes], at: str) -> Iterator[bytes]:
    held = b""
    for content in contents:
        content = held + content
        end = content.rfind(b"\n") + 1
        yield from _split(content[:end])
        held = content[end:]
        if len(held) > MAXIMUM_LINE_BYTES:
            raise _unreadable(at, f"a line has more than {MAXIMUM_LINE_BYTES} bytes")
    if held:
        yield held


def _split(content: bytes) -> Iterator[bytes]:
    *lines, last = content.split(b"\n")
    for line in lines:
        yield line + b"\n"
    if last:
        yield last


def _unreadable(at: str, reason: str) -> ChunkingError:
    return ChunkingError(
        f"the rows cannot be told apart: {reason}",
        at=at,
        fix="close the quotes in the file, or unpack it first",
    )


# --- Pieces of a gzip stream ------------------------------------------------------------------------------


class _Pieces:
    """Writes one object after another, each in constant memory."""

    def __init__(self, s3: S3Port, bucket: str, prefix: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self.index = 0
        self._base = 0
        self.size_bytes = 0
        self._writer = self._begin()

    def write(self, content: bytes) -> None:
        """Append to the present piece."""
        self._writer.write(content)
        self.size_bytes += len(content)

    def finish(self) -> ByteRange:
        """Make the present piece visible, and begin the next one."""
        self._writer.close()
        piece = ByteRange(
            index=self.index,
            bucket=self._bucket,
            key=self._key(),
            start=0,
            stop=self.size_bytes,
            size_bytes=self.size_bytes,
            exact=True,
            base=self._base,
        )
        self.index += 1
        self._base += self.size_bytes
        self.size_bytes = 0
        self._writer = self._begin()
        return piece

    def abandon(self) -> None:
        """Leave nothing of the present piece behind."""
        self._writer.abandon()

    def _begin(self) -> MultipartWriter:
        return MultipartWriter(self._s3, self._bucket, self._key())

    def _key(self) -> str:
        return f"{self._prefix}{self.index:08d}"


def _cut_at_lines(contents: Iterator[bytes], pieces: _Pieces, piece_bytes: int) -> Iterator[ByteRange]:
    for content in contents:
        while True:
            cut = content.find(b"\n", max(piece_bytes - pieces.size_bytes - 1, 0)) + 1
            if not cut:
                pieces.write(content)
                break
            pieces.write(content[:cut])
            yield pieces.finish()
            content = content[cut:]


def _kept(lines: Iterator[bytes], pieces: _Pieces) -> Iterator[bytes]:
    """The lines, each written before it is given."""
    for line in lines:
        pieces.write(line)
        yield line


def _unpacked(s3: S3Port, bucket: str, key: str, etag: str) -> Generator[bytes]:
    """The content of all members of a gzip object."""
    body = open_body(s3, bucket, key, etag=etag)
    member = zlib.decompressobj(wbits=31)
    begun = False
    try:
        while packed := body.read(1 << 18):
            while packed:
                if member.eof:
                    packed = packed.lstrip(b"\0")  # padding behind a member
                    if not packed:
                        break
                    member = zlib.decompressobj(wbits=31)
                begun = True
                content = member.decompress(packed, 1 << 20)
                packed = member.unconsumed_tail or member.unused_data
                if content:
                    yield content
    except zlib.error as error:
        raise ChunkingError(
            f"the object is not gzip, or spoiled: {error}",
            at=f"s3://{bucket}/{key}",
            fix="upload the whole file again; the name of one that is not packed does not end with .gz",
        ) from error
    finally:
        body.close()
    if begun and not member.eof:
        raise ChunkingError(
            "the gzip stream is cut off", at=f"s3://{bucket}/{key}", fix="upload the whole file again"
        )
