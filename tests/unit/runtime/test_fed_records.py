"""A feed's records before they are put: what the stream would refuse is told of with its place in the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.errors import UsageError
from penstock.handlers import KinesisRecord, on_kinesis_record
from penstock.pipelines import Feed, Function, Pipeline, Stream, StreamMapping, TimedRecord
from penstock.runtime.fed_records import check_fed_file, fed_records


@dataclass
class Click:
    page: str
    user: int


@on_kinesis_record
def count(clicks: list[Click]) -> None: ...


@on_kinesis_record
def whole(click: KinesisRecord[Click]) -> None: ...


@on_kinesis_record
def keep(data: bytes) -> None: ...


def lines(path: Path) -> Iterator[TimedRecord]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line:
            yield TimedRecord(0.0, "k", line, number)


def fed(*handlers: object) -> Pipeline:
    stream = Stream("clicks")
    functions = [Function(f"f{number}", one) for number, one in enumerate(handlers)]  # type: ignore[arg-type]
    mappings = [StreamMapping(stream, one) for one in functions]
    return Pipeline("fed", parts=mappings or [stream], feed=Feed(stream, records=lines))


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


@pytest.mark.parametrize("handler", [count, whole])
def test_a_file_of_something_else_is_refused(tmp_path: Path, handler: object) -> None:
    """None of it is what the function decodes: the error shows the first line, and the type that is meant."""
    source = tmp_path / "in.txt"
    source.write_text("\nhello\n{}\n[1]\n")
    with pytest.raises(UsageError) as refused:
        check_fed_file(fed(handler), source)
    assert refused.value.what.startswith("none of the input's 3 records can be read as Click; the first: ")
    assert refused.value.at == f"{source}:2"
    assert refused.value.fix == "name a file of records of Click: JSON objects with page, user"


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_records_is_refused(tmp_path: Path, text: str) -> None:
    """There is nothing to put."""
    source = tmp_path / "in.txt"
    source.write_text(text)
    with pytest.raises(UsageError, match="the input has no records"):
        check_fed_file(fed(count), source)


@pytest.mark.parametrize(
    "handlers", [(count,), (count, keep), (keep,), ("json.dumps",), (count, "json.dumps"), ()]
)
def test_one_record_that_one_function_can_decode_is_enough(
    tmp_path: Path, handlers: tuple[object, ...]
) -> None:
    """The others are the mapping's matter; and a plain function says nothing of its records."""
    source = tmp_path / "in.txt"
    source.write_text('{"page": 1}\n{"page": "a", "user": 1}\nno JSON\n')
    check_fed_file(fed(*handlers), source)
    if handlers != (count,):
        source.write_text("no JSON\n")
        check_fed_file(fed(*handlers), source)


def test_a_reader_that_fails_is_told_of_with_its_file(tmp_path: Path) -> None:
    """Such as one that looks for a column that is not there."""

    def read(path: Path) -> Iterator[TimedRecord]:
        yield TimedRecord(0.0, "k", b"x")
        raise KeyError("origin")

    with pytest.raises(
        UsageError, match="record 2 of the input cannot be read: KeyError: 'origin'"
    ) as refused:
        list(fed_records(Feed(Stream("clicks"), records=read), Path("in.csv")))
    assert refused.value.at == "in.csv"
    with pytest.raises(UsageError, match="No such file"):
        list(fed_records(Feed(Stream("clicks"), records=lines), tmp_path / "nowhere"))
