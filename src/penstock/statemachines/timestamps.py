"""Timestamps of the States Language: RFC 3339 with a capital T and a capital Z or an offset.

Pure text to numbers; no clock.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

# Java's ISO_OFFSET_DATE_TIME, which AWS's messages name: seconds may be left out, nanoseconds are kept.
# An offset is at most 18 hours there.
_SHAPE = re.compile(
    r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})", re.ASCII
)


class Instant(NamedTuple):
    """A point in time: whole epoch seconds and nanoseconds. Instants compare in time order."""

    seconds: int
    nanoseconds: int

    @property
    def epoch_seconds(self) -> float:
        return self.seconds + self.nanoseconds / 1e9


def parse_timestamp(text: object) -> Instant | None:
    """The instant, or None if the value is no timestamp in the extended offset date-time format."""
    if not isinstance(text, str):
        return None
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        return None
    date, minutes, seconds, fraction, offset = shape.groups()
    if offset != "Z" and offset[1:] > "18:00":
        return None
    zone = "+00:00" if offset == "Z" else offset
    try:
        moment = datetime.fromisoformat(f"{date}T{minutes}:{seconds or '00'}{zone}")
    except ValueError:
        return None
    nanoseconds = int((fraction or "").ljust(9, "0"))
    return Instant(int(moment.timestamp()), nanoseconds)
