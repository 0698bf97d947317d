"""The records of a feed, as the stream can take them: what it cannot is told of with its place in the file.

1. Nothing is put here: the run's clock needs the first record's time, and its feeder all of them.
2. A record that no function can decode is put all the same: what becomes of it is the mapping's matter. A file of
   which no record can be decoded is another file than the one that was meant.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args, get_origin

from penstock.errors import DecodeError, PenstockError, UsageError
from penstock.handlers.opening import opener
from penstock.handlers.packing import PartlyOpened
from penstock.handlers.records import KinesisRecord
from penstock.handlers.spec import HandlerSpec, Source
from penstock.pipelines import Feed, Pipeline, StreamMapping, TimedRecord
from penstock.pipelines.imports import handler_of
from penstock.runtime.services import ServiceError
from penstock.runtime.streams.streams import NewRecord, checked

_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC).timestamp()
_LAST: Final = datetime(9998, 12, 31, tzinfo=UTC).timestamp()
"""Times that have a date, with room for what happens after the last record."""


def fed_records(feed: Feed, path: Path) -> Iterator[TimedRecord]:
    """The records of a file, each one checked.

    Raises:
        UsageError: the feed's reader fails; Kinesis would not take one (its size, its partition key), or its time is
            none.
    """
    found = _read(feed, path)
    for number, record in enumerate(found, 1):
        try:
            checked(NewRecord(record.data, record.partition_key))
        except ServiceError as error:
            raise _refused(path, number, record, error.message) from error
        if not math.isfinite(record.at) or not _FIRST <= record.at <= _LAST:
            raise _refused(path, number, record, f"its time is {record.at!r} seconds after 1970")
        yield record


def check_fed_file(pipeline: Pipeline, path: Path) -> None:
    """Look whether a file is one for this pipeline's feed, before anything of a run exists.

    It is read up to the first record that a function of the stream's mappings can decode. Where none of these
    functions is a decorated handler, nothing says what a record is, and every one is right.

    Raises:
        UsageError: it has no record, or none that can be decoded; or as `fed_records`.
    """
    feed = pipeline.feed
    if feed is None:
        return
    readers = _readers(pipeline, feed)
    first: tuple[TimedRecord, str] | None = None
    count = 0
    for record in fed_records(feed, path):
        count += 1
        words = [reader.refuses(record) for reader in readers]
        if not words or None in words:
            return
        first = first or (record, str(words[0]))
    told = f"records of {readers[0].called}" if readers else "records"
    fix = f"name a file of {told}" + (readers[0].members if readers else "")
    if first is None:
        raise UsageError("the input has no records", at=str(path), fix=fix)
    whole = f"none of the input's {count:,} records can" if count > 1 else "the input's only record cannot"
    raise UsageError(
        f"{whole} be read as {readers[0].called}; the first: {first[1]}",
        at=_place(path, first[0]),
        fix=fix,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """What one handler takes a record for."""

    spec: HandlerSpec
    open: Callable[[dict[str, object]], object]

    @property
    def payload(self) -> object:
        """The type of the data itself."""
        payload = self.spec.payload
        return get_args(payload)[0] if get_origin(payload) is KinesisRecord else payload

    @property
    def called(self) -> str:
        return str(getattr(self.payload, "__name__", self.payload))

    @property
    def members(self) -> str:
        """The names of the members, in words; empty for a type that has none."""
        for attribute in (
            "__struct_encode_fields__",
            "__dataclass_fields__",
            "model_fields",
            "__annotations__",
        ):
            if names := getattr(self.payload, attribute, None):
                return f": JSON objects with {', '.join(names)}"
        return ""

    def refuses(self, record: TimedRecord) -> str | None:
        """What is wrong with a record; None if it can be decoded."""
        given: dict[str, object] = {
            "eventID": "shardId-000000000000:0",
            "eventSourceARN": "",
            "kinesis": {
                "partitionKey": record.partition_key,
                "sequenceNumber": "0",
                "data": b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.at,
            },
        }
        try:
            opened = self.open(given)
            if isinstance(opened, PartlyOpened):
                return opened.refused[0].error.what
        except DecodeError as error:
            return error.what
        except Exception as error:  # noqa: BLE001  # the payload's own code, which may raise anything
            return f"{type(error).__name__}: {error}"
        return None


def _readers(pipeline: Pipeline, feed: Feed) -> list[_Reader]:
    functions = [one.function for one in pipeline.of(StreamMapping) if one.stream == feed.stream]
    handlers = [handler_of(function, pipeline.root) for function in functions]
    if None in handlers:
        return []
    specs = [handler.spec for handler in handlers if handler is not None]
    return [
        _Reader(spec, opener(Source.KINESIS, spec.payload, at=spec.qualname))
        for spec in specs
        if spec.source is Source.KINESIS
    ]


def _read(feed: Feed, path: Path) -> Iterator[TimedRecord]:
    """What the feed's own reader makes of the file."""
    number = 0
    try:
        for record in feed.records(path):
            number += 1
            yield record
    except PenstockError:
        raise
    except OSError as error:
        raise UsageError(
            f"the input cannot be read: {error.strerror or error}", at=str(path), fix="name another file"
        ) from error
    except Exception as error:
        raise UsageError(
            f"record {number + 1} of the input cannot be read: {type(error).__name__}: {error}",
            at=str(path),
            fix=f"name a file that the feed at {feed.declared_at} reads, or mend its reader",
        ) from error


def _place(path: Path, record: TimedRecord) -> str:
    return str(path) if record.line is None else f"{path}:{record.line}"


def _refused(path: Path, number: int, record: TimedRecord, why: str) -> UsageError:
    return UsageError(
        f"record {number} of the input cannot be put into the stream: {why}",
        at=_place(path, record),
        fix="mend the record, or leave it out where the feed reads the file",
    )
