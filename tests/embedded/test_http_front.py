"""The local HTTP front: requests on loopback become events of API Gateway, and functions answer them."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.cli.serving import failures_told
from penstock.errors import HandlerError, UsageError
from penstock.pipelines import Function, HttpApi, Pipeline
from penstock.pipelines.iam import policy_of
from penstock.pipelines.load import load_pipeline
from penstock.runtime import aws_calls
from penstock.runtime.embedded import Embedded
from penstock.runtime.http.front import REQUEST_LIMIT_BYTES, Front
from penstock.runtime.http.settings import ApiSettings, RouteSettings, api_settings
from penstock.runtime.journal_events import ExecutionFinished, InvocationStarted
from penstock.runtime.state_folder import new_run

TODO = Path(__file__).resolve().parents[2] / "docs" / "examples" / "todo"

HANDLERS = """
import sys, threading

def breaks(event, context):
    raise RuntimeError("no")

def bare(event, context):
    return {"route": event["routeKey"], "id": event["pathParameters"]["id"], "cookies": event.get("cookies")}

def waits(event, context):
    threading.Event().wait()

def no_answer(event, context):
    return {"statusCode": "many"}

def default(event, context):
    return {"statusCode": 202, "headers": {"X-Path": event["rawPath"]}, "cookies": ["a=1", "b=2"],
            "body": "/w==", "isBase64Encoded": True}
"""


@dataclass(frozen=True)
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> object:
        return json.loads(self.body)


def ask(
    front: Front, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Got:
    """One request over loopback."""
    connection = http.client.HTTPConnection(front.url.removeprefix("http://"), timeout=30)
    try:
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, body=sent, headers=given)
        answer = connection.getresponse()
        return Got(
            answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read()
        )
    finally:
        connection.close()


def talk(front: Front, client: Callable[[], None]) -> None:
    """Serve in this thread, as a run does, while `client` asks in another."""
    failures: list[BaseException] = []

    def ask_all() -> None:
        try:
            client()
        except BaseException as error:  # noqa: BLE001  # raised again in the test's own thread
            failures.append(error)
        finally:
            front.stop()

    with front:
        thread = Thread(target=ask_all)
        thread.start()
        front.serve()
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def clean_modules() -> Iterator[None]:
    """Projects of other tests keep their modules and their path."""
    path, modules = list(sys.path), dict(sys.modules)
    aws_calls.install()
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("handlers", "pipelines")]:
        del sys.modules[name]
    sys.modules.update(modules)


def leading(routes: Mapping[str, str]) -> ApiSettings:
    """An API whose routes lead to functions, and anybody may ask."""
    return ApiSettings(routes={key: RouteSettings(function=name) for key, name in routes.items()})


def embedded(pipeline: Pipeline, tmp_path: Path) -> Embedded:
    return Embedded(pipeline, new_run(pipeline.name, base=tmp_path / "state"), workers=2)


@pytest.mark.usefixtures("clean_modules")
def test_the_to_do_api_creates_and_reads_over_http(tmp_path: Path) -> None:
    """Created, read back from DynamoDB, 404, 405, and 400 with the field that is wrong."""
    with embedded(load_pipeline("todo", TODO), tmp_path) as run:
        (api,) = run.pipeline.of(HttpApi)
        front = Front(run.functions, run.scheduler, api_settings(api, root=run.pipeline.root), port=0)

        def client() -> None:
            todo = {"id": "1", "title": "milk"}
            created = ask(front, "POST", "/todos", todo)
            assert (created.status, created.json()) == (201, todo)
            assert ("location", "/todos/1") in created.headers
            found = ask(front, "GET", "/todos/1")
            assert (found.status, found.json()) == (200, todo)
            assert ask(front, "GET", "/todos/2").status == 404
            assert ask(front, "PUT", "/todos/1").status == 405
            wrong = ask(front, "POST", "/todos", {"id": 1, "title": "milk"})
            problem = wrong.json()
            assert isinstance(problem, dict)
            assert (wrong.status, problem["field"]) == (400, "id")
            assert ask(front, "POST", "/todos", {"id": "3", "title": ""}).status == 400

        talk(front, client)


@pytest.mark.usefixtures("clean_modules")
def test_the_front_answers_as_api_gateway_does(tmp_path: Path) -> None:
    """Failures are a 500, unknown routes a 404, large requests a 413."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "fronted.py").write_text(HANDLERS, encoding="utf-8")
    (tmp_path / "handlers" / "__init__.py").touch()
    names = ("breaks", "bare", "no_answer", "default")
    sys.path.insert(0, str(tmp_path))
    functions = {
        name: Function(name, handler=f"handlers.fronted.{name}", timeout_seconds=3) for name in names
    }
    pipeline = Pipeline("fronted", parts=tuple(functions.values()), root=tmp_path)
    with embedded(pipeline, tmp_path) as run:
        routes = {"GET /breaks": "breaks", "GET /things/{id}": "bare", "GET /no_answer": "no_answer"}
        front = Front(run.functions, run.scheduler, leading(routes), port=0)

        def client() -> None:
            failed = {"message": "Internal Server Error"}
            for path in ("/breaks", "/no_answer"):
                answered = ask(front, "GET", path)
                assert (answered.status, answered.json()) == (500, failed)
            bare = ask(front, "GET", "/things/a%20b", headers={"cookie": "x=1; y=2"})
            assert bare.json() == {"route": "GET /things/{id}", "id": "a b", "cookies": ["x=1", "y=2"]}
            twice = ask(front, "GET", "/things/a%2520b").json()
            assert isinstance(twice, dict)
            assert twice["id"] == "a%20b"  # undone once
            nowhere = ask(front, "POST", "/breaks")
            assert (nowhere.status, nowhere.json()) == (404, {"message": "Not Found"})
            # Lambda's own limit (6 MB) is under API Gateway's (10 MB): Base64 and the event are counted too.
            large = ask(front, "GET", "/breaks", b"x" * (REQUEST_LIMIT_BYTES - 1))
            assert large.status == 413

        talk(front, client)
        second = Front(run.functions, run.scheduler, leading({"$default": "default"}), port=0)

        def other_client() -> None:
            answered = ask(second, "GET", "/any/where")
            assert (answered.status, answered.body) == (202, b"\xff")
            assert ("x-path", "/any/where") in answered.headers
            assert [value for name, value in answered.headers if name == "set-cookie"] == ["a=1", "b=2"]

        talk(second, other_client)


