"""What an invoker promises, held against both: in this process, and in worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import StateFolderError
from penstock.pipelines.imports import enter_project
from penstock.runtime.aws_calls import answering, settled
from penstock.runtime.clock import RealClock, VirtualClock
from penstock.runtime.invocation import Invocation, InvocationOutcome, Invoker
from penstock.runtime.journal import Journal
from penstock.runtime.moto_bridge import MotoBridge
from penstock.runtime.s3.service import S3Service
from penstock.runtime.s3.store import S3Store
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, CallRecord, Router, Service, ServiceError
from penstock.runtime.streams.service import KinesisService
from penstock.runtime.streams.streams import Streams, StreamSettings
from penstock.runtime.workers.inline import InlineInvoker
from penstock.runtime.workers.pool import PoolInvoker
from tests.contracts.invokers import BUSY, CLICKS, HANDLERS, MAIN, Bench, Part, Unwritten


@pytest.fixture(params=["inline", "pool"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    project = tmp_path / "project"
    (project / "handlers").mkdir(parents=True)
    (project / "handlers" / "__init__.py").touch()
    (project / "handlers" / "sample.py").write_text(HANDLERS)
    (project / "handlers" / "broken.py").write_text("import no_such_package\n")
    inline = request.param == "inline"
    scheduler = Scheduler(VirtualClock() if inline else RealClock())
    store = S3Store(tmp_path / "s3", now=scheduler.now, commit_port=lambda change: None)
    service = S3Service(store)
    service.create_bucket("files")
    service.create_bucket("kept", versioned=True)
    calls: list[CallRecord] = []
    streams = Streams(
        [StreamSettings(name="clicks", arn=CLICKS)],
        scheduler=scheduler,
        journal=Journal(tmp_path / "journal"),
    )
    services: dict[str, Service] = {"s3": service, "kinesis": KinesisService(streams, scheduler)}
    router = Router(services=services, fallback=MotoBridge(), observers=[calls.append])
    invoker: Invoker
    if inline:
        enter_project(project)
        invoker = InlineInvoker(scheduler)
    else:
        invoker = PoolInvoker(
            scheduler, router, project=project, store=tmp_path / "s3", logs=tmp_path, workers=2
        )
    with answering(lambda call: settled(lambda: router.answer(call))):
        yield Bench(scheduler=scheduler, invoker=invoker, service=service, calls=calls)
    invoker.close()


def test_the_answer_is_json(bench: Bench) -> None:
    """The event goes in and the answer comes out as JSON, with Lambda's context beside it."""
    outcome = bench.run("echo", {"a": [1, "é"]})
    assert outcome.error is None
    assert json.loads(outcome.payload or b"") == {"event": {"a": [1, "é"]}, "id": "id-0", "left": True}


def test_an_event_that_is_not_json_yet_is_what_its_json_is(bench: Bench) -> None:
    """A handler sees texts, numbers, lists and objects, wherever it runs; bytes are Base64, as in AWS's events."""
    outcome = bench.run("echo", Unwritten(records=[Part(data=b"\0\xff", at=1.5)]))
    assert outcome.error is None
    assert json.loads(outcome.payload or b"")["event"] == {"records": [{"data": "AP8=", "at": 1.5}]}


def test_an_environment_is_cold_once(bench: Bench) -> None:
    """The first invocation of a function starts an environment, the next one finds it warm."""
    assert bench.run("echo").cold_start
    assert not bench.run("echo").cold_start


def test_variables_are_those_of_the_function(bench: Bench) -> None:
    """A function sees its own variables and Lambda's."""
    outcome = bench.run("variables")
    assert json.loads(outcome.payload or b"") == {
        "MODE": "test",
        "AWS_LAMBDA_FUNCTION_NAME": "variables",
        "AWS_REGION": "us-east-1",
    }


