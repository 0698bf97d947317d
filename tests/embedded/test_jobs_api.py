"""The jobs API of the reference project, over real HTTP: a job is started, and tells how far it is."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.pipelines import HttpApi
from penstock.pipelines.load import load_pipeline
from penstock.runtime.embedded import Embedded
from penstock.runtime.http.front import Front
from penstock.runtime.http.settings import api_settings
from penstock.runtime.journal_events import ExecutionFinished
from penstock.runtime.state_folder import new_run
from tests.embedded.test_http_front import ask, clean_modules, talk

__all__ = ["clean_modules"]

PROJECT = Path(__file__).resolve().parents[2]
ORDERS = b"region,amount\nnorth,3\nsouth,1\nnorth,10\nsouth,many\n"

pytestmark = pytest.mark.usefixtures("clean_modules")


def served(tmp_path: Path) -> tuple[Embedded, Front]:
    pipeline = load_pipeline("file-processing", PROJECT)
    run = Embedded(pipeline, new_run(pipeline.name, base=tmp_path / "state"), workers=2)
    (api,) = pipeline.of(HttpApi)
    return run, Front(run.functions, run.scheduler, api_settings(api, root=pipeline.root), port=0)


def test_a_job_is_started_and_tells_how_far_it_is(tmp_path: Path) -> None:
    """202 with the job and its place; then its chunks, rows and results. The same request is the same job."""
    run, front = served(tmp_path)
    reports: list[str] = []
    ended = Event()

    def client() -> None:
        started = ask(front, "POST", "/jobs", {"key": "orders.csv", "options": {"group_by": "region"}})
        body = started.json()
        assert isinstance(body, dict)
        assert started.status == 202
        assert ("location", f"/jobs/{body['job']}") in started.headers
        assert body["source"] == "s3://penstock-uploads/orders.csv"
        first = ask(front, "GET", f"/jobs/{body['job']}")
        assert first.status == 200
        assert ended.wait(60)
        last = ask(front, "GET", f"/jobs/{body['job']}").json()
        assert isinstance(last, dict)
        assert last["status"] == "SUCCEEDED"
        assert last["chunks"] == {"total": 1, "done": 1, "failed": 0}
        assert (last["rows"], last["rejected"], last["results_bucket"]) == (3, 1, "penstock-results")
        reports.extend(last["results"])
        again = ask(front, "POST", "/jobs", {"key": "orders.csv", "options": {"group_by": "region"}}).json()
        assert again == body

    with run:
        run.upload(ORDERS, bucket="penstock-uploads", key="orders.csv", metadata={"sum": "amount"})
        _tell_when_over(run, ended)
        talk(front, client)
        (report,) = [key for key in reports if key.endswith("by_region.csv")]
        written = run.s3_client().get_object(Bucket="penstock-results", Key=report)["Body"].read()
    assert written == b"region,rows,count_amount,sum_amount\nnorth,2,2,13\nsouth,1,1,1\n"


def _tell_when_over(run: Embedded, ended: Event) -> None:
    """Set `ended` once an execution is over: nobody has to ask over and over."""
    run.journal.subscribe(lambda _: ended.set(), ExecutionFinished)


def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    """The error and the cause are the execution's."""
    run, front = served(tmp_path)
    ended = Event()

    def client() -> None:
        body = ask(front, "POST", "/jobs", {"key": "empty.csv"}).json()
        assert isinstance(body, dict)
        assert ended.wait(60)
        last = ask(front, "GET", f"/jobs/{body['job']}").json()
        assert isinstance(last, dict)
        assert (last["status"], last["error"]) == ("FAILED", "ChunkingError")
        assert "the file is empty" in last["cause"]
        assert "chunks" not in last

    with run:
        run.upload(b"", bucket="penstock-uploads", key="empty.csv")
        _tell_when_over(run, ended)
        talk(front, client)


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    """400 with the field, 404 for what is not there."""
    run, front = served(tmp_path)

    def client() -> None:
        missing = ask(front, "POST", "/jobs", {"key": "nowhere.csv"})
        assert (missing.status, _field(missing.body)) == (404, "key")
        assert (ask(front, "POST", "/jobs", {"name": "a"}).status) == 400
        typed = ask(front, "POST", "/jobs", {"key": 7})
        assert (typed.status, _field(typed.body)) == (400, "key")
        for key, status in (("", 400), ("x" * 1025, 400), ("\u00fc" * 600, 404)):
            refused = ask(front, "POST", "/jobs", {"key": key})
            assert (refused.status, _field(refused.body)) == (status, "key")
        option = ask(front, "POST", "/jobs", {"key": "a.csv", "options": {"chunks": "7"}})
        assert (option.status, _field(option.body)) == (400, "options")
        assert ask(front, "GET", "/jobs/0123456789abcdef0123").status == 404
        assert ask(front, "GET", "/jobs/what").status == 404
        assert ask(front, "DELETE", "/jobs/what").status == 404

    with run:
        run.upload(b"a\n1\n", bucket="penstock-uploads", key="a.csv")
        talk(front, client)


def _field(body: bytes) -> object:
    return json.loads(body).get("field")


def test_the_command_takes_files_and_says_what_it_does_not_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`penstock serve file-processing --input orders.csv`."""

    def interrupt(_: Front) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Front, "serve", interrupt)
    monkeypatch.chdir(PROJECT)
    orders = tmp_path / "orders.csv"
    orders.write_bytes(ORDERS)
    state = str(tmp_path / "state")
    asked = ["serve", "file-processing", "--port", "0", "--state", state, "--input", str(orders)]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert "POST /jobs  ->  jobs-api  authorizer: callers (AWS_IAM: not checked here)" in result.output
    assert "s3://penstock-uploads/orders.csv" in result.output
    asked[1] = "todo"
    monkeypatch.chdir(PROJECT / "docs" / "examples" / "todo")
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code == 2
    assert "has no bucket where a file could lie" in refused.output
