"""A function's process: initialized in time, ended with all that it has started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.localstack import environments, manager
from penstock.localstack.environments import install_kinesis
from penstock.localstack.plugin.function_process import Code, FunctionProcess
from penstock.localstack.plugin.runtime_api import InitError
from penstock.localstack.processes import INSTALLING, Process, is_alive, marked, process

RUNTIME = """
import json, os, subprocess, sys, threading
from http.client import HTTPConnection
from pathlib import Path

if sys.argv[1] == "handlers.hangs":
    print("this module hangs", flush=True)
    threading.Event().wait()
api = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=30)
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(answer.read())
    if event == "child":
        command = [sys.executable, "-c", "import threading; threading.Event().wait()"]
        child = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
        Path(os.environ["CHILD"]).write_text(str(child.pid))
        __import__("threading").Event().wait()
    if event == "exit":
        sys.exit(3)
    if event == "last":
        api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", '"last"')
        Path(os.environ["CHILD"]).exists() or threading.Event().wait(0.3)
        sys.exit(0)
    body = json.dumps(event)
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", body)
    api.getresponse().read()
"""
"""What awslambdaric does, in a few lines."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "awslambdaric.py").write_text(RUNTIME)
    return tmp_path / "code"


def started(folder: Path, handler: str, *, init_seconds: float = 10) -> FunctionProcess:
    code = Code(
        python=Path(sys.executable),
        folder=folder,
        handler=handler,
        version="$LATEST",
        timeout_seconds=1,
        memory_mb=128,
    )
    return FunctionProcess(code, {"CHILD": str(folder / "child")}, init_seconds=init_seconds)


@pytest.fixture
def works(folder: Path) -> Iterator[FunctionProcess]:
    made = started(folder, "handlers.works")
    made.start()
    yield made
    made.stop()


def invoke(function: FunctionProcess, payload: str) -> tuple[str, bool]:
    outcome = function.invoke("r-1", payload.encode(), function_arn="arn:f", trace_id="Root=1")
    return outcome.answer.payload.decode(), outcome.answer.is_error


def test_an_initialization_without_an_end(folder: Path) -> None:
    """Lambda gives it ten seconds, and then the function's timeout; nobody waits for ever."""
    function = started(folder, "handlers.hangs", init_seconds=0.2)
    try:
        with pytest.raises(InitError, match=r"Sandbox.Timedout") as caught:
            function.start()
        assert "Task timed out after 1.20 seconds" in str(caught.value)
        outcome = function.invoke("r-1", b"1", function_arn="arn:f", trace_id="Root=1")
        assert (outcome.answer.is_error, outcome.answer.payload) == (True, caught.value.payload)
        assert "this module hangs" in outcome.log
    finally:
        function.stop()


@linux
def test_a_function_that_timed_out_leaves_nothing(works: FunctionProcess, folder: Path) -> None:
    """Its environment is gone, and so is a child that leads a session of its own; the next invocation works."""
    outcome = works.invoke("r-1", b'"child"', function_arn="arn:f", trace_id="Root=1")
    assert outcome.answer.is_error
    assert b"Task timed out after 1.00 seconds" in outcome.answer.payload
    assert "r-1 Task timed out after 1.00 seconds\nEND" in outcome.log
    assert not is_alive(process(int((folder / "child").read_text())))
    assert invoke(works, '"again"') == ('"again"', False)


def test_a_function_that_exits(works: FunctionProcess) -> None:
    """`sys.exit(3)` is told, and the next invocation is of a new process."""
    outcome = works.invoke("r-1", b'"exit"', function_arn="arn:f", trace_id="Root=1")
    assert outcome.answer.is_error
    assert b"Runtime exited with error: exit status 3" in outcome.answer.payload
    assert (
        "RequestId: r-1 Error: Runtime exited with error: exit status 3\nRuntime.ExitError\nEND"
        in outcome.log
    )
    assert invoke(works, '"again"') == ('"again"', False)


def test_a_function_that_ends_after_its_answer(works: FunctionProcess) -> None:
    """The next invocation is sent to a process that is about to end: it is run by another, and does not fail."""
    assert invoke(works, '"last"') == ('"last"', False)
    assert invoke(works, '"next"') == ('"next"', False)


@linux
def test_what_a_killed_command_was_installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that outlived its command is ended before the next one begins in the same folder."""
    downloads = tmp_path / "downloads"
    partial = downloads / environments.KINESIS / f"{environments.KINESIS_VERSION}.partial"
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, env={**os.environ, INSTALLING: str(partial)}
    ) as orphan:
        one: Process = process(orphan.pid)
        assert marked(partial, INSTALLING) == (one,)
        monkeypatch.setenv("PATH", str(tmp_path))
        npm = tmp_path / "npm"
        npm.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
        npm.chmod(0o755)
        assert not install_kinesis(downloads)
        assert not is_alive(one)


def test_a_folder_that_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link to what was downloaded leads to the folder as it is now, not as it was called before."""
    monkeypatch.setattr(environments, "install_kinesis", lambda downloads: True)
    before, after = tmp_path / "before", tmp_path / "after"
    for state in (before, after):
        folder = manager.folder_in(state)
        if state == before:
            folder.environments.mkdir(parents=True)
        manager._share_downloads(folder)
        link = folder.data / "fs/var/lib/localstack/lib"
        assert link.resolve() == folder.environments / "downloads"
        (folder.environments / "downloads" / "there").touch()
        assert (link / "there").is_file()
        if state == before:
            before.rename(after)
