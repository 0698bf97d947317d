"""The `Range` header of a read (RFC 9110 section 14, as S3 answers it): one range, or none.

S3 serves a single byte range; a header that it cannot read is ignored and the whole object is returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.runtime.services import ServiceError

LEAST_COPIED_FROM_BYTES: Final = 5 * 1024 * 1024

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z")
_COPIED = re.compile(r"bytes=([0-9]+)-([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes `start` to `stop - 1` of an object."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


def read_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """Find which bytes a `Range` header asks for; None for the whole object.

    Args:
        header: `bytes=0-99`, `bytes=100-` or `bytes=-100` (the last 100).

    Raises:
        ServiceError: `InvalidRange` (416) if the range begins behind the end or asks for no bytes at all.
    """
    found = _RANGE.match(header) if header else None
    if found is None or header is None:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size_bytes)
        if length == 0:
            raise _not_satisfiable(header, size_bytes)
        return ByteRange(start=size_bytes - length, stop=size_bytes)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise _not_satisfiable(header, size_bytes)
    return ByteRange(start=start, stop=min(int(last) + 1, size_bytes) if last else size_bytes)


def copied_range(asked: object, size_bytes: int) -> ByteRange:
    """Find which bytes a `CopySourceRange` asks for: all of them, if it is not given.

    "The range value must use the form bytes=first-last" (S3, API reference, `UploadPartCopy`): nothing of it may be
    left out, and both ends are within the source. "You can copy a range only if the source object is greater than
    5 MB."

    Raises:
        ServiceError: `InvalidArgument`, `InvalidRequest`.
    """
    if asked is None:
        return ByteRange(start=0, stop=size_bytes)
    found = _COPIED.fullmatch(str(asked))
    if found is None:
        raise _not_copied(
            asked,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
        )
    first, last = map(int, found.groups())
    if not first <= last < size_bytes:
        raise _not_copied(asked, f"Range specified is not valid for source object of size: {size_bytes}")
    if size_bytes <= LEAST_COPIED_FROM_BYTES:
        raise ServiceError(
            "InvalidRequest", "The specified copy source is not supported as a byte-range copy source"
        )
    return ByteRange(start=first, stop=last + 1)


def _not_copied(asked: object, why: str) -> ServiceError:
    return ServiceError(
        "InvalidArgument",
        why,
        fields={"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": str(asked)},
    )


def _not_satisfiable(header: str, size_bytes: int) -> ServiceError:
    return ServiceError(
        "InvalidRange",
        "The requested range is not satisfiable",
        416,
        fields={"ActualObjectSize": str(size_bytes), "RangeRequested": header},
    )
