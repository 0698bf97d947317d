"""Functions in this process: whose environment variables are seen, and when."""

from __future__ import annotations

import os

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.invocation import Invocation, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.workers.context import LambdaContext
from penstock.runtime.workers.inline import InlineInvoker
from penstock.runtime.workers.running import Entry


class Bench:
    """Functions `a` and `b`, each with its own MODE; `handlers` are what they do."""

    def __init__(self, **handlers: Entry) -> None:
        self.scheduler = Scheduler(VirtualClock())
        self.outcomes: list[InvocationOutcome] = []
        self.invoker = InlineInvoker(self.scheduler, load=handlers.__getitem__)

    def invoke(self, name: str) -> None:
        invocation = Invocation(
            request_id=f"id-{name}", function=name, handler=name, payload=b"{}", environment={"MODE": name}
        )
        self.invoker.invoke(invocation, self.outcomes.append)


def mode(event: object, context: LambdaContext) -> object:
    return os.environ.get("MODE")


def test_each_function_sees_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever order they run; afterwards the process has its own again."""
    monkeypatch.setenv("MODE", "mine")
    bench = Bench(a=mode, b=mode)
    for name in "aabba":
        bench.invoke(name)
    bench.scheduler.run_until_idle()
    assert [one.payload for one in bench.outcomes] == [b'"a"', b'"a"', b'"b"', b'"b"', b'"a"']
    assert os.environ["MODE"] == "mine"
    assert "AWS_LAMBDA_FUNCTION_NAME" not in os.environ


def test_a_function_that_waits_for_another_has_its_variables_afterwards() -> None:
    """As it would in an execution environment of its own, also when the other one fails."""

    def fails(event: object, context: LambdaContext) -> object:
        raise ValueError(os.environ["MODE"])

    def calls(event: object, context: LambdaContext) -> object:
        bench.invoke("b")
        bench.scheduler.run_until(lambda: bool(bench.outcomes))
        return os.environ["MODE"]

    bench = Bench(a=calls, b=fails)
    bench.invoke("a")
    bench.scheduler.run_until_idle()
    inner, outer = bench.outcomes
    assert inner.error is not None
    assert inner.error.error_message == "b"
    assert outer.payload == b'"a"'
    assert "MODE" not in os.environ


def test_what_a_function_sets_stays_while_its_environment_is_warm() -> None:
    """Lambda keeps an environment for further invocations of the function."""

    def sets(event: object, context: LambdaContext) -> object:
        before = os.environ["MODE"]
        os.environ["MODE"] = "changed"
        return before

    bench = Bench(a=sets)
    bench.invoke("a")
    bench.invoke("a")
    bench.scheduler.run_until_idle()
    assert [one.payload for one in bench.outcomes] == [b'"a"', b'"changed"']
    assert "MODE" not in os.environ
