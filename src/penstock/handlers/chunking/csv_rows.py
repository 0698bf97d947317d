"""The rows of a CSV chunk, and the proof that no row was cut.

1. A row is what Python's csv module makes of it. A newline inside quotes makes a row of several lines, and a
   byte range may be cut inside it. That is never silently wrong: a chunk that ends inside quotes is refused. The
   first chunk begins at a row; a chunk that begins at a row and ends at one has a neighbour that begins at one.
   So if no chunk was refused, none was cut wrongly.
2. A refused object is planned again with `plan_csv_exactly`, which reads it once to find its row boundaries.
3. A row that cannot be used (wrong number of fields, invalid UTF-8, NUL, too long) is rejected with its place and
   reason; the rows around it are read.
4. Clean blocks (no quotes, no NUL, valid UTF-8) go to the csv module whole; only others are looked at row by
   row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from penstock.errors import ChunkingError
from penstock.handlers.chunking.lines import MAXIMUM_LINE_BYTES, Block, Oversized, read_blocks
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.s3_port import S3Port

HEADER_LIMIT_BYTES: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_RAW_LIMIT: Final = 2000


class CsvFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the object is written. Line ends may be LF or CRLF."""

    delimiter: str = ","
    quote: str = '"'


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not used.

    Attributes:
        offset: of the row's first byte in the object.
        raw: the row as text, cut to 2,000 characters; bytes that are not UTF-8 are shown as `\\xNN`.
    """

    offset: int
    reason: str
    raw: str


Reject = Callable[[Rejected], None]


def read_header(s3: S3Port, chunk: ByteRange, fmt: CsvFormat | None = None) -> list[str]:
    """Read the column names: the object's first row, whatever the chunk's range.

    Raises:
        ChunkingError: the object is empty, its header is over 1 MiB, or not text.
    """
    fmt = fmt or CsvFormat()
    at = f"s3://{chunk.bucket}/{chunk.key}"
    if chunk.size_bytes == 0:
        raise ChunkingError("the object is empty: it has no header", at=at, fix="upload a file with a header")
    stop = min(HEADER_LIMIT_BYTES, chunk.size_bytes)
    content = s3.get_object(Bucket=chunk.bucket, Key=chunk.key, Range=f"bytes=0-{stop - 1}")["Body"].read()
    try:
        text = content.removeprefix(_BOM).decode("utf-8", "ignore" if stop < chunk.size_bytes else "strict")
    except UnicodeDecodeError as error:
        text = content[: error.start].removeprefix(_BOM).decode()
        if "\n" not in text:
            raise ChunkingError("the header is not UTF-8", at=at, fix="save the file as UTF-8") from error
    if "\n" not in text and stop < chunk.size_bytes:
        raise ChunkingError(
            "the header is over 1 MiB long", at=at, fix="is this a CSV file with LF line ends?"
        )
    lines = _Watched(io.StringIO(text, newline="\n"))
    header = next(csv.reader(lines, delimiter=fmt.delimiter, quotechar=fmt.quote), [])
    if lines.ended and stop < chunk.size_bytes:
        raise ChunkingError("the header does not end", at=at, fix="close the quotes in the first row")
    if "\0" in "".join(header):
        raise ChunkingError("the header has a NUL byte", at=at, fix="save the file as UTF-8 text")
    return header


class CsvChunk:
    """The rows of one chunk.

    Args:
        columns: how many fields a row must have.
        reject: told of every row that cannot be used.
        skip_header: the first row of the object is no data; it lies in the chunk that begins at 0.

    Attributes:
        saw_quotes: a quote was seen so far.
    """

    def __init__(
        self,
        s3: S3Port,
        chunk: ByteRange,
        *,
        columns: int,
        reject: Reject,
        fmt: CsvFormat | None = None,
        skip_header: bool = True,
        maximum_line_bytes: int = MAXIMUM_LINE_BYTES,
    ) -> None:
        self._s3 = s3
        self._chunk = chunk
        self._columns = columns
        self._reject = reject
        self._fmt = fmt or CsvFormat()
        self._header_ahead = skip_header and chunk.start == 0
        self._maximum_line_bytes = maximum_line_bytes
        self._place: Callable[[], tuple[int, str]] = lambda: (chunk.start, "")
        self.saw_quotes = False
        csv.field_size_limit(max(csv.field_size_limit(), 4 * maximum_line_bytes))

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the rows one by one; see `batches` for the faster way.

        Raises:
            ChunkingError: the chunk ends inside quotes, or the object has changed.
        """
        columns = self._columns
        for rows in self.batches():
            for row in rows:
                if len(row) == columns:
                    yield row
                elif row:
                    self.reject_width(row)

    def batches(self) -> Iterator[Iterator[list[str]]]:
        """Yield iterators of rows, each to be used up before the next is taken.

        A row of these may have a wrong number of fields: whoever reads it checks `len(row)`, ignores an empty row
        (an empty line), and gives any other to `reject_width`.

        Raises:
            ChunkingError: the chunk ends inside quotes, or the object has changed.
        """
        blocks = read_blocks(self._s3, self._chunk, maximum_line_bytes=self._maximum_line_bytes)
        for block in blocks:
            if isinstance(block, Oversized):
                self._reject_oversized(block)
                continue
            text = _clean_text(block, self._fmt.quote)
            if text is None:
                yield self._carefully(_Lines(block, blocks, self._reject_oversized))
                return
            yield self._quickly(block, text)

    def reject_width(self, row: list[str]) -> None:
        """Reject the row that was read last, because of its number of fields."""
        self.reject_row(f"expected {self._columns} fields, found {len(row)}")

    def reject_row(self, reason: str) -> None:
        """Reject the row that was read last, for a reason of the caller's own."""
        offset, raw = self._place()
        self._reject(Rejected(offset=offset, reason=reason, raw=raw[:_RAW_LIMIT]))

    # --- How ----------------------------------------------------------------------------------------------

    def _quickly(self, block: Block, text: str) -> Iterator[list[str]]:
        """A clean block, which the csv module reads by itself."""
        reader = csv.reader(
            io.StringIO(text, newline="\n"), delimiter=self._fmt.delimiter, quotechar=self._fmt.quote
        )
        self._place = lambda: _nth_line(block, reader.line_num)
        if self._header_ahead:
            self._header_ahead = False
            next(reader, None)
        return reader

    def _carefully(self, lines: _Lines) -> Iterator[list[str]]:
        """From a block that is not clean to the chunk's end, row by row."""
        self._place = lines.place
        reader = csv.reader(lines, delimiter=self._fmt.delimiter, quotechar=self._fmt.quote)
        quote = self._fmt.quote
        while True:
            lines.begin_row()
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if quote in "".join(lines.row) or len(lines.row) > 1:
                    raise self._refusal(f"a row with quotes cannot be read ({error})") from error
                self.reject_row(str(error))
                continue
            if lines.ended:
                raise self._cut_row()
            if self._header_ahead:
                self._header_ahead = False
                continue
            reason = _unusable(row) if lines.dirty else None
            if reason is None:
                yield row
            else:
                self.reject_row(reason)
        self.saw_quotes = self.saw_quotes or lines.saw(quote)

    def _cut_row(self) -> ChunkingError:
        if self._chunk.stop >= self._chunk.size_bytes:
            return self._refusal("the file ends inside quotes")
        return self._refusal(f"chunk {self._chunk.index} ends inside a quoted field")

    def _refusal(self, what: str) -> ChunkingError:
        offset, _ = self._place()
        return ChunkingError(
            f"{what}, so its rows cannot be told apart",
            at=f"s3://{self._chunk.bucket}/{self._chunk.key}  the row at byte {offset}",
            fix="close the quotes in the file; if quoted fields have newlines, process it with "
            "quoted_newlines=true, which finds the row boundaries first",
        )

    def _reject_oversized(self, line: Oversized) -> None:
        reason = f"the line has {line.size_bytes} bytes; at most {self._maximum_line_bytes} are read"
        self._reject(Rejected(offset=line.offset, reason=reason, raw=""))


