"""What functions print and log under the virtual clock is in their files, and never among a command's output."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.errors import StateFolderError
from penstock.runtime.clock import VirtualClock
from penstock.runtime.invocation import Invocation, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.workers.context import LambdaContext
from penstock.runtime.workers.inline import InlineInvoker

PROJECT = {
    "handlers/__init__.py": "",
    "pipelines/__init__.py": "",
    "handlers/talking.py": """
        import logging, os
        from aws_lambda_powertools import Logger
        from penstock.handlers import S3Upload, on_s3_upload, on_sqs_message

        logger = Logger(service="talking")
        print("importing")

        @on_s3_upload
        def hear(upload: S3Upload) -> None:
            import boto3
            print("printed", upload.key)
            logger.info("structured")
            logging.warning("plain")
            boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody="1")
            raise ValueError("no good")

        @on_sqs_message
        def refuse(number: int) -> None:
            print("refusing")
            raise ValueError("nor that")
        """,
    "pipelines/talking.py": """
        from handlers.talking import hear, refuse
        from penstock.pipelines import Bucket, BucketNotification, Entry, Function, Pipeline, Queue, QueueMapping

        inbox = Bucket("talking-inbox")
        heard = Queue("heard", visibility_timeout_seconds=60, dead_letter_queue=Queue("lost"), max_receive_count=1)
        hearing = Function("hear", hear, environment={"HEARD": heard}, maximum_retry_attempts=0)
        pipeline = Pipeline(
            "talking",
            parts=(
                BucketNotification(inbox, to=hearing),
                QueueMapping(heard, Function("refuse", refuse, timeout_seconds=10)),
            ),
            entry=Entry(inbox),
        )
        """,
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    (tmp_path / "a.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(logging.Logger.manager.loggerDict, "talking", raising=False)  # an earlier test's
    return tmp_path


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_the_summary_stands_alone(project: Path) -> None:
    """With --json there is nothing else on standard output, and nothing of a function on standard error."""
    result = penstock("run", "talking", "--input", "a.txt", "--clock", "virtual", "--json")
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["invocations"] == 2
    assert "importing" in result.stderr  # what a module says when it is imported
    for said in ("printed", "structured", "plain", "Traceback", "refusing"):
        assert said not in result.output


def test_each_function_has_its_file(project: Path) -> None:
    """With the time and the invocation of what it logs, Powertools' lines once, and why it failed."""
    penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    (logs,) = project.glob(".penstock/talking/*/logs")
    lines = (logs / "hear.log").read_text().splitlines()
    assert lines[0] == "printed a.txt"
    assert [json.loads(line)["message"] for line in lines if line.startswith("{")] == ["structured"]
    (plain,) = [line for line in lines if line.endswith("\tplain")]
    level, at, request_id, _ = plain.split("\t")
    assert level == "[WARNING]"
    assert at.endswith("Z")
    assert f"[ERROR] ValueError: no good\tRequestId: {request_id}" in lines
    assert '    raise ValueError("no good")' in lines
    refused = (logs / "refuse.log").read_text()
    assert refused.startswith("refusing\n[ERROR]\t")
    assert "ValueError: nor that" in refused


def test_the_summary_says_what_failed_and_where_to_look(project: Path) -> None:
    """Each function's errors and its log; what was given up, and that nobody is told of it."""
    result = penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    assert result.exit_code == 1
    told = " ".join(result.stdout.split())
    assert "given up 1 event (1 to nowhere)" in told
    assert "virtual time 60.00 s" in told  # nobody waited for it
    assert "invocations 2 in this process" in told
    assert (
        "hear failed in 1 invocation: ValueError: no good why: .penstock/talking/run-0001/logs/hear.log"
        in told
    )
    assert (
        "refuse named 1 record as failed, counted with each delivery why: .penstock/talking/run-0001/logs/refuse.log"
        in told
    )
    document = json.loads(
        penstock("run", "talking", "--input", "a.txt", "--clock", "virtual", "--json").stdout
    )
    assert document["given_up"] == {"events": 1, "lost": 1, "destinations": {}}
    hear, refuse = document["function_failures"]
    assert hear["invocations"] == [{"error": "ValueError", "message": "no good", "count": 1}]
    assert (refuse["function"], refuse["invocations"], refuse["records"]) == ("refuse", [], 1)
    assert Path(hear["log"]).is_file()


