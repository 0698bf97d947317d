"""What holds of every object and every way to cut it: each record lies in exactly one chunk."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator

from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import ChunkingError
from penstock.handlers.chunking import (
    Block,
    ByteRange,
    CsvChunk,
    CsvFormat,
    JsonLinesChunk,
    Oversized,
    Rejected,
    plan_byte_ranges,
    plan_csv_exactly,
    plan_keys,
    plan_records,
    read_blocks,
    split_gzip,
)
from penstock.testing.fake_s3 import FakeS3

line_ends = st.sampled_from([b"\n", b"\r\n"])
chunk_sizes = st.integers(1, 60)
block_sizes = st.integers(1, 70)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Lines of many lengths, empty ones and ones that are longer than a chunk, with or without a last line feed."""
    content = st.binary(max_size=90).map(lambda text: text.replace(b"\n", b"."))
    lines = draw(st.lists(content, max_size=12))
    text = draw(line_ends).join(lines)
    return text + (b"\n" if draw(st.booleans()) else b"")


def stored(content: bytes) -> FakeS3:
    s3 = FakeS3()
    s3.objects["bucket", "key"] = content
    return s3


def planned(content: bytes, chunk_bytes: int) -> list[ByteRange]:
    return list(plan_byte_ranges("bucket", "key", size_bytes=len(content), chunk_bytes=chunk_bytes))


@given(texts(), chunk_sizes, block_sizes)
@example(b"\n\n\n", 1, 1)
@example(b"a\n" + b"b" * 89 + b"\nc", 3, 5)
def test_the_chunks_blocks_are_the_object(content: bytes, chunk_bytes: int, block_bytes: int) -> None:
    """The lines of all chunks, one after another, are the object: nothing twice, nothing lost, in order."""
    s3 = stored(content)
    blocks: list[Block] = []
    for chunk in planned(content, chunk_bytes):
        for block in read_blocks(s3, chunk, block_bytes=block_bytes):
            assert isinstance(block, Block)
            blocks.append(block)
    assert b"".join(block.content for block in blocks) == content
    for block in blocks:
        assert content[block.offset :].startswith(block.content)
        assert block.offset == 0 or content[block.offset - 1 : block.offset] == b"\n"


@given(texts(), chunk_sizes, block_sizes, st.integers(1, 40))
def test_a_line_over_the_limit_is_reported_and_the_rest_is_read(
    content: bytes, chunk_bytes: int, block_bytes: int, limit: int
) -> None:
    """Read and reported lines together cover the object once; just those over the limit are reported."""
    s3 = stored(content)
    covered: list[tuple[int, int]] = []
    for chunk in planned(content, chunk_bytes):
        for part in read_blocks(s3, chunk, block_bytes=block_bytes, maximum_line_bytes=limit, mark=b"x"):
            size = part.size_bytes if isinstance(part, Oversized) else len(part.content)
            covered.append((part.offset, size))
            if isinstance(part, Oversized):
                assert size > limit
                assert part.marked == (b"x" in content[part.offset : part.offset + size])
            else:
                assert all(len(line) <= limit for line in io.BytesIO(part.content))
    position = 0
    for offset, size in sorted(covered):
        assert offset == position
        position += size
    assert position == len(content)


def csv_rows(s3: FakeS3, chunks: list[ByteRange], columns: int) -> tuple[list[list[str]], list[Rejected]]:
    rows: list[list[str]] = []
    rejected: list[Rejected] = []
    for chunk in chunks:
        rows += CsvChunk(s3, chunk, columns=columns, reject=rejected.append)
    return rows, rejected


fields = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


@st.composite
def csv_files(draw: st.DrawFn, *, newlines: bool) -> tuple[list[list[str]], bytes]:
    """Rows, and a file of them as the csv module writes it; a comma, a quote or (if wanted) a newline is quoted."""
    values = fields if newlines else fields.map(lambda text: text.replace("\n", " "))
    rows = draw(st.lists(st.lists(values, min_size=3, max_size=3), max_size=10))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerow(["a", "b", "c"])
    writer.writerows(rows)
    return rows, text.getvalue().encode()