@pytest.mark.usefixtures("clean_modules")
def test_a_function_that_takes_too_long_is_a_503(tmp_path: Path) -> None:
    """The function never answers, and no time at all is allowed: nothing here depends on how fast anything is."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "slow.py").write_text(HANDLERS, encoding="utf-8")
    (tmp_path / "handlers" / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    waits = Function("waits", handler="handlers.slow.waits", timeout_seconds=900)
    with embedded(Pipeline("slow", parts=(waits,), root=tmp_path), tmp_path) as run:
        api = leading({"GET /waits": "waits"})
        front = Front(run.functions, run.scheduler, api, port=0, timeout_seconds=0)

        def client() -> None:
            answered = ask(front, "GET", "/waits")
            assert (answered.status, answered.json()) == (503, {"message": "Service Unavailable"})

        talk(front, client)


@pytest.mark.usefixtures("clean_modules")
def test_what_is_under_way_at_the_end_is_a_503(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C leaves no caller waiting, and writes no traceback."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "slow.py").write_text(HANDLERS, encoding="utf-8")
    (tmp_path / "handlers" / "__init__.py").touch()
    sys.path.insert(0, str(tmp_path))
    waits = Function("waits", handler="handlers.slow.waits", timeout_seconds=900)
    got: list[Got] = []
    with embedded(Pipeline("slow", parts=(waits,), root=tmp_path), tmp_path) as run:
        front = Front(run.functions, run.scheduler, leading({"GET /waits": "waits"}), port=0)
        end = run.journal.subscribe(
            lambda event: front.stop() if isinstance(event, InvocationStarted) else None
        )
        asking = Thread(target=lambda: got.append(ask(front, "GET", "/waits")))
        with front:
            asking.start()
            front.serve()
        end()
        asking.join(30)
    assert [one.status for one in got] == [503]
    assert not caplog.records


@pytest.mark.usefixtures("clean_modules")
def test_a_wrong_route_and_an_address_in_use_are_errors(tmp_path: Path) -> None:
    """Both before anything is served."""
    with embedded(load_pipeline("todo", TODO), tmp_path) as run:
        with pytest.raises(HandlerError, match="is no route"):
            Front(run.functions, run.scheduler, leading({"todos": "todo-api"}), port=0)
        front = Front(run.functions, run.scheduler, leading({}), port=0)
        with front, pytest.raises(UsageError, match="cannot be listened on") as taken:
            Front(run.functions, run.scheduler, leading({}), port=int(front.url.rpartition(":")[2]))
        assert "--port" in str(taken.value.fix)
        with pytest.raises(UsageError, match="cannot be listened on") as nowhere:
            Front(run.functions, run.scheduler, leading({}), host="256.1.1.1", port=0)
        assert "--host" in str(nowhere.value.fix)


@pytest.mark.usefixtures("clean_modules")
def test_an_address_of_ip_version_6_is_one(tmp_path: Path) -> None:
    """Its URL has brackets; a machine without it says what to do."""
    with embedded(load_pipeline("todo", TODO), tmp_path) as run:
        try:
            front = Front(run.functions, run.scheduler, leading({"$default": "todo-api"}), host="::1", port=0)
        except UsageError as error:
            pytest.skip(f"this machine has no IPv6: {error.what}")
        got: list[int] = []
        assert front.url.startswith("http://[::1]:")
        talk(front, lambda: got.append(ask(front, "GET", "/todos/2").status))
    assert got == [404]


@pytest.mark.usefixtures("clean_modules")
def test_the_command_serves_until_it_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says where it listens and which function answers what; Ctrl-C ends it well."""

    def interrupt(_: Front) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Front, "serve", interrupt)
    monkeypatch.chdir(TODO)
    result = CliRunner().invoke(main, ["serve", "todo", "--port", "0", "--state", str(tmp_path / "state")])
    assert result.exit_code == 0, result.output
    assert "todo on http://127.0.0.1:" in result.output
    assert "GET /todos/{todo_id}  ->  todo-api" in result.output


