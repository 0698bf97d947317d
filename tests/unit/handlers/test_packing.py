"""What is packed into a stream's record: aggregated records, gzip, Base64."""

import gzip
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.handlers import KinesisRecord, Undecodable, on_kinesis_record
from penstock.handlers.base64_data import base64_bytes
from penstock.handlers.packing import AGGREGATED, UserRecord, gunzipped, user_records
from penstock.testing.context import FakeContext
from penstock.testing.events import aggregated, kinesis_event, sequence_number


@given(st.lists(st.tuples(st.text(), st.binary(max_size=400)), min_size=1, max_size=200))
def test_aggregated_records_come_apart(records: list[tuple[str, bytes]]) -> None:
    """Data and partition keys, in their order."""
    keys = [key for key, _ in records]
    found = user_records(aggregated(*(data for _, data in records), partition_key=keys))
    assert [(record.partition_key, record.data) for record in found] == records
    assert [record.subsequence_number for record in found] == list(range(len(records)))


@given(st.binary(), st.binary(max_size=40))
def test_anything_else_is_a_record_of_its_own(data: bytes, more: bytes) -> None:
    """Also what begins like an aggregated record and does not match its checksum."""
    for one in (data, AGGREGATED + more):
        assert user_records(one, "k") == [UserRecord(data=one, partition_key="k", subsequence_number=0)]


@given(st.binary(max_size=60))
def test_what_matches_its_checksum_and_cannot_be_read_is_an_error(message: bytes) -> None:
    """Never a crash of another kind."""
    data = AGGREGATED + message + md5(message, usedforsecurity=False).digest()
    try:
        user_records(data)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # some random messages are valid


def test_a_handler_gets_each_of_the_packed_records() -> None:
    """Each with its own partition key, and its place in the stream's record."""
    seen: list[tuple[str, str, int]] = []

    @on_kinesis_record
    def handle(record: KinesisRecord[str]) -> None:
        seen.append((record.data, record.partition_key, record.subsequence_number))

    handle.invoke(
        kinesis_event(aggregated(b"1", b"2", b"3", partition_key=["a", "b", "a"]), "plain"), FakeContext()
    )
    assert seen == [("1", "a", 0), ("2", "b", 1), ("3", "a", 2), ("plain", "1", 0)]


def test_gzip_is_opened_unless_bytes_are_asked_for() -> None:
    """CloudWatch Logs writes gzip'd JSON to a stream."""
    seen: list[object] = []

    @on_kinesis_record(undecodable=Undecodable.FAIL)
    def typed(record: dict[str, int]) -> None:
        seen.append(record)

    @on_kinesis_record
    def raw(record: bytes) -> None:
        seen.append(record[:2])

    packed = gzip.compress(b'{"a": 1}', mtime=0)
    typed.invoke(kinesis_event(packed), FakeContext())
    raw.invoke(kinesis_event(packed), FakeContext())
    assert seen == [{"a": 1}, b"\x1f\x8b"]
    verdict = typed.invoke(kinesis_event(packed[:-1]), FakeContext())
    assert verdict == {"batchItemFailures": [{"itemIdentifier": sequence_number(0)}]}


def test_gzip_that_is_no_gzip_or_cut_off_is_an_error() -> None:
    """It is never half of the data."""
    whole = gzip.compress(b"x" * 1000, mtime=0)
    assert gunzipped(whole) == b"x" * 1000
    for broken in (b"", b"nothing", whole[:-1], whole[:10]):
        with pytest.raises(ValueError, match="gzip"):
            gunzipped(broken)


@pytest.mark.parametrize(("text", "data"), [("", b""), ("YQ==", b"a"), ("YWJj", b"abc"), ("YWJj=", b"abc")])
def test_base64(text: str, data: bytes) -> None:
    """Padding beyond what is needed is harmless."""
    assert base64_bytes(text) == data


@pytest.mark.parametrize("text", ["Y", "YQ", "YQ=", "YWJjZ", "%%%%", "YW Jj", "YW=j", "ü==="])
def test_base64_that_is_cut_off_or_something_else(text: str) -> None:
    """An error, and not other data."""
    with pytest.raises(ValueError, match="not Base64"):
        base64_bytes(text)
