"""Functions as processes: what a function sees, and what becomes of one that hangs, ends or cannot start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.testing.localstack import LocalStack
from tests.integration.functions import create_function, invoke

SOURCE = """
import os, sys, time

print("initialized")
calls = 0

def handle(event, context):
    global calls
    calls += 1
    print("called", calls)
    match event.get("do"):
        case "sleep":
            time.sleep(60)
        case "exit":
            os._exit(3)
        case "raise":
            raise KeyError("absent")
        case "too much":
            return "x" * 7_000_000
    left = context.get_remaining_time_in_millis()
    return {"calls": calls, "left": left, "name": context.function_name, "environ": dict(os.environ)}
"""


@pytest.fixture(scope="module")
def process_function(localstack: LocalStack) -> str:
    """A function that does what it is told."""
    if localstack.functions_on is None:
        pytest.skip("the functions of this LocalStack run in containers")
    create_function(localstack, "does-as-told", SOURCE, timeout_seconds=2, environment={"COLOUR": "red"})
    return "does-as-told"


def test_a_function_sees_what_lambda_shows_it(
    localstack: LocalStack, process_function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own variables, Lambda's, the time that is left; nothing of the environment that LocalStack runs in."""
    seen = invoke(localstack, process_function, {}).payload
    environ = seen["environ"]
    assert seen["name"] == process_function
    assert 1000 < seen["left"] <= 2000
    assert environ["COLOUR"] == "red"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == process_function
    assert environ["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{localstack.functions_on}"
    assert environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "GATEWAY_LISTEN" not in environ
    assert "PYTHONPATH" not in environ


def test_a_process_is_kept(localstack: LocalStack, process_function: str) -> None:
    """The second invocation finds what the first one left; each has the log of its own."""
    first = invoke(localstack, process_function, {})
    second = invoke(localstack, process_function, {})
    assert second.payload["calls"] == first.payload["calls"] + 1
    assert f"called {second.payload['calls']}\n" in second.log
    assert "initialized" not in second.log
    assert second.log.startswith("START RequestId: ")
    assert "\nREPORT RequestId: " in second.log


@pytest.mark.parametrize(
    ("do", "error_type", "message"),
    [
        ("sleep", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
    ],
)
def test_a_process_that_is_lost_is_begun_anew(
    localstack: LocalStack, process_function: str, do: str, error_type: str, message: str
) -> None:
    """The invocation fails in Lambda's words; the next one is initialized again."""
    lost = invoke(localstack, process_function, {"do": do})
    assert lost.error == "Unhandled"
    assert lost.payload["errorType"] == error_type
    assert message in lost.payload["errorMessage"]
    after = invoke(localstack, process_function, {})
    assert after.payload["calls"] == 1
    assert "initialized\ncalled 1\n" in after.log


def test_an_exception_is_the_functions_error(localstack: LocalStack, process_function: str) -> None:
    """Type, message and trace; the process is kept."""
    before = invoke(localstack, process_function, {}).payload["calls"]
    failed = invoke(localstack, process_function, {"do": "raise"})
    assert failed.error == "Unhandled"
    assert failed.payload["errorType"] == "KeyError"
    assert failed.payload["errorMessage"] == "'absent'"
    assert 'raise KeyError("absent")' in "".join(failed.payload["stackTrace"])
    assert invoke(localstack, process_function, {}).payload["calls"] == before + 2


def test_a_response_may_be_six_megabytes(localstack: LocalStack, process_function: str) -> None:
    """A larger one is an error of Lambda's."""
    failed = invoke(localstack, process_function, {"do": "too much"})
    assert failed.payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_function_that_cannot_be_initialized(localstack: LocalStack, named: Callable[[str], str]) -> None:
    """Its error is the invocation's."""
    name = named("broken")
    create_function(localstack, name, "import not_there\n\ndef handle(event, context): ...\n")
    failed = invoke(localstack, name, {})
    assert failed.error == "Unhandled"
    assert failed.payload["errorType"] == "Runtime.ImportModuleError"
    assert "not_there" in failed.payload["errorMessage"]


def test_a_runtime_that_is_no_python(
    localstack: LocalStack, process_function: str, named: Callable[[str], str]
) -> None:
    """The function's state says why it cannot run here, and what to do."""
    name = named("node")
    create_function(localstack, name, "", runtime="nodejs22.x")
    client: Any = localstack.client("lambda")
    found = client.get_function_configuration(FunctionName=name)
    assert found["State"] == "Failed"
    assert "nodejs22.x cannot" in found["StateReason"]
    assert "docker compose up" in found["StateReason"]
