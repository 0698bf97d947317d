"""Bad input to the main job: a clear error or a dead letter, and nothing else is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import DeclarationError, StateFolderError, UsageError
from penstock.pipelines import Bucket, Function, Pipeline
from penstock.pipelines.load import load_pipeline
from penstock.runtime.clock import RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import StateFolder, last_run, new_run

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load_pipeline("file-processing", PROJECT)


class Outcome:
    """What a run of one file left."""

    def __init__(self, run: Embedded) -> None:
        def bodies(name: str) -> list[dict[str, object]]:
            return [json.loads(one.body) for one in run.queues.find(name).messages.values()]

        s3 = run.s3_client()
        self.told = bodies("file-results")[-1]
        self.failed_chunks = bodies("failed-chunks")
        self.undelivered = bodies("undelivered-files")
        self.rejected: list[dict[str, object]] = []
        self.reports: dict[str, str] = {}
        for key in run.s3.store.keys("penstock-results"):
            content = s3.get_object(Bucket="penstock-results", Key=key)["Body"].read()
            if "/rejected/" in key:
                self.rejected += [json.loads(line) for line in content.splitlines()]
            elif key.startswith("reports/"):
                self.reports[key.rpartition("/")[2]] = content.decode()

    @property
    def reasons(self) -> list[object]:
        return [row["reason"] for row in self.rejected]

    @property
    def cause(self) -> str:
        failure = self.told["failure"]
        assert isinstance(failure, dict)
        return str(json.loads(failure["Cause"])["errorMessage"])


Process = Callable[..., Outcome]


@pytest.fixture
def process(pipeline: Pipeline, tmp_path: Path) -> Process:
    def run_file(content: bytes, name: str = "file.csv", **options: str) -> Outcome:
        source = tmp_path / name
        source.write_bytes(content)
        with Embedded(pipeline, new_run(pipeline.name, base=tmp_path / "state"), clock=VirtualClock()) as run:
            run.upload_to_entry(source, options=options)
            run.run_until_idle()
            return Outcome(run)

    return run_file


def test_an_empty_file(process: Process) -> None:
    """There is nothing to process, and that is said."""
    outcome = process(b"")
    assert outcome.told["status"] == "FAILED"
    assert "the file is empty" in outcome.cause


def test_a_file_with_a_header_only(process: Process) -> None:
    """No rows are no error."""
    outcome = process(b"a,b\n")
    assert outcome.told["status"] == "SUCCEEDED"
    assert outcome.told["rows"] == 0


def test_a_header_that_is_not_there(process: Process) -> None:
    """A first row without a name is no header."""
    outcome = process(b"\n1,2\n")
    assert outcome.told["status"] == "FAILED"
    assert "no header" in outcome.cause


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"x", "expected 2 fields, found 1"),
        (b"x,1,2", "expected 2 fields, found 3"),
        (b"x,\xff\xfe", "the row is not UTF-8"),
        (b"x\0,1", "the row has a NUL byte"),
        (b"x,one", "'one' is not a number"),
        (b"x,inf", "'inf' is not a number that can be added up"),
    ],
)
def test_a_bad_row_is_kept_and_the_others_are_counted(process: Process, row: bytes, reason: str) -> None:
    """The row goes to the rejected rows with its reason; its neighbours count."""
    outcome = process(b"k,v\na,1\n" + row + b"\nb,2\n", sum="v")
    assert outcome.reasons == [reason]
    assert outcome.rejected[0]["offset"] == 8
    assert outcome.reports["total.csv"].splitlines()[1] == "2,2,3"


LARGEST_PROCESS = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(done.stdout)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Runs a command, and prints the peak memory of its largest process: KiB on Linux, bytes on macOS."""


