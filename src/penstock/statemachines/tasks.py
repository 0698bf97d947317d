"""Task states: scheduling an attempt, its timeouts, and what comes of it.

1. The engine knows that a task was asked for and how it ended, never what it does.
2. Which history events an attempt leaves depends on its resource: a Lambda function's ARN, an activity's ARN,
   or an integration. The table `_EVENTS` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.statemachines import dataflow
from penstock.statemachines.dataflow import scope_of
from penstock.statemachines.execution import Branch, Execution, TimerPurpose
from penstock.statemachines.failures import (
    DATA_LIMIT,
    HEARTBEAT_TIMEOUT,
    TASK_FAILED,
    TIMEOUT,
    StateFailure,
    runtime_failure,
    too_large_cause,
)
from penstock.statemachines.model import Scope, Setting, Task
from penstock.statemachines.protocol import (
    ActivityTaken,
    CancelTask,
    IntegrationPattern,
    RunTask,
    TaskFailed,
    TaskHeartbeat,
    TaskSubmitted,
    TaskSucceeded,
)
from penstock.statemachines.settings import integer, out_of_range
from penstock.statemachines.transitions import fail, leave
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes

MAXIMUM_TIMEOUT_SECONDS = 99_999_999


@dataclass(frozen=True, slots=True)
class _Events:
    """The event types of one kind of resource."""

    scheduled: str
    succeeded: str
    failed: str
    timed_out: str


_LAMBDA = _Events(
    "LambdaFunctionScheduled", "LambdaFunctionSucceeded", "LambdaFunctionFailed", "LambdaFunctionTimedOut"
)
_ACTIVITY = _Events("ActivityScheduled", "ActivitySucceeded", "ActivityFailed", "ActivityTimedOut")
_INTEGRATION = _Events("TaskScheduled", "TaskSucceeded", "TaskFailed", "TaskTimedOut")


class Attempt:
    """One run of a task, from `RunTask` to its end.

    Args:
        started: an activity's worker has taken it; always true for other resources.
    """

    __slots__ = (
        "branch",
        "events",
        "heartbeat_seconds",
        "heartbeat_timer",
        "started",
        "state",
        "submitted",
        "task_id",
        "timeout_seconds",
        "timeout_timer",
    )

    def __init__(self, task_id: int, branch: Branch, state: Task, events: _Events) -> None:
        self.task_id = task_id
        self.branch = branch
        self.state = state
        self.events = events
        self.started = events is not _ACTIVITY
        self.submitted = False
        self.timeout_seconds: int | None = None
        self.heartbeat_seconds: int | None = None
        self.timeout_timer: int | None = None
        self.heartbeat_timer: int | None = None

    def stop(self, execution: Execution) -> None:
        close(execution, self)
        execution.commands.append(CancelTask(task_id=self.task_id, reason="the state was aborted"))

    def shared(self) -> dict[str, JSON]:
        """The details that every event of an integration has."""
        if self.events is not _INTEGRATION:
            return {}
        state = self.state
        suffix = "" if state.pattern == "request_response" else f".{state.pattern}"
        return {"resource": f"{state.action}{suffix}", "resourceType": state.resource_type}


def run_task(execution: Execution, branch: Branch, state: Task) -> None:
    """Schedule an attempt."""
    task_id = execution.next_id()
    pattern = IntegrationPattern(state.pattern)
    token = execution.random_uuid()
    # "Run a Job (.sync)": a job that is given the token may end its task with it as well.
    branch.token = None if pattern is IntegrationPattern.REQUEST_RESPONSE else token
    scope = scope_of(execution, branch)
    value = dataflow.filtered_input(state, branch.input, scope)
    timeout = seconds(state.timeout, value, scope)
    heartbeat = seconds(state.heartbeat, value, scope)
    parameters = value if state.arguments is None else state.arguments(value, scope)
    credentials = None if state.credentials is None else state.credentials(value, scope)
    _check_activity(execution, state)
    dataflow.check_size(state, parameters)
    attempt = Attempt(task_id, branch, state, _events(state))
    attempt.timeout_seconds, attempt.heartbeat_seconds = timeout, heartbeat
    execution.record(
        branch, attempt.events.scheduled, _scheduled(execution, attempt, parameters, credentials)
    )
    branch.work = attempt
    execution.attempts[task_id] = attempt
    if attempt.events is _LAMBDA:
        execution.record(branch, "LambdaFunctionStarted")
    elif attempt.events is _INTEGRATION:
        execution.record(branch, "TaskStarted", attempt.shared())
    execution.commands.append(
        RunTask(
            task_id=task_id,
            state_name=state.name,
            resource=state.resource,
            resource_type=state.resource_type,
            action=state.action,
            pattern=pattern,
            parameters=parameters,
            task_token=token,
            attempt=branch.retry_count,
            timeout_seconds=timeout,
            heartbeat_seconds=heartbeat,
            credentials=credentials,
        )
    )
    if timeout is not None:
        attempt.timeout_timer = execution.set_timer(
            TimerPurpose.TASK_TIMEOUT, branch, execution.now + timeout
        )
    if heartbeat is not None and attempt.started:
        attempt.heartbeat_timer = execution.set_timer(
            TimerPurpose.HEARTBEAT_TIMEOUT, branch, execution.now + heartbeat
        )


def submitted(execution: Execution, attempt: Attempt, happened: TaskSubmitted) -> None:
    """A `.sync` or `.waitForTaskToken` call was accepted."""
    if attempt.submitted:
        return
    attempt.submitted = True
    execution.record(attempt.branch, "TaskSubmitted", {**attempt.shared(), "output": happened.output})


def taken(execution: Execution, attempt: Attempt, happened: ActivityTaken) -> None:
    """An activity's worker has the task."""
    if attempt.started:
        return
    attempt.started = True
    details = {} if happened.worker_name is None else {"workerName": happened.worker_name}
    execution.record(attempt.branch, "ActivityStarted", details)
    heard(execution, attempt, TaskHeartbeat(task_id=happened.task_id, at=happened.at))


