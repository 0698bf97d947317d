"""The interpreter: one execution, stepped from happening to happening.

1. Nothing here waits, reads a clock, draws a random number or runs a task. `advance` takes an execution and
   what has happened; it answers with the execution as it stands now and with what the world is asked for.
2. Two tables say everything: which function runs a state (`_RUN`), and which one answers a happening
   (`_ANSWER`). What each does is in `states`, `tasks`, `fan_out` and `map_run`; how a branch goes on is in
   `transitions`.
3. Branches take turns from a queue until every one of them waits: no input makes Python's stack grow, and the
   same happenings give the same history, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from penstock.errors import ExecutionInputError
from penstock.statemachines import fan_out, map_run, redrive, states, tasks
from penstock.statemachines.execution import (
    HISTORY_FULL_ERROR,
    Branch,
    Execution,
    HistoryFull,
    Status,
    TimerPurpose,
    Turn,
)
from penstock.statemachines.failures import TIMEOUT, StateFailure
from penstock.statemachines.model import (
    Choice,
    Fail,
    Flow,
    Kind,
    Machine,
    Map,
    Parallel,
    Pass,
    Succeed,
    Task,
    Wait,
)
from penstock.statemachines.protocol import (
    ActivityTaken,
    ChildFinished,
    Finished,
    Happening,
    ItemsRead,
    ItemsReadFailed,
    Redriven,
    ResultsWriteFailed,
    ResultsWritten,
    StartChild,
    Step,
    Stopped,
    TaskFailed,
    TaskHeartbeat,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from penstock.statemachines.tasks import Attempt
from penstock.statemachines.transitions import enter, fail, stop
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes

MAXIMUM_EXPRESS_SECONDS = 300
"""Quotas: "Maximum execution time" of an Express workflow is five minutes."""


def start(
    machine: Machine,
    value: JSON,
    *,
    execution_arn: str,
    state_machine_arn: str,
    role_arn: str,
    at: float,
    name: str = "",
    seed: int = 0,
    kind: Kind = "STANDARD",
    synchronous: bool = False,
    context: Mapping[str, JSON] | None = None,
    activities: Iterable[str] | None = None,
) -> Step:
    """Begin an execution.

    Args:
        value: the input.
        name: of the execution; by default, the last part of its ARN.
        at: now, in epoch seconds.
        seed: of the execution's own random numbers (jitter, `States.UUID`, task tokens, names of children).
        synchronous: started by `StartSyncExecution`.
        context: further members of the context object.
        activities: the ARNs of the activities that exist; None if every one does.

    Returns:
        The execution and the first commands; the runner carries them out and comes back with `advance`.

    Raises:
        ExecutionInputError: the input is larger than 256 KiB; `StartExecution` refuses it with
            `InvalidExecutionInput`.
    """
    if size_bytes(value) > MAXIMUM_PAYLOAD_BYTES:
        raise ExecutionInputError(
            f"the execution's input is larger than {MAXIMUM_PAYLOAD_BYTES} bytes, or nested too deeply",
            fix="hand over the place of the data in S3 instead of the data",
        )
    execution = Execution(
        machine,
        machine.flow,
        value,
        arn=execution_arn,
        name=name or execution_arn.rpartition(":")[2],
        role_arn=role_arn,
        state_machine_arn=state_machine_arn,
        kind=kind,
        synchronous=synchronous,
        at=at,
        seed=seed,
        context=context,
        activities=None if activities is None else frozenset(activities),
    )
    return _begin(execution, machine.timeout_seconds)


def start_child(
    machine: Machine, command: StartChild, *, at: float, activities: Iterable[str] | None = None
) -> Step:
    """Begin a child execution of a Distributed Map.

    Args:
        machine: the parent's.
        command: what the parent asked for; give its end back as `ChildFinished` with the same `child_id`.
    """
    flow: Flow = machine.flows[command.pointer]
    kind: Kind = "EXPRESS" if command.kind == "EXPRESS" else "STANDARD"
    execution = Execution(
        machine,
        flow,
        command.input,
        arn=command.execution_arn,
        name=command.name,
        role_arn=command.role_arn,
        state_machine_arn=command.state_machine_arn,
        kind=kind,
        synchronous=False,
        at=at,
        seed=command.seed,
        context=command.context,
        activities=None if activities is None else frozenset(activities),
    )
    return _begin(execution, None)


def advance(execution: Execution, happened: Happening) -> Step:
    """Take the execution as far as it goes with what has happened.

    What comes too late (about a task, a timer or a child that is over, or after the end) changes nothing.

    Args:
        execution: from the last step; it must not be used again.
    """
    execution.commands = []
    execution.now = max(execution.now, happened.at)
    if (execution.status is Status.RUNNING) is not isinstance(happened, Redriven):
        answer = _ANSWER[type(happened)]
        _run(execution, answer, happened)
    return Step(execution, tuple(execution.commands))


def _begin(execution: Execution, timeout_seconds: int | None) -> Step:
    details = {"input": execution.input, "roleArn": execution.role_arn}
    execution.append("ExecutionStarted", 0, details)
    if execution.kind == "EXPRESS":
        timeout_seconds = min(timeout_seconds or MAXIMUM_EXPRESS_SECONDS, MAXIMUM_EXPRESS_SECONDS)
    execution.timeout_seconds = timeout_seconds
    execution.limit_time()
    execution.ready.append((Turn.ENTER, execution.branch))
    _run(execution, None, None)
    return Step(execution, tuple(execution.commands))


_H = TypeVar("_H")


def _run(execution: Execution, answer: Callable[[Execution, _H], None] | None, happened: _H) -> None:
    """Answer what has happened, then give every branch that is ready its turn."""
    try:
        if answer is not None:
            answer(execution, happened)
        ready, ended = execution.ready, execution.ended
        while ended or ready:
            turn, branch = ended.popleft() if ended else ready.popleft()
            if not branch.stopped:
                _TAKE[turn](execution, branch)
    except HistoryFull:
        error, cause = HISTORY_FULL_ERROR
        stop(execution, execution.branch)
        last = len(execution.history)
        _finish(execution, Status.FAILED, None, error=error, cause=cause, previous=last)


# --- Turns ------------------------------------------------------------------------------------------------


def _enter(execution: Execution, branch: Branch) -> None:
    enter(execution, branch)
    _resume(execution, branch)


def _resume(execution: Execution, branch: Branch) -> None:
    state = branch.state
    try:
        _RUN[type(state)](execution, branch, state)
    except StateFailure as failure:
        fail(execution, branch, failure)


def _succeeded(execution: Execution, branch: Branch) -> None:
    if branch.owner is not None:
        fan_out.branch_succeeded(execution, branch.owner, branch)
        return
    _finish(execution, Status.SUCCEEDED, branch.output, previous=branch.previous_event_id)


def _failed(execution: Execution, branch: Branch) -> None:
    if branch.owner is not None:
        fan_out.branch_failed(execution, branch.owner, branch)
        return
    error, cause = branch.error
    _finish(execution, Status.FAILED, None, error=error, cause=cause, previous=branch.previous_event_id)


_TAKE: Mapping[Turn, Callable[[Execution, Branch], None]] = {
    Turn.ENTER: _enter,
    Turn.RESUME: _resume,
    Turn.SUCCEEDED: _succeeded,
    Turn.FAILED: _failed,
}


def _run_map(execution: Execution, branch: Branch, state: Map) -> None:
    if state.distributed:
        map_run.run_distributed_map(execution, branch, state)
    else:
        fan_out.run_map(execution, branch, state)


_RUN: Mapping[type, Callable[..., None]] = {
    Pass: states.run_pass,
    Succeed: states.run_succeed,
    Fail: states.run_fail,
    Wait: states.run_wait,
    Choice: states.run_choice,
    Task: tasks.run_task,
    Parallel: fan_out.run_parallel,
    Map: _run_map,
}


# --- The end ----------------------------------------------------------------------------------------------

_LAST_EVENTS = {
    Status.SUCCEEDED: "ExecutionSucceeded",
    Status.FAILED: "ExecutionFailed",
    Status.TIMED_OUT: "ExecutionTimedOut",
    Status.ABORTED: "ExecutionAborted",
}


def _finish(
    execution: Execution,
    status: Status,
    output: JSON,
    *,
    error: str | None = None,
    cause: str | None = None,
    previous: int = 0,
) -> None:
    execution.ready.clear()
    execution.ended.clear()
    for timer_id in list(execution.timers):
        execution.cancel_timer(timer_id)
    execution.status = status
    execution.output, execution.error, execution.cause = output, error, cause
    # `DescribeExecution` gives no error of an execution that has timed out; its last event does.
    recorded = TIMEOUT if status is Status.TIMED_OUT else error
    execution.append(_LAST_EVENTS[status], previous, _end_details(status, output, recorded, cause))
    execution.commands.append(
        Finished(status=status.value, output=output, error=error, cause=cause, at=execution.now)
    )


def _end_details(status: Status, output: JSON, error: str | None, cause: str | None) -> Mapping[str, JSON]:
    if status is Status.SUCCEEDED:
        return {"output": output}
    details: dict[str, JSON] = {}
    if cause is not None:
        details["cause"] = cause
    if error is not None:
        details["error"] = error
    return details


# --- Answers ----------------------------------------------------------------------------------------------


def _timer_fired(execution: Execution, happened: TimerFired) -> None:
    """Everything that is due by now happens now: attempts that time out at one moment time out together."""
    timer = execution.timers.get(happened.timer_id)
    if timer is None:
        return
    # A clock that is a little behind the one that the timer was set by must not lose the timer.
    execution.now = max(execution.now, timer.at)
    for timer_id, (purpose, branch, _at) in execution.take_due_timers():
        if branch.stopped or execution.status is not Status.RUNNING:
            continue
        work = branch.work
        if purpose is TimerPurpose.EXECUTION_TIMEOUT:
            stop(execution, execution.branch)
            _finish(execution, Status.TIMED_OUT, None)
        elif purpose is TimerPurpose.RETRY_DUE:
            branch.work = None
            execution.ready.append((Turn.RESUME, branch))
        elif purpose is TimerPurpose.WAIT_OVER:
            branch.work = None
            _guarded(execution, branch, states.end_wait)
        elif isinstance(work, Attempt) and timer_id in (work.timeout_timer, work.heartbeat_timer):
            tasks.timed_out(execution, work, heartbeat=purpose is TimerPurpose.HEARTBEAT_TIMEOUT)


def _guarded(execution: Execution, branch: Branch, act: Callable[[Execution, Branch], None]) -> None:
    try:
        act(execution, branch)
    except StateFailure as failure:
        fail(execution, branch, failure)


_TaskHappening = TaskSubmitted | ActivityTaken | TaskHeartbeat | TaskSucceeded | TaskFailed
_T = TypeVar("_T", bound=_TaskHappening)


def _of_task(act: Callable[[Execution, Attempt, _T], None]) -> Callable[[Execution, _T], None]:
    def answer(execution: Execution, happened: _T) -> None:
        attempt = execution.attempts.get(happened.task_id)
        if attempt is not None:
            act(execution, attempt, happened)

    return answer


def _child_finished(execution: Execution, happened: ChildFinished) -> None:
    run = execution.children.pop(happened.child_id, None)
    if run is not None:
        map_run.child_finished(execution, run, happened)


def _items_read(execution: Execution, happened: ItemsRead) -> None:
    run = execution.reads.get(happened.read_id)
    if run is not None:
        map_run.items_read(execution, run, happened)


def _items_read_failed(execution: Execution, happened: ItemsReadFailed) -> None:
    run = execution.reads.get(happened.read_id)
    if run is not None:
        map_run.items_read_failed(execution, run, happened)


def _results_written(execution: Execution, happened: ResultsWritten) -> None:
    run = execution.writes.get(happened.write_id)
    if run is not None:
        map_run.results_written(execution, run, happened)


def _results_write_failed(execution: Execution, happened: ResultsWriteFailed) -> None:
    run = execution.writes.get(happened.write_id)
    if run is not None:
        map_run.results_write_failed(execution, run, happened)


def _stopped(execution: Execution, happened: Stopped) -> None:
    stop(execution, execution.branch)
    _finish(execution, Status.ABORTED, None, error=happened.error, cause=happened.cause)


_ANSWER: Mapping[type, Callable[..., None]] = {
    TaskSubmitted: _of_task(tasks.submitted),
    ActivityTaken: _of_task(tasks.taken),
    TaskHeartbeat: _of_task(tasks.heard),
    TaskSucceeded: _of_task(tasks.succeeded),
    TaskFailed: _of_task(tasks.failed),
    TimerFired: _timer_fired,
    ChildFinished: _child_finished,
    ItemsRead: _items_read,
    ItemsReadFailed: _items_read_failed,
    ResultsWritten: _results_written,
    ResultsWriteFailed: _results_write_failed,
    Stopped: _stopped,
    Redriven: redrive.redriven,
}