def test_a_line_of_200_mb(tmp_path: Path) -> None:
    """It is skipped with little memory, reported with its size, and its neighbours are counted."""
    source = tmp_path / "long.csv"
    size = 200 * 1024 * 1024
    with source.open("wb") as file:
        file.write(b"k,v\na,1\n")
        for _ in range(size >> 20):
            file.write(b"x" * (1 << 20))
        file.write(b"\nb,2\n")
    penstock = [sys.executable, "-m", "penstock.cli.main", "run", "file-processing", "--input", str(source)]
    options = ["--option", "sum=v", "--option", "chunk_mb=64", "--workers", "2"]
    folders = ["--state", str(tmp_path / "state"), "--output", str(tmp_path / "results")]
    done = subprocess.run(
        [sys.executable, "-c", LARGEST_PROCESS, *penstock, *options, *folders],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the line has {size + 1} bytes; at most 16777216 are read" in done.stdout
    (report,) = (tmp_path / "results").glob("file-processing/*/*/total.csv")
    assert report.read_text().splitlines()[1] == "2,2,3"
    unit = 1024 if sys.platform == "darwin" else 1
    assert int(done.stdout.split()[-1]) / unit < 300 * 1024


def test_quotes_that_a_chunk_cuts_are_refused(process: Process) -> None:
    """A newline in a quoted field at a chunk's edge: the job says what to do instead of guessing."""
    rows = b"".join(b'"line one\nline two %d",%d\n' % (number, number) for number in range(200))
    outcome = process(b"k,v\n" + rows, sum="v", chunk_mb="0.001")
    assert outcome.told["status"] == "FAILED"
    assert outcome.failed_chunks
    assert "quoted_newlines=true" in json.dumps(outcome.failed_chunks)
    assert not outcome.reports


def test_quoted_newlines_are_read_when_asked_for(process: Process) -> None:
    """With quoted_newlines=true the rows' boundaries are found first, and every row counts."""
    rows = b"".join(b'"line one\nline two %d",%d\n' % (number, number) for number in range(200))
    outcome = process(b"k,v\n" + rows, sum="v", chunk_mb="0.001", quoted_newlines="true")
    assert outcome.told["status"] == "SUCCEEDED"
    assert outcome.reports["total.csv"].splitlines()[1] == f"200,200,{sum(range(200))}"


def test_an_unknown_column(process: Process) -> None:
    """The error names the column and those that there are."""
    outcome = process(b"k,v\na,1\n", group_by="kk")
    assert 'the file has no column "kk"' in outcome.cause
    assert "its columns: k, v" in outcome.cause


def test_json_lines(process: Process) -> None:
    """Objects are grouped by their members; a line that is no object is rejected."""
    lines = b'{"k": "a", "v": 1}\n{"k": "b"}\nnonsense\n[1]\n{"k": "a", "v": 2.5}\n'
    outcome = process(lines, name="file.jsonl", group_by="k", sum="v")
    assert outcome.reports["by_k.csv"].splitlines()[1:] == ["a,2,2,3.5", "b,1,0,0"]
    assert len(outcome.rejected) == 2


def test_an_unknown_option(pipeline: Pipeline, tmp_path: Path) -> None:
    """Options are checked before anything is uploaded."""
    (tmp_path / "file.csv").write_text("k,v\n")
    with (
        Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock()) as run,
        pytest.raises(UsageError, match="there is no option 'grup_by'"),
    ):
        run.upload_to_entry(tmp_path / "file.csv", options={"grup_by": "k"})


def test_a_missing_file(pipeline: Pipeline, tmp_path: Path) -> None:
    """The error names the file."""
    with (
        Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock()) as run,
        pytest.raises(UsageError) as caught,
    ):
        run.upload_to_entry(tmp_path / "nowhere.csv")
    assert str(tmp_path / "nowhere.csv") in str(caught.value)


def test_a_bucket_name_that_aws_refuses() -> None:
    """It is refused when the pipeline is declared."""
    with pytest.raises(DeclarationError, match="Upper_Case"):
        Pipeline("bad", parts=(Bucket("Upper_Case"),))


