"""Manifests, results written once, and errors of chunking."""

from __future__ import annotations

import gzip

import pytest

from penstock.errors import ChunkingError
from penstock.handlers.chunking import (
    ByteRange,
    CsvChunk,
    Rejected,
    existing_results,
    plan_byte_ranges,
    plan_csv_exactly,
    read_header,
    read_manifest,
    result_key,
    split_gzip,
    write_manifest,
    write_once,
)
from penstock.testing.fake_s3 import FakeS3


def whole(content: bytes, s3: FakeS3) -> ByteRange:
    s3.objects["b", "k"] = content
    return ByteRange(index=0, bucket="b", key="k", start=0, stop=len(content), size_bytes=len(content))


def test_a_manifest_has_one_chunk_a_line() -> None:
    """An ItemReader reads it as a JSON array; the toolkit reads it back line by line."""
    s3 = FakeS3()
    chunks = list(plan_byte_ranges("b", "k", size_bytes=25, chunk_bytes=10))
    assert write_manifest(s3, "b", "m", chunks) == 3
    lines = s3.objects["b", "m"].decode().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 5)
    assert list(read_manifest(s3, "b", "m")) == chunks


def test_an_empty_manifest_is_an_empty_array() -> None:
    """No chunks are no error."""
    s3 = FakeS3()
    assert write_manifest(s3, "b", "m", []) == 0
    assert s3.objects["b", "m"] == b"[]\n"
    assert list(read_manifest(s3, "b", "m")) == []


def test_a_large_manifest_is_written_in_parts() -> None:
    """More than a part's size goes up as a multipart upload, in constant memory."""
    s3 = FakeS3()
    count = write_manifest(s3, "b", "m", plan_byte_ranges("b", "k", size_bytes=100_000, chunk_bytes=1))
    assert count == 100_000
    assert s3.calls.count("upload_part") >= 2
    assert sum(1 for _ in read_manifest(s3, "b", "m")) == 100_000


def test_what_is_no_manifest_is_refused() -> None:
    """The error names the object."""
    s3 = FakeS3()
    s3.objects["b", "m"] = b'[\n{"no": "chunk"}\n]\n'
    with pytest.raises(ChunkingError, match="no manifest"):
        list(read_manifest(s3, "b", "m"))


def test_a_result_is_written_once() -> None:
    """The second writer is told so, and the first one's content stays."""
    s3 = FakeS3()
    assert write_once(s3, "b", result_key("r/", 7), b"first")
    assert not write_once(s3, "b", result_key("r/", 7), b"second")
    assert s3.objects["b", "r/00000007.json"] == b"first"


def test_results_are_read_in_the_order_of_their_chunks() -> None:
    """However they were written, and over several pages of a listing."""
    s3 = FakeS3()
    for index in (11, 2, 0, 5):
        write_once(s3, "b", result_key("r/", index), str(index).encode())
    s3.objects["b", "r/note.txt"] = b"ignored"
    assert list(existing_results(s3, "b", "r/")) == [(0, b"0"), (2, b"2"), (5, b"5"), (11, b"11")]


def test_an_object_that_changed_is_refused() -> None:
    """The chunk bears the entity tag of what was planned."""
    s3 = FakeS3()
    s3.objects["b", "k"] = b"a,b\n1,2\n"
    etag = str(s3.head_object(Bucket="b", Key="k")["ETag"])
    (chunk,) = plan_byte_ranges("b", "k", size_bytes=8, chunk_bytes=100, etag=etag)
    s3.objects["b", "k"] = b"x,y\n3,4\n"
    with pytest.raises(ChunkingError, match="has changed since it was planned"):
        list(CsvChunk(s3, chunk, columns=2, reject=lambda rejected: None))


def test_a_gzip_object_that_changed_is_refused() -> None:
    """Its pieces are those of the object that was announced, or none."""
    s3 = FakeS3()
    s3.objects["b", "k"] = gzip.compress(b"a,b\n")
    with pytest.raises(ChunkingError, match="has changed since it was planned"):
        list(
            split_gzip(s3, "b", "k", piece_bytes=100, to_bucket="b", to_prefix="p/", etag='"another object"')
        )