def test_a_functions_clock_shows_utc(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever this machine is: `TZ` is `:UTC` on Lambda ("Defined runtime environment variables")."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert json.loads(bench.run("zone").payload or b"") == ["+0000", 0]
        assert time.strftime("%z") == "+0900"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("name", "error_type", "words"),
    [
        ("fail", "ValueError", "no good: why"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("odd", "Runtime.MarshalError", "not JSON serializable"),
        ("large", "Function.ResponseSizeTooLarge", "exceeded"),
        ("missing", "Runtime.HandlerNotFound", "'missing'"),
        ("unknown", "UnansweredOperationError", "translate:ListLanguages"),
    ],
)
def test_a_failure_has_lambdas_error_type(bench: Bench, name: str, error_type: str, words: str) -> None:
    """Whatever goes wrong is the error of its invocation, and the next invocation runs."""
    outcome = bench.run(name, "why")
    assert outcome.payload is None
    assert outcome.error is not None
    assert outcome.error.error_type == error_type
    assert words in outcome.error.error_message
    assert bench.run("echo").error is None


@pytest.mark.parametrize(
    ("name", "error_type", "message"), [("half", "ValueError", "no file \\udcff"), ("mute", "Mute", "")]
)
def test_a_failure_whose_text_cannot_be_written_is_a_failure_like_any_other(
    bench: Bench, name: str, error_type: str, message: str
) -> None:
    """Half a character, such as a file's name may have; or no text at all. Nothing else is touched."""
    outcome = bench.run(name)
    assert outcome.error is not None
    assert (outcome.error.error_type, outcome.error.error_message) == (error_type, message)
    assert bench.run("half_key").error is not None
    assert bench.run("echo", "x").error is None


def test_a_stack_trace_shows_the_users_frames_only(bench: Bench) -> None:
    """`stackTrace` begins in the handler, not in the code that calls it."""
    error = bench.run("fail", "x").error
    assert error is not None
    assert len(error.stack_trace) == 1
    assert "sample.py" in error.stack_trace[0]


def test_a_module_that_cannot_be_imported(bench: Bench) -> None:
    """An import that fails is Lambda's `Runtime.ImportModuleError`."""
    bench.invoker.invoke(
        Invocation(request_id="1", function="broken", handler="handlers.broken.handle", payload=b"{}"),
        bench.outcomes.append,
    )
    bench.scheduler.run_until_idle()
    error = bench.outcomes[-1].error
    assert error is not None
    assert error.error_type == "Runtime.ImportModuleError"
    assert "no_such_package" in error.error_message


def test_boto3_is_answered_in_process(bench: Bench) -> None:
    """Reads, writes and refused conditions are as boto3 gives them, and the observers hear of them."""
    bench.service.upload(b"0123456789", bucket="files", key="in")
    outcome = bench.run("copy")
    assert json.loads(outcome.payload or b"null") == "PreconditionFailed", outcome.error
    stored = bench.service.store.find("files", "out")
    assert stored is not None
    assert stored.size_bytes == 5
    assert sorted((call.operation, call.error or "", call.caller) for call in bench.calls) == [
        ("GetObject", "", "copy"),
        ("PutObject", "", "copy"),
        ("PutObject", "PreconditionFailed", "copy"),
    ]


def test_versions_are_read_where_the_function_runs(bench: Bench) -> None:
    """Older versions, what a delete marker hides, and the marker itself."""
    outcome = bench.run("versions")
    assert json.loads(outcome.payload or b"null") == [
        "1", "2", "NoSuchKey", "true", "MethodNotAllowed", "true"
    ], outcome.error  # fmt: skip


def test_an_event_stream_is_read_where_the_function_runs(bench: Bench) -> None:
    """What was put since the subscription was made, and while it is read."""
    outcome = bench.run("subscribe", CLICKS)
    assert json.loads(outcome.payload or b"null") == [["one", "two"], ["three"]], outcome.error


def test_an_event_over_the_limit_is_refused_at_once(bench: Bench) -> None:
    """More than 6 MB is refused before anything runs (Lambda, "Quotas")."""
    with pytest.raises(ServiceError, match="RequestEntityTooLarge"):
        bench.run("echo", "x" * (6 * 1024 * 1024))


def test_decimals_are_numbers(bench: Bench) -> None:
    """What DynamoDB's resource returns can be answered, digit for digit, as Lambda's Python runtime does it."""
    outcome = bench.run("count")
    assert outcome.payload == b'{"total":1.10,"rows":3,"large":12345678901234567890.5}'


def test_a_table_is_used_through_boto3s_resource(bench: Bench) -> None:
    """DynamoDB is answered by moto in the main process, wherever the function runs."""
    outcome = bench.run("table")
    assert outcome.error is None, outcome.error
    assert json.loads(outcome.payload or b"") == [{"id": "a", "rows": 7}]


def test_a_module_that_is_mended_is_imported_again(bench: Bench, tmp_path: Path) -> None:
    """After an initialisation that failed the next invocation begins anew, as on Lambda."""
    later = tmp_path / "project" / "handlers" / "later.py"
    later.write_text("import no_such_package\n")

    def invoke() -> InvocationOutcome:
        bench.invoker.invoke(
            Invocation(request_id="1", function="later", handler="handlers.later.handle", payload=b"{}"),
            bench.outcomes.append,
        )
        bench.scheduler.run_until_idle()
        return bench.outcomes[-1]

    assert invoke().error is not None
    later.write_text("def handle(event, context):\n    return 1\n")
    assert invoke().payload == b"1"


def test_a_full_disk_ends_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no failure of the function: the run stops, and can be resumed when there is room."""

    def full(change: object) -> None:
        raise StateFolderError("no space is left on the disk", fix="make room and resume")

    bench.service.upload(b"0123456789", bucket="files", key="in")
    monkeypatch.setattr(bench.service.store, "_commit_port", full)
    with pytest.raises(StateFolderError, match="no space"):
        bench.run("copy")


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_what_a_function_says_is_in_its_log(bench: Bench, tmp_path: Path) -> None:
    """Prints, log records in Lambda's format, and why it failed, with the id of the invocation."""
    bench.run("say")
    printed, logged, *failure = (tmp_path / "say.log").read_text().splitlines()
    assert printed == "printed"
    assert logged.startswith("[WARNING]\t20")
    assert logged.endswith("Z\tid-0\tlogged")
    assert failure[:2] == ["[ERROR] KeyError: 'gone'\tRequestId: id-0", "Traceback (most recent call last):"]
    assert failure[-1].strip() == 'raise KeyError("gone")'


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_an_exception_that_nobody_catches_ends_the_environment(bench: Bench, tmp_path: Path) -> None:
    """`CancelledError` is no `Exception`; the trace is in the log, and the next invocation starts cold."""
    error = bench.run("cancel").error
    assert error is not None
    assert error.error_type == "Runtime.ExitError"
    assert "CancelledError" in (tmp_path / "cancel.log").read_text()
    assert bench.run("cancel").cold_start


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_a_process_that_a_handler_forks_can_read(bench: Bench) -> None:
    """Objects are files; every other call belongs to the environment's own process, and the error says so."""
    bench.service.upload(b"0123456789", bucket="files", key="in")
    content, refused = json.loads(bench.run("fork").payload or b"[]")
    assert content == "0123456789"
    assert "in a process that the handler has forked" in refused


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_a_thread_that_is_left_behind_is_frozen(bench: Bench) -> None:
    """Its calls wait until the next invocation of the environment, and disturb none."""
    assert bench.run("linger", "first").error is None
    assert bench.run("linger", "second").error is None
    assert bench.run("linger").error is None
    assert len(bench.service.store.keys("files")) == 100


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_a_handler_that_never_returns_is_stopped(bench: Bench) -> None:
    """When the function's time is over its process is killed; only worker processes can do that."""
    outcome = bench.run("hang", timeout_seconds=0.2)
    assert outcome.error is not None
    assert outcome.error.error_type == "Sandbox.Timedout"
    assert outcome.error.error_message.endswith("Task timed out after 0.20 seconds")
    assert bench.run("echo").error is None


def test_environments_end_with_the_main_process(tmp_path: Path) -> None:
    """However it goes: after a SIGKILL no worker process is left, even one that is busy."""
    (tmp_path / "busy.py").write_text(BUSY)
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    program = subprocess.Popen([sys.executable, "-c", MAIN, str(tmp_path)])
    with alive.open("rb") as held:
        assert held.read(5) == b"alive"
        program.kill()
        program.wait()
        assert held.read() == b""  # the end comes when nobody has the pipe open any more


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_ctrl_c_is_the_main_processs_affair(bench: Bench) -> None:
    """A terminal sends it to every process; the environments go on, and the main process decides."""
    assert bench.run("interrupt").error is None


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_a_crash_of_the_interpreter_is_named(bench: Bench) -> None:
    """A segmentation fault is the end of one environment, with the signal's number."""
    error = bench.run("fault").error
    assert error is not None
    assert (error.error_type, error.error_message.rpartition("Error: ")[2]) == (
        "Runtime.ExitError",
        "Runtime exited with error: signal: 11",
    )


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_no_more_run_at_once_than_there_are_workers(bench: Bench) -> None:
    """The others wait in order, and every one is answered."""
    for number in range(6):
        bench.invoker.invoke(
            Invocation(
                request_id=str(number), function="overlap", handler="handlers.sample.overlap", payload=b"{}"
            ),
            bench.outcomes.append,
        )
    bench.scheduler.run_until_idle()
    spans = [json.loads(outcome.payload or b"null") for outcome in bench.outcomes]
    assert len(spans) == 6
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) <= 2


