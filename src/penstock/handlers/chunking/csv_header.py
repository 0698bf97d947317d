"""The first row of a CSV object, which names its columns: read from the object's beginning alone."""

from __future__ import annotations

import csv
import io
from typing import Final

import msgspec

from penstock.errors import ChunkingError
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.s3_port import S3Port

HEADER_LIMIT_BYTES: Final = 1 << 20
BOM: Final = b"\xef\xbb\xbf"


class CsvFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the object is written. Line ends may be LF or CRLF."""

    delimiter: str = ","
    quote: str = '"'


def read_header(s3: S3Port, chunk: ByteRange, fmt: CsvFormat | None = None) -> list[str]:
    """Read the column names: the object's first row, whatever the chunk's range.

    Raises:
        ChunkingError: see `header_of`; or the object is empty.
    """
    at = f"s3://{chunk.bucket}/{chunk.key}"
    if chunk.size_bytes == 0:
        raise ChunkingError("the object is empty: it has no header", at=at, fix="upload a file with a header")
    stop = min(HEADER_LIMIT_BYTES, chunk.size_bytes)
    content = s3.get_object(Bucket=chunk.bucket, Key=chunk.key, Range=f"bytes=0-{stop - 1}")["Body"].read()
    return header_of(content, complete=stop == chunk.size_bytes, at=at, fmt=fmt)


def header_of(content: bytes, *, complete: bool, at: str, fmt: CsvFormat | None = None) -> list[str]:
    """The column names at the beginning of a file.

    Args:
        complete: `content` is the whole file, not only its beginning.

    Raises:
        ChunkingError: the header does not end in `content`, or is not text, or its quotes are not closed.
    """
    fmt = fmt or CsvFormat()
    if not complete:
        content = content[: content.rfind(b"\n") + 1]
        if not content:
            fix = "is this a CSV file with LF line ends?"
            raise ChunkingError("no line of the file ends in its first megabyte", at=at, fix=fix)
    content = content.removeprefix(BOM)
    if not content:
        raise ChunkingError("the file has no header", at=at, fix="the first row names the columns")
    lines = _Lines(io.BytesIO(content))
    try:
        header = next(csv.reader(lines, delimiter=fmt.delimiter, quotechar=fmt.quote), [])
    except UnicodeDecodeError as error:
        raise ChunkingError("the header is not UTF-8", at=at, fix="save the file as UTF-8") from error
    except csv.Error as error:
        raise ChunkingError(
            f"the header cannot be read ({error})", at=at, fix="save the file with LF or CRLF line ends"
        ) from error
    if lines.ended:
        raise ChunkingError("the header does not end", at=at, fix="close the quotes in the first row")
    if "\0" in "".join(header):
        raise ChunkingError("the header has a NUL byte", at=at, fix="save the file as UTF-8 text")
    return header


class _Lines:
    """The lines of a header, and whether somebody asked for one after the last."""

    def __init__(self, lines: io.BytesIO) -> None:
        self._lines = lines
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        return line.decode()
