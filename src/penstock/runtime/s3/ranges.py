"""The `Range` header of a read (RFC 9110 section 14, as S3 answers it): one range, or none.

S3 serves a single byte range; a header that it cannot read is ignored and the whole object is returned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.runtime.services import ServiceError

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z")


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


def _not_satisfiable(header: str, size_bytes: int) -> ServiceError:
    return ServiceError(
        "InvalidRange",
        "The requested range is not satisfiable",
        416,
        fields={"ActualObjectSize": str(size_bytes), "RangeRequested": header},
    )
