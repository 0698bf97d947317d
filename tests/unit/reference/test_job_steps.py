"""The steps of the file-processing job as plain functions, over S3 in memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import msgspec
import pytest

from handlers import file_processing
from handlers.file_processing import ChunkInput, merge, process_chunk
from handlers.jobs import Job, Options, Summary, job_id
from handlers.planning import is_exact, options_of, plan_chunks, report_of
from penstock.errors import ChunkingError
from penstock.handlers import S3Upload
from penstock.handlers.chunking import ByteRange
from penstock.testing.fake_s3 import FakeS3


class Queue:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, str]] = []

    def send_message(self, **message: str) -> dict[str, str]:
        self.sent.append(message)
        return {"MessageId": str(len(self.sent))}


class Planned:
    """A planned job, whose chunks are processed one by one."""

    def __init__(self, content: bytes, key: str, options: Options, *, chunk_bytes: int) -> None:
        self.s3, self.queue = FakeS3(), Queue()
        self.s3.objects["in", key] = content
        self.report = report_of(self.s3, "in", key, len(content), options)
        smaller = msgspec.structs.replace(options, chunk_mb=str(chunk_bytes / (1 << 20)))
        self.chunks: list[ByteRange] = list(
            plan_chunks(
                self.s3,
                "in",
                key,
                size_bytes=len(content),
                etag="",
                options=smaller,
                report=self.report,
                pieces_bucket="out",
                pieces_prefix="p/",
            )
        )
        self.job = Job(
            job="j",
            source=f"s3://in/{key}",
            bucket="out",
            manifest="m",
            chunks=len(self.chunks),
            report=self.report,
            exact=is_exact(options, self.report),
        )

    def process(self, *, without: tuple[int, ...] = ()) -> None:
        for chunk in self.chunks:
            if chunk.index not in without:
                process_chunk(ChunkInput(job="j", bucket="out", report=self.report, chunk=chunk))

    def merge(self) -> Summary:
        summary: Summary = merge(self.job)
        return summary

    def result(self, name: str) -> list[str]:
        return self.s3.objects["out", f"reports/j/{name}"].decode().splitlines()


Plan = Callable[..., Planned]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    def planned(content: bytes, key: str = "f.csv", *, chunk_bytes: int = 1 << 20, **options: str) -> Planned:
        made = Planned(content, key, Options(**options), chunk_bytes=chunk_bytes)
        clients = {"s3": made.s3, "sqs": made.queue}
        monkeypatch.setattr(file_processing, "_client", clients.__getitem__)
        monkeypatch.setenv("REJECTED_ROWS_QUEUE_URL", "https://sqs/rejected")
        return made

    return planned


def test_a_last_row_without_a_line_feed_shows_which_columns_are_numbers(plan: Plan) -> None:
    """A file of one row is a file."""
    job = plan(b"k,v\na,5")
    job.process()
    assert job.merge().rows == 1
    assert job.result("total.csv") == ["rows,count_v,sum_v", "1,1,5"]


@pytest.mark.parametrize("quoted_newlines", ["true", "false"])
def test_every_row_of_a_gzip_file_counts(plan: Plan, quoted_newlines: str) -> None:
    """The header is the first row of the first piece, and of no other; rejected rows count from the file's start."""
    rows = b"".join(b"k%d,%d\n" % (number % 3, number) for number in range(100))
    job = plan(
        gzip.compress(b"k,v\n" + rows + b"k9,bad\n"),
        "f.csv.gz",
        chunk_bytes=90,
        sum="v",
        quoted_newlines=quoted_newlines,
    )
    job.process()
    assert len(job.chunks) > 5
    assert job.merge().rows == 100
    assert job.result("total.csv")[1] == f"100,100,{sum(range(100))}"
    (letter,) = job.queue.sent
    assert json.loads(letter["MessageBody"])["first"][0]["offset"] == 4 + len(rows)


def test_quoted_newlines_in_a_gzip_file_are_read_when_asked_for(plan: Plan) -> None:
    """Pieces are cut where rows begin."""
    rows = b"".join(b'"one\ntwo\n",%d\n' % number for number in range(50))
    job = plan(gzip.compress(b"k,v\n" + rows), "f.csv.gz", chunk_bytes=33, sum="v", quoted_newlines="true")
    job.process()
    assert job.merge().rows == 50


QUOTED = b"k,v\n" + b"a,1\n" * 20 + b'"b",2\n' * 20


def test_behind_a_missing_chunk_quotes_are_not_trusted(plan: Plan) -> None:
    """However far behind: chunks without quotes in between may lie inside the quotes that were not seen."""
    job = plan(QUOTED, chunk_bytes=20)
    job.process(without=(0,))
    with pytest.raises(ChunkingError, match="chunk 0 failed"):
        job.merge()