@pytest.mark.parametrize("bench", ["pool"], indirect=True)
def test_a_process_that_dies_takes_nothing_with_it(bench: Bench) -> None:
    """`os._exit` in a handler ends its environment; the next invocation gets a new one."""
    outcome = bench.run("crash")
    assert outcome.error is not None
    assert outcome.error.error_type == "Runtime.ExitError"
    assert bench.run("crash").cold_start


class _Later:
    """A service that answers nothing yet."""

    def __init__(self) -> None:
        self.promises: list[AnswerLater] = []

    def answer(self, call: Call) -> dict[str, object]:
        self.promises.append(AnswerLater(lambda: None))
        raise self.promises[-1]


def test_an_answer_after_the_end_of_a_pool_is_nobodys(tmp_path: Path) -> None:
    """It takes no place in a pool that is used again."""
    (tmp_path / "late.py").write_text(
        "import boto3\n\ndef wait(event, context):\n    boto3.client('sqs').list_queues()\n"
        "\ndef echo(event, context):\n    return event\n"
    )
    scheduler, service, told = Scheduler(RealClock()), _Later(), list[InvocationOutcome]()
    router = Router(services={"sqs": service})
    pool = PoolInvoker(scheduler, router, project=tmp_path, store=tmp_path, logs=tmp_path, workers=1)
    late = [
        Invocation(request_id=name, function=name, handler=f"late.{name}", payload=b"1")
        for name in ("wait", "echo")
    ]
    overdue = scheduler.call_at(scheduler.now() + 60.0, lambda: None)
    try:
        pool.invoke(late[0], told.append)
        scheduler.run_until(lambda: bool(service.promises) or not overdue.waiting)
        pool.close()
        service.promises[0].resolve({})
        pool.invoke(late[1], told.append)
        scheduler.run_until(lambda: bool(told) or not overdue.waiting)
    finally:
        pool.close()
    assert [one.payload for one in told] == [b"1"]