def test_an_unwritable_state_folder(pipeline: Pipeline, tmp_path: Path) -> None:
    """The error names the folder and the way out. Root may write everywhere, so a child gives that up."""
    tmp_path.chmod(0o500)
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            new_run(pipeline.name, base=tmp_path / "state")
        except StateFolderError as error:
            os._exit(42 if "cannot be written" in error.what and "--state" in str(error) else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_a_state_folder_whose_path_is_a_file(pipeline: Pipeline, tmp_path: Path) -> None:
    """A file where a folder should be is an error with a remedy, also for root."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StateFolderError) as caught:
        new_run(pipeline.name, base=tmp_path / "state")
    assert "--state" in str(caught.value)


@pytest.mark.parametrize(
    "base",
    [
        pytest.param("/proc/penstock", marks=pytest.mark.skipif(sys.platform != "linux", reason="of Linux")),
        "link",
    ],
)
def test_a_state_folder_that_cannot_be_made(base: str, pipeline: Pipeline, tmp_path: Path) -> None:
    """Below /proc, or behind a link that leads nowhere: another place is the remedy."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StateFolderError, match="cannot be made here") as caught:
        new_run(pipeline.name, base=tmp_path / base)
    assert caught.value.at == str(tmp_path / base / pipeline.name)
    assert "--state" in str(caught.value.fix)


def test_two_runs_in_one_folder(pipeline: Pipeline, tmp_path: Path) -> None:
    """The second one is told who holds the folder."""
    with (
        new_run(pipeline.name, base=tmp_path),
        pytest.raises(StateFolderError, match=f"in use by process {os.getpid()}"),
    ):
        last_run(pipeline.name, base=tmp_path)


def test_a_full_disk(pipeline: Pipeline, tmp_path: Path) -> None:
    """The run ends with an error that says how to go on; with room again, the resumed run loses nothing."""
    source = tmp_path / "file.csv"
    source.write_text("k,v\n" + "a,1\n" * 20_000)
    child = os.fork()
    if child == 0:
        # A limit on a file's size is a disk that fills up while the journal grows (EFBIG for ENOSPC).
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        run = Embedded(pipeline, new_run(pipeline.name, base=tmp_path / "state"), clock=VirtualClock())
        try:
            with run:
                run.upload_to_entry(source, options={"chunk_mb": "0.001", "sum": "v"})
                limit = run.folder.journal.stat().st_size + 20_000
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                run.run_until_idle()
        except StateFolderError as error:
            os._exit(42 if error.fix else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    with Embedded(pipeline, last_run(pipeline.name, base=tmp_path / "state"), clock=VirtualClock()) as run:
        run.run_until_idle()
        outcome = Outcome(run)
    assert outcome.reports["total.csv"].splitlines()[1] == "20000,20000,20000"


BAD_HANDLERS = """
import os, time
from penstock.handlers import on_task

@on_task
def raises(payload: dict) -> dict:
    raise RuntimeError("not today")

@on_task
def wrong_type(payload: dict) -> dict[str, int]:
    return {"n": "many"}

@on_task
def exits(payload: dict) -> dict:
    os._exit(9)

@on_task
def hangs(payload: dict) -> dict:
    time.sleep(3600)
"""


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("raises", "RuntimeError", "not today"),
        ("wrong_type", "HandlerError", "annotation"),
        ("exits", "Runtime.ExitError", "exit status 9"),
        ("hangs", "Sandbox.Timedout", "timed out after 1.00 seconds"),
    ],
)
def test_a_handler_that_misbehaves(name: str, error: str, words: str, tmp_path: Path) -> None:
    """Whatever a function does, its caller gets Lambda's error for it, and the run goes on."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "__init__.py").touch()
    (tmp_path / "handlers" / "bad.py").write_text(BAD_HANDLERS)
    function = Function("bad", f"handlers.bad.{name}", timeout_seconds=1)
    made = Pipeline("bad", parts=(function,), root=tmp_path)
    with Embedded(made, new_run("bad", base=tmp_path), clock=RealClock(), workers=1) as run:
        answer = run.client("lambda").invoke(FunctionName="bad", Payload=b"{}")
        assert answer["FunctionError"] == "Unhandled"
        failure = json.loads(answer["Payload"].read())
    assert failure["errorType"] == error
    assert words in failure["errorMessage"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_in_place_that_changes_ends_the_run_until_it_is_back(
    pipeline: Pipeline, tmp_path: Path, workers: int
) -> None:
    """It is no failure of a function: put back as it was, the run goes on and is done."""
    path = tmp_path / "rows.csv"
    path.write_text("k,v\na,1\nb,2\n")
    status, base = path.stat(), tmp_path / "state"

    def run(folder: StateFolder) -> Embedded:
        clock = RealClock() if workers else VirtualClock()
        return Embedded(pipeline, folder, clock=clock, workers=workers or None)

    with run(new_run(pipeline.name, base=base)) as first:
        first.upload_to_entry(path, options={"sum": "v"}, in_place=True)
        path.write_text("k,v\na,1\nb,20\n")
        with pytest.raises(StateFolderError, match="has changed since it was added"):
            first.run_until_idle()
    path.write_text("k,v\na,1\nb,2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with run(last_run(pipeline.name, base=base)) as second:
        second.run_until_idle()
        (key,) = (key for key in second.s3.store.keys("penstock-results") if key.endswith("total.csv"))
        body = second.s3_client().get_object(Bucket="penstock-results", Key=key)["Body"].read()
    assert body == b"rows,count_v,sum_v\n2,2,3\n"
