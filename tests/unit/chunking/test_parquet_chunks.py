"""Parquet row groups and sets of keys: planned from little, read as they were planned or not at all."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import parquet

from penstock.errors import ChunkingError
from penstock.handlers.chunking import plan_keys, plan_row_groups, read_row_groups
from penstock.testing.fake_s3 import FakeS3


def test_parquet_row_groups_are_each_in_one_chunk() -> None:
    """Planned from the footer, read group by group."""
    sink = io.BytesIO()
    parquet.write_table(pa.table({"n": list(range(95))}), sink, row_group_size=10)
    s3 = FakeS3()
    s3.objects["b", "k"] = sink.getvalue()
    chunks = list(plan_row_groups(s3, "b", "k", chunk_rows=25))
    assert [(chunk.first, chunk.stop, chunk.rows) for chunk in chunks] == [
        (0, 3, 30),
        (3, 6, 30),
        (6, 9, 30),
        (9, 10, 5),
    ]
    values = [
        row for chunk in chunks for table in read_row_groups(s3, chunk) for row in table["n"].to_pylist()
    ]
    assert values == list(range(95))


def numbers(count: int, group: int) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"n": list(range(count))}), sink, row_group_size=group, compression="none")
    return sink.getvalue()


def test_what_is_no_parquet_is_refused() -> None:
    """The error names the object."""
    s3 = FakeS3()
    for content in (
        b"no parquet at all, but long enough to have a footer",
        b"",
        b"PAR1PAR1",
        numbers(9, 3)[:-20],
    ):
        s3.objects["b", "k"] = content
        with pytest.raises(ChunkingError, match="not Parquet") as caught:
            list(plan_row_groups(s3, "b", "k", chunk_rows=1))
        assert caught.value.at == "s3://b/k"


def test_damaged_parquet_is_refused() -> None:
    """The footer is whole, a page is not: pyarrow's own I/O error is not what a caller sees."""
    s3 = FakeS3()
    content = bytearray(numbers(9, 3))
    content[4:40] = b"\xff" * 36
    s3.objects["b", "k"] = bytes(content)
    (chunk,) = plan_row_groups(s3, "b", "k", chunk_rows=9)
    with pytest.raises(ChunkingError, match="row group 0 cannot be read"):
        list(read_row_groups(s3, chunk))


def test_a_lost_connection_is_no_damage() -> None:
    """Whoever retries it must see it."""

    class Cut(FakeS3):
        def get_object(self, **asked: Any) -> Any:
            raise ConnectionResetError("by peer")

    s3 = Cut()
    s3.objects["b", "k"] = numbers(9, 3)
    with pytest.raises(ConnectionResetError):
        list(plan_row_groups(s3, "b", "k", chunk_rows=9))


@pytest.mark.parametrize("etag", [True, False])
def test_parquet_that_has_changed_is_refused(etag: bool) -> None:
    """By its ETag; a plan without one is told by its rows."""
    s3 = FakeS3()
    s3.objects["b", "k"] = numbers(10, 3)
    chunks = list(plan_row_groups(s3, "b", "k", chunk_rows=4))
    s3.objects["b", "k"] = numbers(4, 1)
    for chunk in chunks:
        asked = chunk if etag else msgspec.structs.replace(chunk, etag="")
        with pytest.raises(ChunkingError, match="the object has changed"):
            list(read_row_groups(s3, asked))


def test_parquet_that_changes_while_it_is_read_is_refused() -> None:
    """Every read is of the object that was opened."""
    s3 = FakeS3()
    s3.objects["b", "k"] = numbers(200_000, 100_000)
    (chunk,) = plan_row_groups(s3, "b", "k", chunk_rows=200_000)
    tables = read_row_groups(s3, chunk)
    next(tables)
    s3.objects["b", "k"] += b"x"
    with pytest.raises(ChunkingError, match="the object has changed"):
        next(tables)


@pytest.mark.parametrize("chunk_rows", [0, -1])
def test_chunks_have_rows(chunk_rows: int) -> None:
    """As every other plan's have a size."""
    with pytest.raises(ChunkingError, match="chunk_rows is"):
        list(plan_row_groups(FakeS3(), "b", "k", chunk_rows=chunk_rows))


def test_a_set_of_keys_says_which_objects_it_means() -> None:
    """Reading with `IfMatch` refuses one that was replaced."""
    s3 = FakeS3()
    for number in range(5):
        s3.objects["b", f"in/{number}"] = bytes([number])
    chunks = list(plan_keys(s3, "b", "in/", chunk_bytes=2))
    assert [(chunk.keys, len(chunk.etags)) for chunk in chunks] == [
        (("in/0", "in/1"), 2), (("in/2", "in/3"), 2), (("in/4",), 1)
    ]  # fmt: skip
    for chunk in chunks:
        for key, etag in zip(chunk.keys, chunk.etags, strict=True):
            assert s3.head_object(Bucket="b", Key=key)["ETag"] == etag