def test_what_a_destination_is_told_of_is_not_lost(project: Path) -> None:
    """The run has done all that its declaration says, as with records of streams that are told of."""
    declaration = project / "pipelines" / "talking.py"
    text = declaration.read_text().replace(
        "maximum_retry_attempts=0", 'maximum_retry_attempts=0, on_failure=Queue("unheard")'
    )
    declaration.write_text(text)
    result = penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    assert result.exit_code == 0, result.output
    assert "given up 1 event (1 to unheard)" in " ".join(result.stdout.split())
    assert "hear failed in 1 invocation: ValueError: no good" in result.stdout


def test_letters_that_go_back_are_worked_on_as_quietly(project: Path) -> None:
    """`penstock dlq` runs functions, too."""
    penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    assert penstock("dlq", "ls", "talking").stdout.split() == ["1", "lost"]
    result = penstock("dlq", "redrive", "talking", "lost")
    assert "refusing" not in result.output
    (log,) = project.glob(".penstock/talking/*/logs/refuse.log")
    assert log.read_text().count("refusing\n") == 2


def test_a_run_that_was_looked_at_is_finished_as_before(project: Path) -> None:
    """`dlq` opens it, and works on what goes back."""
    penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    for command in (["ls", "talking"], ["show", "talking", "lost"], ["redrive", "talking", "lost"]):
        penstock("dlq", *command)
        assert " finished " in penstock("runs").stdout


def test_a_letter_becomes_a_test_in_a_run_of_its_pipeline(project: Path) -> None:
    """With the variables and resources of the pipeline, so that it passes when the function is mended."""
    penstock("run", "talking", "--input", "a.txt", "--clock", "virtual")
    letter = penstock("dlq", "show", "talking", "lost").stdout[:8]
    penstock("dlq", "pull", "talking", "lost", letter)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "tests"]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "1 failed" in failed.stdout, failed.stdout
    assert "batchItemFailures" in failed.stdout
    handlers = project / "handlers" / "talking.py"
    handlers.write_text(
        handlers.read_text().replace('raise ValueError("nor that")', 'os.environ["AWS_REGION"]')
    )
    passed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "1 passed" in passed.stdout, passed.stdout


def test_a_function_that_waits_for_another_goes_on_in_its_own_file(tmp_path: Path) -> None:
    """Also where nobody divided the process's output before; afterwards that is as it was."""
    scheduler, outcomes = Scheduler(VirtualClock()), list[InvocationOutcome]()

    def invoke(name: str) -> None:
        invoker.invoke(
            Invocation(request_id=f"id-{name}", function=name, handler=name, payload=b"{}"), outcomes.append
        )

    def outer(event: object, context: LambdaContext) -> None:
        print("before")
        invoke("inner")
        scheduler.run_until(lambda: bool(outcomes))
        print("after")
        logging.error("of outer")

    def inner(event: object, context: LambdaContext) -> None:
        print("inside")
        logging.error("of inner")

    streams, handlers = (sys.stdout, sys.stderr), list(logging.getLogger().handlers)
    entries = {"outer": outer, "inner": inner}
    invoker = InlineInvoker(scheduler, load=entries.__getitem__, logs=tmp_path)
    invoke("outer")
    scheduler.run_until_idle()
    invoker.close()
    said = {name: (tmp_path / f"{name}.log").read_text().splitlines() for name in entries}
    assert [line.rpartition("\t")[2] for line in said["outer"]] == ["before", "after", "of outer"]
    assert [line.rpartition("\t")[2] for line in said["inner"]] == ["inside", "of inner"]
    assert "\tid-outer\t" in said["outer"][2]
    assert (sys.stdout, sys.stderr) == streams
    assert logging.getLogger().handlers == handlers


def test_a_full_disk_is_no_failure_of_the_function(tmp_path: Path) -> None:
    """Nothing is raised where it prints; the run is told afterwards."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "talker.log").symlink_to("/dev/full")
    scheduler, said, outcomes = Scheduler(VirtualClock()), list[str](), list[InvocationOutcome]()

    def talker(event: object, context: LambdaContext) -> None:
        print("a line")
        said.append("went on")

    invoker = InlineInvoker(scheduler, load=lambda setting: talker, logs=tmp_path)
    invocation = Invocation(request_id="1", function="talker", handler="talker", payload=b"{}")
    invoker.invoke(invocation, outcomes.append)
    with pytest.raises(StateFolderError, match="the disk is full"):
        scheduler.run_until_idle()
    invoker.close()
    assert (said, outcomes) == (["went on"], [])