def test_behind_a_missing_chunk_quotes_are_trusted_if_rows_begin_there(plan: Plan) -> None:
    """With quoted_newlines=true no chunk depends on how the one before it ends."""
    job = plan(QUOTED, chunk_bytes=20, quoted_newlines="true")
    job.process(without=(1,))
    summary = job.merge()
    assert (summary.missing, summary.missing_chunks) == (1, (1,))


def test_rows_without_quotes_may_miss_a_chunk(plan: Plan) -> None:
    """The report says that it is not complete."""
    job = plan(b"k,v\n" + b"a,1\n" * 30, chunk_bytes=20)
    job.process(without=(2,))
    assert job.merge().rows == 25
    assert '"complete": false' in "\n".join(job.result("summary.json"))


def test_a_chunk_that_is_processed_twice_counts_once(plan: Plan) -> None:
    """Its result is written once, and its message about rejected rows bears the same id."""
    job = plan(b"k,v\na,1\nbad\n", sum="v")
    job.process()
    job.process()
    assert job.merge().rows == 1
    assert len({letter["MessageDeduplicationId"] for letter in job.queue.sent}) == 1


def test_rejected_rows_are_kept_in_their_order(plan: Plan) -> None:
    """Each with offset, reason and text; the message shows the first ones and says where all are."""
    job = plan(b"k,v\n" + b"bad\n" * 50)
    job.process()
    kept = job.s3.objects["out", "jobs/j/rejected/00000000.jsonl"].splitlines()
    assert [json.loads(row)["offset"] for row in kept] == list(range(4, 204, 4))
    (letter,) = [json.loads(message["MessageBody"]) for message in job.queue.sent]
    assert (letter["rows"], len(letter["first"])) == (50, 20)
    assert letter["kept_in"] == "s3://out/jobs/j/rejected/00000000.jsonl"


def test_numbers_of_json_lines_are_exact(plan: Plan) -> None:
    """A fraction is not read as a binary one; a byte order mark and bottomless lines harm nobody."""
    deep = b'{"v": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n"
    lines = b'\xef\xbb\xbf{"v": 0.1}\n{"v": 12345678901234567890.123}\n' + deep + b'{"v": true}\n'
    job = plan(lines, "f.jsonl", sum="v")
    job.process()
    assert job.merge().rejected == 2
    assert job.result("total.csv")[1] == "2,2,12345678901234567890.223"


def test_a_wide_file_is_no_large_payload(plan: Plan) -> None:
    """The columns that are not used stay behind; too many that are asked for are refused."""
    names = ",".join(f"a_column_with_a_long_name_{number}" for number in range(5000))
    content = names.encode() + b"\n" + b",".join([b"x"] * 4999) + b",7\n"
    assert len(msgspec.json.encode(plan(content).report)) < 1000
    with pytest.raises(ChunkingError, match="a report of 5000 columns is too large"):
        plan(names.encode() + b"\n" + b",".join([b"1"] * 5000) + b"\n")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"delimiter": ""}, "delimiter"),
        ({"chunk_mb": "0"}, "chunk_mb"),
        ({"chunk_mb": "nan"}, "chunk_mb"),
        ({"tolerated_failure_percentage": "101"}, "tolerated_failure_percentage"),
        ({"format": "xml"}, "format"),
        ({"quoted_newlines": "yes"}, "quoted_newlines"),
        ({"grup_by": "k"}, "no such option"),
    ],
)
def test_options_that_cannot_be(metadata: dict[str, str], words: str) -> None:
    """Each is an error that names the option."""
    with pytest.raises(ChunkingError, match=words):
        options_of(metadata)


@pytest.mark.parametrize("key", ["f.csv", "f.csv.gz"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n1,2\n", "no header"),
        (b"a,a\n1,2\n", "stands twice"),
        (b"\xff,b\n1,2\n", "not UTF-8"),
        (b'"a,b\n1,2\n', "does not end"),
        (b"a,b\r1,2\r", "LF or CRLF"),
        (b"k,v\n1,2\n", 'no column "c"'),
    ],
)
def test_headers_that_no_report_can_be_made_of(content: bytes, words: str, key: str) -> None:
    """The same errors for a file and for its gzip."""
    s3 = FakeS3()
    stored = gzip.compress(content) if key.endswith(".gz") else content
    s3.objects["in", key] = stored
    with pytest.raises(ChunkingError, match=words):
        report_of(s3, "in", key, len(stored), Options(group_by="c"))


def test_a_job_is_named_by_the_write_that_it_is_about() -> None:
    """A duplicate event gives the same name, a second write of the same content another one."""
    upload = S3Upload(bucket="b", key="k", size_bytes=1, etag="e", sequencer="01")
    assert job_id(upload) == job_id(msgspec.structs.replace(upload))
    assert job_id(upload) != job_id(msgspec.structs.replace(upload, sequencer="02"))
