"""The rows of a CSV chunk, and the proof that no row was cut.

1. A row is what Python's csv module makes of it. A newline inside quotes makes a row of several lines, and a
   byte range may be cut inside it. That is never silently wrong: a chunk that ends inside quotes is refused. The
   first chunk begins at a row; a chunk that begins at a row and ends at one has a neighbour that begins at one.
   So if no chunk was refused, none was cut wrongly.
2. A refused object is planned again with `plan_csv_exactly`, which reads it once to find its row boundaries.
3. A row that cannot be used (wrong number of fields, invalid UTF-8, NUL, too long) is rejected with its place and
   reason; the rows around it are read. A line over the limit is not seen by the csv module; so if it has a quote
   or stands inside of quotes, the chunk is refused.
4. Clean blocks (no quotes, no NUL, valid UTF-8) go to the csv module whole. From any other block on, the chunk is
   read row by row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import accumulate

from penstock.errors import ChunkingError
from penstock.handlers.chunking.csv_header import CsvFormat
from penstock.handlers.chunking.csv_lines import CsvLines
from penstock.handlers.chunking.lines import MAXIMUM_LINE_BYTES, Block, Oversized, read_blocks
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.rejected import Reject, rejected, rejected_oversized
from penstock.handlers.chunking.s3_port import S3Port


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
        self._header_ahead = skip_header and chunk.start == chunk.base == 0
        self._maximum_line_bytes = maximum_line_bytes
        self._place: Callable[[], tuple[int, bytes]] = lambda: (chunk.start, b"")
        self.saw_quotes = False
        csv.field_size_limit(max(csv.field_size_limit(), maximum_line_bytes))

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
        quote = self._fmt.quote
        limit = self._maximum_line_bytes
        blocks = read_blocks(self._s3, self._chunk, maximum_line_bytes=limit, mark=quote.encode())
        for block in blocks:
            if isinstance(block, Oversized):
                self._skip(block, False)
                continue
            rows = self._quickly(block)
            if rows is None:
                yield self._carefully(self._lines(block, blocks))
                return
            yield rows

    def reject_width(self, row: list[str]) -> None:
        """Reject the row that was read last, because of its number of fields."""
        self.reject_row(f"expected {self._columns} fields, found {len(row)}")

    def reject_row(self, reason: str) -> None:
        """Reject the row that was read last, for a reason of the caller's own."""
        offset, raw = self._place()
        self._reject(rejected(self._chunk, offset, reason, raw))

    # --- How ----------------------------------------------------------------------------------------------

    def _quickly(self, block: Block) -> Iterator[list[str]] | None:
        """The rows of a block that the csv module cannot stumble over; None if this is none."""
        text = _clean_text(block, self._fmt.quote, begins=self._begins(block))
        if text is None:
            return None
        reader = csv.reader(
            io.StringIO(text, newline="\n"), delimiter=self._fmt.delimiter, quotechar=self._fmt.quote
        )
        lines = _NumberedLines(block)
        self._place = lambda: lines.at(reader.line_num - 1)
        if self._header_ahead:
            self._header_ahead = False
            next(reader, None)
        return reader

    def _begins(self, block: Block) -> bool:
        """Whether a block begins the object, and not only a piece that was unpacked of it."""
        return block.offset == self._chunk.base == 0

    def _lines(self, first: Block, rest: Iterator[Block | Oversized]) -> CsvLines:
        return CsvLines(
            first, rest, quote=self._fmt.quote, on_oversized=self._skip, begins=self._begins(first)
        )

    def _carefully(self, lines: CsvLines) -> Iterator[list[str]]:
        """From a block that is not clean to the chunk's end, row by row."""
        self._place = lambda: (lines.row_offset, lines.row_content())
        reader = csv.reader(lines, delimiter=self._fmt.delimiter, quotechar=self._fmt.quote)
        while True:
            lines.begin_row()
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if self._fmt.quote in "".join(lines.row):
                    what = f"a row with quotes cannot be read ({error})"
                    raise self._refusal(what, lines.row_offset) from error
                self._header_ahead = False
                self.reject_row(str(error))
                continue
            if lines.ended:
                raise self._refusal(self._cut(), lines.row_offset)
            if self._header_ahead:
                self._header_ahead = False
                continue
            reason = _unusable(row) if lines.dirty else None
            if reason is None:
                yield row
            else:
                self.reject_row(reason)
        self.saw_quotes = self.saw_quotes or lines.saw_quotes

    def _skip(self, line: Oversized, in_row: bool) -> None:
        if line.marked or in_row:
            what = (
                f"a line of {line.size_bytes} bytes, of which at most {self._maximum_line_bytes} are read, "
            )
            raise self._refusal(what + ("stands inside quotes" if in_row else "has quotes"), line.offset)
        self._header_ahead = False
        self._reject(rejected_oversized(self._chunk, line, self._maximum_line_bytes))

    def _cut(self) -> str:
        if self._chunk.stop >= self._chunk.size_bytes:
            return "the object ends inside quotes"
        return f"chunk {self._chunk.index} ends inside a quoted field"

    def _refusal(self, what: str, offset: int) -> ChunkingError:
        return ChunkingError(
            f"{what}, so its rows cannot be told apart",
            at=f"s3://{self._chunk.bucket}/{self._chunk.key}  the row at byte {offset}",
            fix="close the quotes in the file; if quoted fields have newlines, process it with "
            "quoted_newlines=true, which finds the row boundaries first",
        )


class _NumberedLines:
    """Where the lines of a block stand; worked out when the first of them is rejected."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._begins: list[int] = []

    def at(self, number: int) -> tuple[int, bytes]:
        """The offset in the object and the content of the line with this number, from 0."""
        content = self._block.content
        if not self._begins:
            self._begins = [0, *accumulate(map(len, io.BytesIO(content)))]
        begin, end = self._begins[number : number + 2]
        return self._block.offset + begin, content[begin:end]


def _clean_text(block: Block, quote: str, *, begins: bool) -> str | None:
    """A block's text, if it has no quotes, NULs or lone carriage returns, and is UTF-8.

    Args:
        begins: the block begins the object; a byte order mark there is no part of the text.
    """
    content = block.content
    if quote.encode() in content or b"\0" in content:
        return None
    if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text.removeprefix("\ufeff") if begins else text


def _unusable(row: list[str]) -> str | None:
    """Why a row of a block with doubtful bytes is rejected; None if the doubtful bytes are in other rows."""
    joined = "".join(row)
    if "\0" in joined:
        return "the row has a NUL byte"
    if any("\udc80" <= character <= "\udcff" for character in joined):
        return "the row is not UTF-8"
    return None