@given(csv_files(newlines=False), chunk_sizes)
def test_csv_rows_are_those_of_the_csv_module(file: tuple[list[list[str]], bytes], chunk_bytes: int) -> None:
    """Without newlines in fields, any cut gives every row once, in order."""
    rows, content = file
    found, rejected = csv_rows(stored(content), planned(content, chunk_bytes), 3)
    assert found == rows
    assert not rejected


@given(csv_files(newlines=True), chunk_sizes)
def test_a_cut_row_is_refused_and_never_wrong(file: tuple[list[list[str]], bytes], chunk_bytes: int) -> None:
    """With newlines in fields, a cut gives exactly the csv module's rows, or an error."""
    rows, content = file
    try:
        found, rejected = csv_rows(stored(content), planned(content, chunk_bytes), 3)
    except ChunkingError:
        return
    assert found == rows
    assert not rejected


@given(st.text(alphabet='ab",\n', max_size=60), chunk_sizes)
@example('a"b,"x\ny",c"d\n', 8)
def test_malformed_quotes_are_refused_and_never_wrong(text: str, chunk_bytes: int) -> None:
    """Stray and unbalanced quotes: what is read is what the csv module reads of the whole file, or an error."""
    content = text.encode()
    rows: list[list[str]] = []
    try:
        for chunk in planned(content, chunk_bytes):
            for batch in CsvChunk(
                stored(content), chunk, columns=1, reject=_no_rejection, skip_header=False
            ).batches():
                rows += [row for row in batch if row]
    except ChunkingError:
        return
    whole = csv.reader(io.StringIO(text, newline="\n"))
    assert rows == [row for row in whole if row]


@given(st.text(alphabet='ab",\n', max_size=60), chunk_sizes, st.integers(1, 12))
@example('a\n"b\nccccccccc"\nd\n', 60, 5)
@example('a\nccccccc"ccc\nb\n', 60, 5)
@example('a\n"ccccccccc\nb"\nd\n', 60, 5)
def test_lines_over_the_limit_are_rejected_or_refused(text: str, chunk_bytes: int, limit: int) -> None:
    """Without them, the rows are those of the csv module; if they might hide where a row ends, there is an error."""
    content = text.encode()
    rows: list[list[str]] = []
    rejected: list[Rejected] = []
    try:
        for chunk in planned(content, chunk_bytes):
            rows += CsvChunk(
                stored(content),
                chunk,
                columns=1,
                reject=rejected.append,
                skip_header=False,
                maximum_line_bytes=limit,
            )
    except ChunkingError:
        return
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines)
    expected: list[list[str]] = []
    begin = 0
    long = 0
    for row in reader:
        if all(len(line) <= limit for line in lines[begin : reader.line_num]):
            expected += [row] if len(row) == 1 else []
        else:
            long += 1
        begin = reader.line_num
    assert rows == expected
    assert sum(row.reason.startswith("the line has") for row in rejected) == long


@given(csv_files(newlines=True), st.integers(1, 60), st.booleans())
def test_rows_of_gzip_pieces_are_those_of_the_file(
    file: tuple[list[list[str]], bytes], piece_bytes: int, told: bool
) -> None:
    """Cut where rows begin, every row comes once; cut at line feeds, that or an error."""
    rows, content = file
    s3 = stored(gzip.compress(content))
    pieces = split_gzip(
        s3,
        "bucket",
        "key",
        piece_bytes=piece_bytes,
        to_bucket="pieces",
        to_prefix="p/",
        rows=CsvFormat() if told else None,
    )
    try:
        found, rejected = csv_rows(s3, list(pieces), 3)
    except ChunkingError:
        assert not told
        return
    assert found == rows
    assert not rejected