class _Lines:
    """The lines of a chunk from a block on, for the csv module; they know the row that is being read.

    Attributes:
        row: the lines of the present row so far.
        dirty: a block of the present row has bytes that are not UTF-8, or a NUL.
        ended: the csv module asked for a line after the last one in the middle of a row.
    """

    def __init__(
        self, first: Block, rest: Iterator[Block | Oversized], on_oversized: Callable[[Oversized], None]
    ) -> None:
        self._rest = rest
        self._on_oversized = on_oversized
        self._text = ""
        self._quotes: set[str] = set()
        self._file: Iterator[str] = iter(())
        self._offset = 0  # of the line that comes next
        self.row: list[str] = []
        self._row_offset = 0
        self.dirty = False
        self.ended = False
        self._open(first)

    def begin_row(self) -> None:
        """The row before is done with."""
        if self.row:
            self._offset += sum(map(_size, self.row))
            self.row = []
        self._row_offset = self._offset

    def place(self) -> tuple[int, str]:
        """The offset and the text of the present row."""
        return self._row_offset, _shown("".join(self.row).rstrip("\r\n"))

    def saw(self, quote: str) -> bool:
        """Whether a quote stood in any of the blocks."""
        return quote in self._quotes

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while True:
            line = next(self._file, None)
            if line is not None:
                self.row.append(line)
                return line
            self._open_next()

    def _open_next(self) -> None:
        for block in self._rest:
            if isinstance(block, Block):
                if not self.row:
                    self._offset = self._row_offset = block.offset
                self._open(block)
                return
            self._on_oversized(block)
        self.ended = bool(self.row)
        raise StopIteration

    def _open(self, block: Block) -> None:
        content = block.content
        if not self.row:
            self._offset = block.offset
        if block.offset == 0 and content.startswith(_BOM):
            content = content[len(_BOM) :]
            self._offset = len(_BOM)
        try:
            text = content.decode()
            dirty = "\0" in text
        except UnicodeDecodeError:
            text = content.decode("utf-8", "surrogateescape")
            dirty = True
        self.dirty = dirty or (self.dirty and bool(self.row))
        self._quotes.update(quote for quote in "\"'" if quote in text)
        self._file = io.StringIO(text, newline="\n")


