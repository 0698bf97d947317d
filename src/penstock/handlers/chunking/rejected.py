"""A record that was not used: where it stands, why, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from penstock.handlers.chunking.lines import Oversized
from penstock.handlers.chunking.plan import ByteRange

RAW_LIMIT: Final = 2000


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was not used.

    Attributes:
        offset: of the record's first byte in the object; for a piece of a gzip stream, in the unpacked stream.
        raw: the record as text, cut to 2,000 characters; bytes that are not UTF-8 are shown as `\\xNN`.
    """

    offset: int
    reason: str
    raw: str


Reject = Callable[[Rejected], None]


def rejected(chunk: ByteRange, offset: int, reason: str, raw: bytes) -> Rejected:
    """The record at `offset` of the chunk's object, without its line end."""
    shown = raw[: 4 * RAW_LIMIT].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    return Rejected(offset=chunk.base + offset, reason=reason, raw=shown[:RAW_LIMIT])


def rejected_oversized(chunk: ByteRange, line: Oversized, maximum_line_bytes: int) -> Rejected:
    """A line over the limit; it was not kept, so it cannot be shown."""
    reason = f"the line has {line.size_bytes} bytes; at most {maximum_line_bytes} are read"
    return rejected(chunk, line.offset, reason, b"")
