"""The steps of the file-processing job as plain functions, over S3 in memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import msgspec
import pytest

from handlers import file_processing
from handlers.file_processing import ChunkInput, PlanInput, merge, process_chunk
from handlers.file_processing import plan as plan_job
from handlers.jobs import Job, Options, Report, Summary, job_id
from handlers.planning import is_exact, options_of, plan_chunks, report_of, results_name
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
        self.report = report_of(self.s3, "in", key, size_bytes=len(content), etag="", options=options)
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
        report_of(s3, "in", key, size_bytes=len(stored), etag="", options=Options(group_by="c"))


def _report(content: bytes, key: str, **options: str) -> Report:
    s3 = FakeS3()
    s3.objects["in", key] = content
    return report_of(s3, "in", key, size_bytes=len(content), etag="", options=Options(**options))


@pytest.mark.parametrize(
    "parts",
    [
        [b"k,v\n", b"a,1\nb,2\n"],
        [b"k,", b"v\na,1\n", b"b,2\n"],
        [b"", b"k,v\na,1\nb,2\n"],
    ],
)
def test_a_gzip_of_several_members_is_sampled_whole(parts: list[bytes]) -> None:
    """Wherever one member ends, the columns are those of the content; padding behind the last is no member."""
    packed = b"".join(map(gzip.compress, parts))
    assert _report(packed, "f.csv.gz").measures == ("v",)
    assert _report(packed + b"\0" * 300_000, "f.csv.gz").measures == ("v",)


@pytest.mark.parametrize(
    ("content", "key", "words", "fix"),
    [
        (gzip.compress(b"k,v\na,1\n"), "f.csv", "packed with gzip", "end with .gz"),
        (gzip.compress(gzip.compress(b"k,v\na,1\n")), "f.csv.gz", "packed with gzip", "end with .gz"),
        (b"PK\x03\x04\x14\x00k,v\n", "f.zip", "zip archive", "unpack"),
        (b"PAR1\x15\x04k\n\x00PAR1", "f.parquet", "is Parquet", "CSV or JSON Lines"),
        ("k,v\na,1\n".encode("utf-16"), "f.csv", "is UTF-16", "UTF-8"),
        (b'[{"k": "a"}, {"k": "b"}]', "f.json", "one JSON array", "each of its objects on a line"),
        (b'\n[\n{"k": "a"},\n{"k": "b"}\n]\n', "f.jsonl", "one JSON array", "each of its objects on a line"),
    ],
    ids=["gzip", "twice", "zip", "parquet", "utf-16", "array", "lines of an array"],
)
def test_a_file_of_another_kind_is_named(content: bytes, key: str, words: str, fix: str) -> None:
    """By how it begins, and not by what its bytes are as a header."""
    with pytest.raises(ChunkingError, match=words) as raised:
        _report(content, key)
    assert fix in str(raised.value)


def test_a_first_line_that_is_an_array_is_rejected_alone() -> None:
    """It is one bad record among others."""
    assert _report(b'[1, 2]\n{"n": 1}\n', "f.jsonl").measures == ("n",)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", None], ids=["empty", "mark", "cut"])
def test_a_gzip_without_a_header_says_so(content: bytes | None) -> None:
    """Empty, nothing but a byte order mark, cut off."""
    with pytest.raises(ChunkingError, match=r"is empty|no header|cut off"):
        _report(b"\x1f\x8b\x08\0" if content is None else gzip.compress(content), "f.csv.gz")


def test_a_bad_first_row_hides_no_column() -> None:
    """The rows behind it say which columns are numbers; so do rows with a very long field."""
    assert _report(b"k,v\nx\ry,1\na,2\nb,3\n", "f.csv").measures == ("v",)
    assert _report(b"k,v\n" + b"x" * 140_000 + b",1\na,2\n", "f.csv").measures == ("v",)


def test_columns_are_not_chosen_by_nothing() -> None:
    """A first row of more than the sample: the columns have to be named."""
    content = b"k,v\n" + b"x" * (2 << 20) + b",1\na,2\n"
    with pytest.raises(ChunkingError, match="nothing to choose columns by"):
        _report(content, "f.csv")
    assert _report(content, "f.csv", sum="v").measures == ("v",)


@pytest.mark.parametrize("options", [{"group_by": "zz"}, {"sum": "qq"}])
def test_a_member_that_no_object_has_is_refused(options: dict[str, str]) -> None:
    """As a column that a CSV file does not have."""
    with pytest.raises(ChunkingError, match=r'no object of the file has "(zz|qq)"'):
        _report(b'{"k": "a", "v": 1}\n', "f.jsonl", **options)


@pytest.mark.parametrize("group_by", ["a,b;a_b", "a;a", "x/y;x_y"])
def test_groupings_of_one_file_name_are_refused(group_by: str) -> None:
    """The second would take the place of the first."""
    with pytest.raises(ChunkingError, match="two groupings would be written"):
        _report(b"a,b,a_b,x/y,x_y,v\n1,2,3,4,5,6\n", "f.csv", group_by=group_by)


def test_a_column_that_nobody_asked_for_rejects_no_row(plan: Plan) -> None:
    """A later value that is no number counts as missing; in a column that was asked for, it rejects its row."""
    content = b"k,code,n\n" + b"a,1,1\n" * 5000 + b"b,x7,1\nb,n/a,2\n"
    job = plan(content, group_by="k")
    job.process()
    assert job.merge().rejected == 0
    assert job.result("by_k.csv") == [
        "k,rows,count_code,sum_code,count_n,sum_n",
        "a,5000,5000,5000,5000,5000",
        "b,2,0,0,2,3",
    ]
    asked = plan(content, group_by="k", sum="code")
    asked.process()
    assert asked.merge().rejected == 1


@pytest.mark.parametrize(
    ("key", "file_format"), [("F.CSV.GZ", "csv"), ("f.JSONL", "jsonl"), ("f.Json.gz", "jsonl")]
)
def test_endings_are_read_in_any_case(key: str, file_format: str) -> None:
    """A file that was named elsewhere is what its ending says."""
    content = b'{"k": 1}\n' if file_format == "jsonl" else b"k,v\na,1\n"
    packed = gzip.compress(content) if key.casefold().endswith(".gz") else content
    assert _report(packed, key).file_format == file_format


def test_a_column_s_name_is_no_path() -> None:
    """Its slashes are not those of a key."""
    assert results_name(("x/../../etc",)) == "by_x_.._.._etc"


def test_an_object_that_was_replaced_is_not_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own event starts a job for what replaced it."""
    s3 = FakeS3()
    s3.objects["in", "f.csv"] = b"k,v\na,1\n"
    monkeypatch.setattr(file_processing, "_client", lambda _service: s3)
    monkeypatch.setenv("RESULTS_BUCKET", "out")
    upload = S3Upload(bucket="in", key="f.csv", size_bytes=9, etag="0" * 32, sequencer="1")
    with pytest.raises(ChunkingError, match="was replaced after it was announced"):
        plan_job(PlanInput(job="j", upload=upload))


def test_a_job_is_named_by_the_write_that_it_is_about() -> None:
    """A duplicate event gives the same name, a second write of the same content another one."""
    upload = S3Upload(bucket="b", key="k", size_bytes=1, etag="e", sequencer="01")
    assert job_id(upload) == job_id(msgspec.structs.replace(upload))
    assert job_id(upload) != job_id(msgspec.structs.replace(upload, sequencer="02"))
