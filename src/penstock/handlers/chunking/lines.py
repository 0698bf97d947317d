"""The whole lines that begin in a byte range, in blocks of constant size.

1. A line begins at byte 0 and after every line feed. It belongs to the range in which it begins, and is read to
   its end even where that lies behind the range. So the ranges of an object give every line exactly once.
2. No more is held than a block and the line that is not complete yet. A line over the limit is not held: it is
   skipped, and reported with its place and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from penstock.handlers.chunking.plan import ByteRange
from penstock.handlers.chunking.s3_port import S3Port, open_body

BLOCK_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 1 << 16
MAXIMUM_LINE_BYTES: Final = 16 << 20


class Block(msgspec.Struct, frozen=True):
    """Whole lines, as they stand in the object from `offset` on. Only the object's last line may lack its end."""

    offset: int
    content: bytes


class Oversized(msgspec.Struct, frozen=True):
    """A line that is longer than the limit, with its place; `size_bytes` counts its line feed.

    Attributes:
        marked: the mark that was looked for stands in it.
    """

    offset: int
    size_bytes: int
    marked: bool = False


def read_blocks(
    s3: S3Port,
    chunk: ByteRange,
    *,
    block_bytes: int = BLOCK_BYTES,
    maximum_line_bytes: int = MAXIMUM_LINE_BYTES,
    mark: bytes = b"\0",
) -> Iterator[Block | Oversized]:
    """Read the lines that begin in a chunk.

    Args:
        maximum_line_bytes: with the line feed; which lines are over it does not depend on how they are read.
        mark: a byte that is looked for in lines over the limit, since nobody else will see them.

    Raises:
        ChunkingError: the object has changed since it was planned.
    """
    if chunk.start >= chunk.stop:
        return
    begin = chunk.start if chunk.exact or chunk.start == 0 else chunk.start - 1
    aligned = begin == chunk.start
    position = begin  # of the first byte in `held`
    held = b""
    skipped, marked = (
        0,
        False,
    )  # how much of an oversized line is behind us already, and whether with the mark
    # A line over the limit is longer than a piece, so only the first one of `held` can be one.
    for piece in _pieces(s3, chunk, begin, min(block_bytes, maximum_line_bytes)):
        if not aligned:
            cut = piece.find(b"\n")
            if cut < 0 or position + cut + 1 >= chunk.stop:
                position += len(piece)
                if cut >= 0 or position >= chunk.stop:
                    return
                continue
            aligned = True
            position += cut + 1
            piece = piece[cut + 1 :]
        held = held + piece if held else piece
        if skipped or len(held) > maximum_line_bytes:
            cut = held.find(b"\n") + 1
            if skipped + (cut or len(held)) > maximum_line_bytes:
                end = cut or len(held)
                skipped, marked = skipped + end, marked or mark in held[:end]
                held = held[end:]
                if not cut:
                    continue
                yield Oversized(position, skipped, marked)
                position += skipped
                skipped, marked = 0, False
                if position >= chunk.stop:
                    return
        # The lines that begin before the chunk's stop: up to the first line feed at or after its last byte.
        last = chunk.stop - 1 - position
        if last < len(held):
            end = held.find(b"\n", max(last, 0)) + 1
            if end:
                yield Block(position, held[:end])
                return
        end = held.rfind(b"\n") + 1
        if end:
            yield Block(position, held[:end])
            position += end
            held = held[end:]
    if skipped:
        yield Oversized(position, skipped, marked)
    elif held:
        yield Block(position, held)


def _pieces(s3: S3Port, chunk: ByteRange, begin: int, block_bytes: int) -> Iterator[bytes]:
    """The object's bytes from `begin`: the chunk and a little more, then more and more of what follows it."""
    until = chunk.stop if chunk.exact else min(chunk.stop + TAIL_BYTES, chunk.size_bytes)
    more = TAIL_BYTES
    while begin < until:
        body = open_body(s3, chunk.bucket, chunk.key, etag=chunk.etag, Range=f"bytes={begin}-{until - 1}")
        try:
            while piece := body.read(block_bytes):
                begin += len(piece)
                yield piece
        finally:
            body.close()
        if chunk.exact:
            return
        more = min(more * 4, 8 << 20)
        until = min(until + more, chunk.size_bytes)
