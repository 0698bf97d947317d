"""Objects of items that are compressed ("ItemReader (Map)": "external compression types: GZIP, ZSTD").

What an object is shows its first bytes, not its name: no text of items begins like that.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Final

from penstock.errors import ItemFormatError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_PIECE_BYTES: Final = 1 << 20


def uncompressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The content of an object, of one member or frame or of several.

    Raises:
        ItemFormatError: it is damaged, or needs a package that is not there.
    """
    whole = iter(pieces)
    first = b""
    while len(first) < len(_ZSTD):
        piece = next(whole, None)
        if piece is None:
            break
        first += piece
    rest = chain((first,), whole)
    if first.startswith(_GZIP):
        yield from _gunzipped(rest)
    elif first.startswith(_ZSTD):
        yield from _of_zstd(rest)
    else:
        yield from rest


def _gunzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(31)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if unzip.eof:
                    unzip = zlib.decompressobj(31)
                yield unzip.decompress(rest)
                rest = unzip.unused_data
    except zlib.error as error:
        raise ItemFormatError("The object is not gzip throughout.") from error
    if not unzip.eof:
        raise ItemFormatError("The object's gzip is cut off.")


def _of_zstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        from pyarrow import ArrowException, CompressedInputStream
    except ImportError as error:
        raise ItemFormatError(
            "reading objects that are compressed with zstd needs pyarrow",
            fix="pip install 'penstock[parquet]', or compress with gzip",
        ) from error
    try:
        with CompressedInputStream(_File(pieces), "zstd") as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
    except (ArrowException, OSError) as error:
        raise ItemFormatError(f"The object is not zstd throughout: {error}") from error


class _File(io.RawIOBase):
    """Pieces as a file that is read from its beginning to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        if not self._held:
            self._held = next(self._pieces, b"")
        part, self._held = self._held[: len(room)], self._held[len(room) :]
        room[: len(part)] = part
        return len(part)
