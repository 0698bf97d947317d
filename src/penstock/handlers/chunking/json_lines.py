"""The values of a JSON Lines chunk, one for each line; empty lines are none.

A line that is not JSON, not UTF-8, nested too deeply or over the limit is rejected with its place; the lines
around it are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

from penstock.handlers.chunking.csv_header import BOM
from penstock.handlers.chunking.lines import MAXIMUM_LINE_BYTES, Block, Oversized, read_blocks
from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.rejected import Reject, rejected, rejected_oversized
from penstock.handlers.chunking.s3_port import S3Port

T = TypeVar("T")


class JsonLinesChunk(Generic[T]):
    """The values of one chunk.

    Args:
        kind: what a line is decoded into; anything that msgspec decodes.
        reject: told of every line that cannot be used.
        float_hook: makes a number with a fraction or an exponent, from its text, where `kind` does not say what it
            is; `decimal.Decimal` keeps it exact.
    """

    def __init__(
        self,
        s3: S3Port,
        chunk: ByteRange,
        kind: type[T],
        *,
        reject: Reject,
        float_hook: Callable[[str], Any] | None = None,
        maximum_line_bytes: int = MAXIMUM_LINE_BYTES,
    ) -> None:
        self._s3 = s3
        self._chunk = chunk
        self._decode = msgspec.json.Decoder(kind, float_hook=float_hook).decode
        self._reject = reject
        self._maximum_line_bytes = maximum_line_bytes
        self._last: tuple[int, bytes] = (chunk.start, b"")

    def __iter__(self) -> Iterator[T]:
        """Yield the values.

        Raises:
            ChunkingError: the object has changed since it was planned.
        """
        for block in read_blocks(self._s3, self._chunk, maximum_line_bytes=self._maximum_line_bytes):
            if isinstance(block, Oversized):
                self._reject(rejected_oversized(self._chunk, block, self._maximum_line_bytes))
            else:
                yield from self._values(block)

    def reject_value(self, reason: str) -> None:
        """Reject the line that was read last, for a reason of the caller's own."""
        offset, line = self._last
        self._reject(rejected(self._chunk, offset, reason, line))

    def _values(self, block: Block) -> Iterator[T]:
        offset = block.offset
        decode = self._decode
        for line in block.content.split(b"\n"):
            self._last = (offset, line)
            if offset == self._chunk.base == 0:
                line = line.removeprefix(BOM)
            offset += len(self._last[1]) + 1
            if not line or line.isspace():
                continue
            try:
                value = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self.reject_value(f"the line cannot be decoded: {error}")
                continue
            except RecursionError:
                self.reject_value("the line is nested too deeply")
                continue
            yield value
