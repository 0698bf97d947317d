"""A feed's records before they are put: what the stream would refuse is told of with its place in the file."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from penstock.errors import UsageError
from penstock.pipelines import Feed, Stream, TimedRecord
from penstock.runtime.fed_records import fed_records


def feed_of(*records: TimedRecord) -> Feed:
    def read(path: Path) -> Iterable[TimedRecord]:
        return records

    return Feed(Stream("clicks"), records=read)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (TimedRecord(0.0, "k", b"x" * 1_048_576), "the record is 1048577 bytes"),
        (TimedRecord(0.0, "", b"x"), "length between 1 and 256"),
        (TimedRecord(0.0, "k" * 257, b"x"), "length between 1 and 256"),
        (TimedRecord(float("nan"), "k", b"x"), "its time is nan"),
        (TimedRecord(1e12, "k", b"x"), "its time is 1000000000000.0 seconds"),
        (TimedRecord(-1e12, "k", b"x"), "its time is -1000000000000.0 seconds"),
    ],
)
def test_what_a_stream_does_not_take_is_named(record: TimedRecord, words: str) -> None:
    """With its number, the file, and what to do; the ones before it are given."""
    found = fed_records(feed_of(TimedRecord(0.0, "k", b"fine"), record), Path("in.jsonl"))
    assert next(found).data == b"fine"
    with pytest.raises(UsageError, match=words) as refused:
        next(found)
    assert "record 2 of the input" in refused.value.what
    assert refused.value.at == "in.jsonl"
    assert refused.value.fix


def test_what_a_stream_takes_is_given_as_it_is() -> None:
    """Times before 1970 too."""
    given = [TimedRecord(-1e9, "k", b""), TimedRecord(2e11, "k" * 256, b"x" * 1_048_320)]
    assert list(fed_records(feed_of(*given), Path("x"))) == given
