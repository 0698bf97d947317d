"""The records of a feed, as the stream can take them: what it cannot is told of with its place in the file.

Nothing is put here: the run's clock needs the first record's time, and its feeder all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from penstock.errors import UsageError
from penstock.pipelines import Feed, TimedRecord
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.streams import NewRecord, checked

_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LAST: Final = datetime(9998, 12, 31, tzinfo=UTC).timestamp()
"""Times that have a date, with room for what happens after the last record."""


def fed_records(feed: Feed, path: Path) -> Iterator[TimedRecord]:
    """The records of a file, each one checked.

    Raises:
        UsageError: Kinesis would not take one (its size, its partition key), or its time is none.
    """
    for number, record in enumerate(feed.records(path), 1):
        try:
            checked(NewRecord(record.data, record.partition_key))
        except ServiceError as error:
            raise _refused(path, number, error.message) from error
        if not math.isfinite(record.at) or not _FIRST <= record.at <= _LAST:
            raise _refused(path, number, f"its time is {record.at!r} seconds after 1970")
        yield record


def _refused(path: Path, number: int, why: str) -> UsageError:
    return UsageError(
        f"record {number} of the input cannot be put into the stream: {why}",
        at=str(path),
        fix="mend the record, or leave it out where the feed reads the file",
    )