def test_a_long_line_of_gzip_is_held_in_parts() -> None:
    """A piece is written as it is unpacked, however long its lines are."""
    s3 = FakeS3()
    s3.objects["b", "k"] = gzip.compress(b"x" * (20 << 20) + b"\nlast\n", compresslevel=1)
    long, last = split_gzip(s3, "b", "k", piece_bytes=100, to_bucket="b", to_prefix="p/")
    assert (long.size_bytes, last.size_bytes, last.base) == ((20 << 20) + 1, 5, (20 << 20) + 1)
    assert s3.calls.count("upload_part") == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"x" * (2 << 20), "no line of the file ends"),
        (b'"x\ny",' * (1 << 18) + b"\n", "does not end"),
        (b"a,b\r1,2\r", "LF or CRLF"),
        (b"a,\xff\n1,2\n", "not UTF-8"),
        (b'"' + b"a,b\n" * 400_000, "does not end"),
        (b"a\0,b\n", "NUL"),
    ],
)
def test_headers_that_cannot_be(content: bytes, words: str) -> None:
    """Each is an error of its own."""
    s3 = FakeS3()
    with pytest.raises(ChunkingError, match=words):
        read_header(s3, whole(content, s3))


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    """Spreadsheets write it; the first column's name is without it, and so is the first row."""
    s3 = FakeS3()
    chunk = whole(b"\xef\xbb\xbfname,n\nx,1\n", s3)
    assert read_header(s3, chunk) == ["name", "n"]
    assert list(CsvChunk(s3, chunk, columns=2, reject=lambda rejected: None)) == [["x", "1"]]


def test_rejected_rows_have_their_place() -> None:
    """Offset and text, in clean blocks and in others, over several lines."""
    s3 = FakeS3()
    rejected: list[Rejected] = []
    chunk = whole(b'a,b\n1,2\nshort\n"x\ny",3\n\xff,4\n5,6\n', s3)
    rows = list(CsvChunk(s3, chunk, columns=2, reject=rejected.append))
    assert rows == [["1", "2"], ["x\ny", "3"], ["5", "6"]]
    assert rejected == [
        Rejected(offset=8, reason="expected 2 fields, found 1", raw="short"),
        Rejected(offset=22, reason="the row is not UTF-8", raw="\\xff,4"),
    ]


def test_a_lone_carriage_return_rejects_its_row_only() -> None:
    """The csv module stops there; the rows around it are read."""
    s3 = FakeS3()
    rejected: list[Rejected] = []
    chunk = whole(b"a,b\r\n1,2\r\nx\ry,3\r\n4,5\r\n", s3)
    assert list(CsvChunk(s3, chunk, columns=2, reject=rejected.append)) == [["1", "2"], ["4", "5"]]
    assert [(row.offset, row.raw) for row in rejected] == [(10, "x\ry,3")]


def test_exact_plans_refuse_open_quotes() -> None:
    """A file that ends inside quotes has no rows that could be told apart."""
    s3 = FakeS3()
    content = b'a,b\n1,"open\n2,3\n'
    s3.objects["b", "k"] = content
    with pytest.raises(ChunkingError, match="ends inside quotes"):
        list(plan_csv_exactly(s3, "b", "k", size_bytes=len(content), chunk_bytes=4))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"plain text", "not gzip"), (gzip.compress(b"line\n" * 10_000, mtime=0)[:-20], "cut off")],
    ids=["no gzip", "cut off"],
)
def test_gzip_that_is_none(content: bytes, words: str) -> None:
    """What is not gzip, or is cut off, is refused."""
    s3 = FakeS3()
    s3.objects["b", "k"] = content
    with pytest.raises(ChunkingError, match=words):
        list(split_gzip(s3, "b", "k", piece_bytes=100, to_bucket="b", to_prefix="p/"))


def test_gzip_of_several_members() -> None:
    """Members follow each other, as `cat a.gz b.gz` makes them."""
    s3 = FakeS3()
    s3.objects["b", "k"] = gzip.compress(b"one\n") + gzip.compress(b"two\n")
    (piece,) = split_gzip(s3, "b", "k", piece_bytes=100, to_bucket="b", to_prefix="p/")
    assert s3.objects["b", piece.key] == b"one\ntwo\n"


@pytest.mark.parametrize("chunk_bytes", [0, -1])
def test_chunks_have_a_size(chunk_bytes: int) -> None:
    """Nothing can be cut into chunks of nothing."""
    with pytest.raises(ChunkingError, match="chunk_bytes is"):
        list(plan_byte_ranges("b", "k", size_bytes=10, chunk_bytes=chunk_bytes))
