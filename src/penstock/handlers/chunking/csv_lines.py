"""The lines of a CSV chunk, given to the csv module one by one: where its rows begin, and whether the last one ends.

The slow and exact way, for what `csv_rows` cannot read block by block.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

from penstock.handlers.chunking.csv_header import BOM
from penstock.handlers.chunking.lines import Block, Oversized


class CsvLines:
    """The lines of a chunk from a block on; they know the row that is being read.

    Args:
        on_oversized: told of a line over the limit, and whether it stands in the middle of a row.
        begins: `first` begins the object; a byte order mark there is no part of its first row.

    Attributes:
        row: the lines of the present row so far.
        dirty: a block of the present row has bytes that are not UTF-8, or a NUL.
        ended: the csv module asked for a line after the last one in the middle of a row.
        saw_quotes: a quote stood in one of the blocks.
    """

    def __init__(
        self,
        first: Block,
        rest: Iterator[Block | Oversized],
        *,
        quote: str,
        on_oversized: Callable[[Oversized, bool], None],
        begins: bool,
    ) -> None:
        self._rest = rest
        self._quote = quote.encode()
        self._on_oversized = on_oversized
        self._file: Iterator[str] = iter(())
        self._offset = 0  # of the line that comes next
        self.row: list[str] = []
        self.row_offset = 0
        self.dirty = False
        self.ended = False
        self.saw_quotes = False
        self._open(first, begins=begins)

    def begin_row(self) -> None:
        """The row before is done with."""
        self._offset += sum(map(_size, self.row))
        self.row_offset = self._offset
        self.row.clear()

    def row_content(self) -> bytes:
        """The present row as it stands in the object."""
        return "".join(self.row).encode("utf-8", "surrogateescape")

    def __iter__(self) -> CsvLines:
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
                self._open(block)
                return
            self._on_oversized(block, bool(self.row))
        self.ended = bool(self.row)
        raise StopIteration

    def _open(self, block: Block, *, begins: bool = False) -> None:
        content = block.content
        begin = len(BOM) if begins and content.startswith(BOM) else 0
        if not self.row:
            self._offset = self.row_offset = block.offset + begin
        try:
            text = content[begin:].decode()
            dirty = b"\0" in content
        except UnicodeDecodeError:
            text = content[begin:].decode("utf-8", "surrogateescape")
            dirty = True
        self.dirty = dirty or (self.dirty and bool(self.row))
        self.saw_quotes = self.saw_quotes or self._quote in content
        self._file = io.StringIO(text, newline="\n")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