@pytest.mark.usefixtures("clean_modules")
def test_what_a_role_lacks_is_refused_and_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--enforce-iam`: the request is a 500, as on AWS, and the line says what to declare."""
    pipelines = tmp_path / "pipelines"
    shutil.copytree(TODO, tmp_path, dirs_exist_ok=True)
    (pipelines / "todo.py").write_text(
        (TODO / "pipelines" / "todo.py").read_text().replace("reads(todos), writes(todos)", "reads(todos),")
    )
    got: list[int] = []

    serve_until_stopped = Front.serve

    def serve(front: Front) -> None:
        def client() -> None:
            try:
                for _ in range(2):
                    got.append(ask(front, "POST", "/todos", {"id": "1", "title": "x"}).status)
                got.append(ask(front, "GET", "/todos/1").status)
            finally:
                front.stop()

        thread = Thread(target=client)
        thread.start()
        serve_until_stopped(front)
        thread.join()

    monkeypatch.setattr(Front, "serve", serve)
    monkeypatch.chdir(tmp_path)
    command = ["serve", "todo", "--port", "0", "--state", str(tmp_path / "state"), "--enforce-iam"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert got == [500, 500, 404]
    assert result.output.count("todo-api may not dynamodb:PutItem on ") == 1
    assert 'fix: add writes(Table "todos") to the calls of function "todo-api"' in result.output
    assert result.output.count("todo-api failed: ClientError: An error occurred (AccessDeniedException)") == 2
    assert "logs/todo-api.log" in result.output


def test_an_execution_that_fails_behind_an_api_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else would: who started it has its answer already."""
    tell = failures_told(Path("logs"))
    arn = "arn:aws:states:us-east-1:123456789012:execution:count:one"
    for status in ("SUCCEEDED", "FAILED"):
        tell(
            ExecutionFinished(
                at=0.0, execution=arn, state_machine="count", status=status, error="Busy", cause="too much"
            )
        )
    assert capsys.readouterr().out == "execution count:one FAILED: Busy: too much\n"


@pytest.mark.usefixtures("clean_modules")
def test_the_example_asks_for_what_it_needs(tmp_path: Path) -> None:
    """Under the policy that is deployed with it, it works."""
    pipeline = load_pipeline("todo", TODO)
    with Embedded(pipeline, new_run("todo", base=tmp_path), workers=1, policy=policy_of(pipeline)) as run:
        front = Front(run.functions, run.scheduler, api_settings(pipeline.of(HttpApi)[0], root=TODO), port=0)
        got: list[int] = []

        def client() -> None:
            got.append(ask(front, "POST", "/todos", {"id": "1", "title": "x"}).status)
            got.append(ask(front, "GET", "/todos/1").status)

        talk(front, client)
    assert got == [201, 200]


@pytest.mark.usefixtures("clean_modules")
def test_a_pipeline_without_an_api_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to declare."""
    monkeypatch.chdir(TODO.parents[2])
    result = CliRunner().invoke(main, ["serve", "stream-analytics", "--state", str(tmp_path / "state")])
    assert result.exit_code == 2
    assert "has no HTTP APIs" in result.output
    assert "declare one HttpApi" in result.output