def heard(execution: Execution, attempt: Attempt, _happened: TaskHeartbeat) -> None:
    """The heartbeat's time begins anew."""
    if attempt.heartbeat_seconds is None:
        return
    execution.cancel_timer(attempt.heartbeat_timer)
    attempt.heartbeat_timer = execution.set_timer(
        TimerPurpose.HEARTBEAT_TIMEOUT, attempt.branch, execution.now + attempt.heartbeat_seconds
    )


def succeeded(execution: Execution, attempt: Attempt, happened: TaskSucceeded) -> None:
    """The attempt has a result."""
    branch = attempt.branch
    close(execution, attempt)
    output = happened.output
    if size_bytes(output) > MAXIMUM_PAYLOAD_BYTES:
        _too_large(execution, attempt)
        return
    execution.record(branch, attempt.events.succeeded, {**attempt.shared(), "output": output})
    branch.work = None
    try:
        value, assigned = dataflow.finish(execution, branch, output)
        leave(execution, branch, value, assigned, branch.state.next)
    except StateFailure as failure:
        fail(execution, branch, failure)


def _too_large(execution: Execution, attempt: Attempt) -> None:
    shown = attempt.state.resource if attempt.events is _LAMBDA else attempt.state.resource_type
    cause = too_large_cause(shown)
    details = {**attempt.shared(), "error": DATA_LIMIT, "cause": cause}
    execution.record(attempt.branch, attempt.events.failed, details)
    fail(execution, attempt.branch, StateFailure(DATA_LIMIT, cause))


def failed(execution: Execution, attempt: Attempt, happened: TaskFailed) -> None:
    """The attempt failed."""
    branch = attempt.branch
    close(execution, attempt)
    waits = attempt.state.pattern != "request_response" and not attempt.submitted
    kind = "TaskSubmitFailed" if waits else attempt.events.failed
    details = attempt.shared()
    if happened.error is not None:
        details["error"] = happened.error
    if happened.cause is not None:
        details["cause"] = happened.cause
    execution.record(branch, kind, details)
    # "States.TaskFailed ... matches any known error name": an error without a name is one of those too.
    alias = TASK_FAILED if happened.error is None else None
    fail(execution, branch, StateFailure(happened.error, happened.cause, alias=alias))


def timed_out(execution: Execution, attempt: Attempt, *, heartbeat: bool) -> None:
    """TimeoutSeconds or HeartbeatSeconds has passed."""
    branch = attempt.branch
    close(execution, attempt)
    execution.commands.append(CancelTask(task_id=attempt.task_id, reason=TIMEOUT))
    execution.record(branch, attempt.events.timed_out, {**attempt.shared(), "error": TIMEOUT})
    fail(execution, branch, StateFailure(TIMEOUT, alias=HEARTBEAT_TIMEOUT if heartbeat else None))


def close(execution: Execution, attempt: Attempt) -> None:
    """Forget the attempt and its timers: what happens to it now is ignored."""
    execution.attempts.pop(attempt.task_id, None)
    execution.cancel_timer(attempt.timeout_timer)
    execution.cancel_timer(attempt.heartbeat_timer)


def _events(state: Task) -> _Events:
    if state.resource_type == "activity":
        return _ACTIVITY
    return _LAMBDA if state.resource_type == "lambda" and not state.action else _INTEGRATION


def _check_activity(execution: Execution, state: Task) -> None:
    known = execution.activities
    if state.resource_type == "activity" and known is not None and state.resource not in known:
        raise runtime_failure(f"The activity {state.resource} does not exist.")


def _scheduled(
    execution: Execution, attempt: Attempt, parameters: JSON, credentials: JSON
) -> dict[str, JSON]:
    details: dict[str, JSON]
    if attempt.events is _INTEGRATION:
        region = execution.arn.split(":")[3]
        details = {**attempt.shared(), "region": region, "parameters": parameters}
    else:
        details = {"input": parameters, "resource": attempt.state.resource}
    if attempt.timeout_seconds is not None:
        details["timeoutInSeconds"] = attempt.timeout_seconds
    if attempt.heartbeat_seconds is not None and attempt.events is not _LAMBDA:
        details["heartbeatInSeconds"] = attempt.heartbeat_seconds
    if isinstance(credentials, Mapping) and "RoleArn" in credentials:
        details["taskCredentials"] = {"roleArn": credentials["RoleArn"]}
    return details


def seconds(setting: Setting | None, value: JSON, scope: Scope) -> int | None:
    """TimeoutSeconds or HeartbeatSeconds.

    Raises:
        StateFailure: it is no positive integer.
    """
    if setting is None:
        return None
    number = integer(setting, value, scope)
    if not 0 < number <= MAXIMUM_TIMEOUT_SECONDS:
        reason = f"{setting.field} must be a positive integer of at most {MAXIMUM_TIMEOUT_SECONDS}: {number}"
        raise out_of_range(setting, reason)
    return number
