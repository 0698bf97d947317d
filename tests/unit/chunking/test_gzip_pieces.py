"""Pieces of a gzip stream are read as the whole is: a byte order mark belongs to the file, not to a piece."""

from __future__ import annotations

import gzip

import pytest

from penstock.handlers.chunking import ByteRange, CsvChunk, JsonLinesChunk, Rejected, split_gzip
from penstock.testing.fake_s3 import FakeS3

BOMMED = b'k,v\n\xef\xbb\xbfa,1\n\xef\xbb\xbf\nb,"2"\n\xef\xbb\xbf"c",3\n'


@pytest.mark.parametrize("piece_bytes", range(1, len(BOMMED) + 1))
def test_a_byte_order_mark_in_a_piece_is_not_the_files(piece_bytes: int) -> None:
    """As `cat a.csv.gz b.csv.gz` has it: rows and rejected rows do not depend on the cut."""
    s3 = FakeS3()
    s3.objects["b", "k"] = BOMMED
    size = len(BOMMED)
    whole = ByteRange(index=0, bucket="b", key="k", start=0, stop=size, size_bytes=size)
    expected: list[Rejected] = []
    rows = list(CsvChunk(s3, whole, columns=2, reject=expected.append))
    assert [row.offset for row in expected] == [11]
    rejected: list[Rejected] = []
    found: list[list[str]] = []
    s3.objects["b", "k"] = gzip.compress(BOMMED)
    for piece in split_gzip(s3, "b", "k", piece_bytes=piece_bytes, to_bucket="b", to_prefix="p/"):
        found += CsvChunk(s3, piece, columns=2, reject=rejected.append)
    assert (found, rejected) == (rows, expected)


@pytest.mark.parametrize("piece_bytes", range(1, 20))
def test_a_byte_order_mark_in_a_piece_of_json_lines_is_not_the_files(piece_bytes: int) -> None:
    """Only the one at the very beginning is passed over."""
    content = b"\xef\xbb\xbf1\n\xef\xbb\xbf2\n3\n"
    s3 = FakeS3()
    s3.objects["b", "k"] = gzip.compress(content)
    rejected: list[Rejected] = []
    found: list[int] = []
    for piece in split_gzip(s3, "b", "k", piece_bytes=piece_bytes, to_bucket="b", to_prefix="p/"):
        found += JsonLinesChunk(s3, piece, int, reject=rejected.append)
    assert found == [1, 3]
    assert [row.offset for row in rejected] == [5]