class _Watched:
    """Lines, and whether somebody asked for one after the last."""

    def __init__(self, lines: io.StringIO) -> None:
        self._lines = lines
        self.ended = False

    def __iter__(self) -> _Watched:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        return line


def _clean_text(block: Block, quote: str) -> str | None:
    """A block's text, if the csv module cannot stumble over it: no quotes, NULs, lone carriage returns."""
    content = block.content
    if quote.encode() in content or b"\0" in content:
        return None
    if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text.removeprefix("\ufeff") if block.offset == 0 else text


def _nth_line(block: Block, number: int) -> tuple[int, str]:
    """The offset and text of a block's line, counted from 1; only looked for when a row is rejected."""
    lines = block.content.split(b"\n")
    offset = block.offset + sum(len(line) + 1 for line in lines[: number - 1])
    return offset, _shown(lines[number - 1].rstrip(b"\r").decode("utf-8", "surrogateescape"))


def _unusable(row: list[str]) -> str | None:
    """Why a row of a block with doubtful bytes is rejected; None if the doubtful bytes are in other rows."""
    joined = "".join(row)
    if "\0" in joined:
        return "the row has a NUL byte"
    if any("\udc80" <= character <= "\udcff" for character in joined):
        return "the row is not UTF-8"
    return None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def _shown(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