@given(
    st.lists(st.sampled_from([b"a,b", b"a", b"a,b,c", b"\xff,b", b"a\0,b", b"", b'"a",b']), max_size=20),
    chunk_sizes,
)
def test_rejected_rows_bear_their_place(lines: list[bytes], chunk_bytes: int) -> None:
    """Just the bad lines are rejected, each with the offset at which it stands, however the object is cut."""
    content = b"".join(line + b"\n" for line in lines)
    rejected: list[Rejected] = []
    for chunk in planned(content, chunk_bytes):
        for row in CsvChunk(stored(content), chunk, columns=2, reject=rejected.append, skip_header=False):
            assert row == ["a", "b"]
    offset = 0
    expected: list[int] = []
    for line in lines:
        if line not in (b"a,b", b'"a",b', b""):
            expected.append(offset)
        offset += len(line) + 1
    assert [row.offset for row in rejected] == expected


def _no_rejection(rejected: Rejected) -> None:
    raise AssertionError(rejected)


@given(csv_files(newlines=True), chunk_sizes)
def test_exact_plans_read_every_row(file: tuple[list[list[str]], bytes], chunk_bytes: int) -> None:
    """A plan that reads the object once to find its rows is never refused."""
    rows, content = file
    s3 = stored(content)
    chunks = list(plan_csv_exactly(s3, "bucket", "key", size_bytes=len(content), chunk_bytes=chunk_bytes))
    found, rejected = csv_rows(s3, chunks, 3)
    assert found == rows
    assert not rejected


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers()), max_size=15), chunk_sizes, line_ends)
def test_json_lines_are_each_read_once(
    values: list[dict[str, int]], chunk_bytes: int, line_end: bytes
) -> None:
    """Every object comes once, in order."""
    content = line_end.join(json.dumps(value).encode() for value in values)
    s3 = stored(content)
    found: list[dict[str, int]] = []
    for chunk in planned(content, chunk_bytes):
        found += JsonLinesChunk(s3, chunk, dict[str, int], reject=_no_rejection)
    assert found == values


@given(texts(), st.integers(1, 50))
def test_gzip_pieces_are_the_content(content: bytes, piece_bytes: int) -> None:
    """The pieces of a gzip object are its content, cut behind line feeds."""
    s3 = stored(gzip.compress(content))
    pieces = list(
        split_gzip(s3, "bucket", "key", piece_bytes=piece_bytes, to_bucket="pieces", to_prefix="p/")
    )
    contents = [s3.objects[piece.bucket, piece.key] for piece in pieces]
    assert b"".join(contents) == content
    assert all(part.endswith(b"\n") for part in contents[:-1])
    assert [piece.index for piece in pieces] == list(range(len(pieces)))


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_runs_cover_every_record_once(records: int, chunk_records: int) -> None:
    """Runs of records follow each other without gap or overlap."""
    runs = list(plan_records(records=records, chunk_records=chunk_records))
    assert [run.index for run in runs] == list(range(len(runs)))
    assert [number for run in runs for number in range(run.first, run.first + run.count)] == list(
        range(records)
    )


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 100), st.integers(1, 5))
def test_key_sets_have_every_key_once(sizes: list[int], chunk_bytes: int, chunk_keys: int) -> None:
    """Every object under the prefix is in one set, and a set of several keeps to its limits."""
    s3 = FakeS3()
    for number, size in enumerate(sizes):
        s3.objects["bucket", f"in/{number:03d}"] = b"x" * size
    s3.objects["bucket", "other"] = b"x"
    sets = list(plan_keys(s3, "bucket", "in/", chunk_bytes=chunk_bytes, chunk_keys=chunk_keys))
    assert [key for one in sets for key in one.keys] == [f"in/{number:03d}" for number in range(len(sizes))]
    for one in sets:
        assert len(one.keys) == 1 or (one.size_bytes <= chunk_bytes and len(one.keys) <= chunk_keys)


def test_a_terabyte_is_planned_from_its_size() -> None:
    """The plan is lazy and asks S3 nothing: its first chunks come at once, its number follows from the size."""
    plan: Iterator[ByteRange] = plan_byte_ranges("bucket", "key", size_bytes=10**12, chunk_bytes=64 << 20)
    assert next(plan) == ByteRange(
        index=0, bucket="bucket", key="key", start=0, stop=64 << 20, size_bytes=10**12
    )
    *_, last = plan
    assert last.stop == 10**12
    assert last.index + 1 == -(-(10**12) // (64 << 20))
