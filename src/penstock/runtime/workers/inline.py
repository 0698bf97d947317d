"""Functions run in this process, one after the other: the invoker for the virtual clock.

1. Deterministic: an invocation takes no time, and runs in a turn of its own, unless it waits for an answer: of a
   long poll, or of a function or state machine that it calls.
2. Virtual time passes only while a handler waits, so that is where a function's timeout ends it; a handler that
   never returns by itself needs the real clock and its worker processes.
3. Modules are imported once for the whole run, as they are in one execution environment of each function.
4. So are a function's environment variables set once, and taken back when another function runs or the
   scheduler rests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from penstock.runtime.aws_calls import REGION, called_by
from penstock.runtime.invocation import (
    FunctionError,
    Invocation,
    InvocationOutcome,
    exited,
    refuse_large_payload,
    timed_out,
)
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, ServiceError
from penstock.runtime.workers.context import LambdaContext, lambda_variables, use_time_zone
from penstock.runtime.workers.inline_output import FunctionLogs
from penstock.runtime.workers.running import Entry, LoadFailedError, load_entry, run_entry


class OutOfTime(BaseException):
    """The function that waits has no time left; no handler may catch it, as none outlives its timeout."""


class InlineInvoker:
    """Runs functions in the scheduler's thread.

    Args:
        load: finds a handler by its setting; the default imports it.
        logs: the folder for what functions say, and why they failed; None: to this process's own output.
    """

    def __init__(
        self, scheduler: Scheduler, *, load: Callable[[str], Entry] = load_entry, logs: Path | None = None
    ) -> None:
        self._scheduler = scheduler
        self._load = load
        self._logs = None if logs is None else FunctionLogs(logs)
        self._warm: dict[str, Entry] = {}
        self._closed = False
        self._variables = _Variables()
        self._waiting: dict[str, str] | None = None
        self._deadlines: list[float] = []
        scheduler.at_rest(self._variables.take_back)

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        """Run the function in a turn of its own; see `Invoker.invoke`."""
        refuse_large_payload(invocation.payload, asynchronous=invocation.asynchronous)
        self._scheduler.call_soon(lambda: self._run(invocation, done))

    def close(self) -> None:
        """Drop what has not begun."""
        self._closed = True
        if self._logs is not None:
            self._logs.close()

    def wait(self, promise: AnswerLater) -> None:
        """Wait for an answer, for as long as the function that asks for it may run.

        Raises:
            OutOfTime: it did not come in time.
        """
        if not self._deadlines:
            promise.wait()
            return
        scheduler, deadline = self._scheduler, self._deadlines[-1]
        timer = scheduler.call_at(deadline, lambda: None)
        scheduler.run_until(lambda: promise.settled or scheduler.now() >= deadline)
        timer.cancel()
        if not promise.settled:
            promise.fail(ServiceError("RequestAbandoned", "The function that asked has timed out."))
            raise OutOfTime

    def _run(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        if self._closed:
            return
        cold = invocation.function not in self._warm
        began = self._scheduler.now()
        deadline = began + invocation.timeout_seconds
        caller, self._waiting = self._waiting, lambda_variables(invocation, REGION)
        self._variables.give(self._waiting)
        self._deadlines.append(deadline)
        try:
            with called_by(invocation.function), self._said_by(invocation):
                result = self._result(invocation, deadline)
            if self._scheduler.now() > deadline:
                result = timed_out(invocation)
        except OutOfTime:
            result = timed_out(invocation)
        finally:
            self._deadlines.pop()
            self._waiting = caller
            if caller is not None:
                self._variables.give(caller)
        failed = isinstance(result, FunctionError)
        if self._logs is not None and isinstance(result, FunctionError):
            self._logs.failed(invocation.function, result, invocation.request_id)
        done(
            InvocationOutcome(
                request_id=invocation.request_id,
                payload=None if isinstance(result, FunctionError) else result,
                error=result if isinstance(result, FunctionError) else None,
                duration_seconds=self._scheduler.now() - began,
                cold_start=cold and not failed,
            )
        )

    def _said_by(self, invocation: Invocation) -> AbstractContextManager[None]:
        if self._logs is None:
            return nullcontext()
        return self._logs.of(invocation.function, invocation.request_id)

    def _result(self, invocation: Invocation, deadline: float) -> bytes | FunctionError:
        try:
            entry = self._warm.get(invocation.function)
            if entry is None:
                entry = self._warm[invocation.function] = self._load(invocation.handler)
            context = LambdaContext(invocation, self._scheduler.clock.now, deadline)
            return run_entry(entry, invocation.payload, context)
        except LoadFailedError as failed:
            return failed.error
        except SystemExit as exit_:
            self._warm.pop(invocation.function, None)
            return exited(invocation.request_id, exit_status(exit_))


def exit_status(raised: SystemExit) -> int:
    """The process's exit status that a `SystemExit` means."""
    if raised.code is None:
        return 0
    return raised.code if isinstance(raised.code, int) else 1


class _Variables:
    """The environment variables that are set for a function, and what was in their place."""

    def __init__(self) -> None:
        self._given: Mapping[str, str] = {}
        self._before: dict[str, str | None] = {}

    def give(self, variables: Mapping[str, str]) -> None:
        """Set a function's variables, unless they are set already."""
        if variables == self._given:
            return
        self.take_back()
        self._before = {name: os.environ.get(name) for name in variables}
        self._given = variables
        os.environ.update(variables)
        use_time_zone()

    def take_back(self) -> None:
        """Have the process's variables as they were."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._before:
            use_time_zone()
        self._before = {}
        self._given = {}
