"""The states that need nothing from the world but time: Pass, Succeed, Fail, Wait, Choice."""

from __future__ import annotations

from penstock.errors import PathError
from penstock.statemachines import dataflow
from penstock.statemachines.dataflow import scope_of
from penstock.statemachines.execution import Branch, Execution, Pause, TimerPurpose
from penstock.statemachines.failures import StateFailure, evaluation_failure, runtime_failure
from penstock.statemachines.model import Choice, Fail, Pass, Scope, Succeed, Wait
from penstock.statemachines.timestamps import parse_timestamp
from penstock.statemachines.transitions import end_badly, leave
from penstock.statemachines.values import JSON, shown

MAXIMUM_WAIT_SECONDS = 2_147_483_647
"""The longest wait that AWS accepts: the recorded bound lies between 24,855 and 24,856 days from now."""


def run_pass(execution: Execution, branch: Branch, state: Pass) -> None:
    """Its result is `Result`, else what it works on."""
    value = branch.input
    if state.plain:
        leave(execution, branch, state.result if state.has_result else value, None, state.next)
        return
    result = state.result
    if not state.has_result:
        result = dataflow.effective_input(state, value, scope_of(execution, branch))
    output, assigned = dataflow.finish(execution, branch, result)
    leave(execution, branch, output, assigned, state.next)


def run_succeed(execution: Execution, branch: Branch, state: Succeed) -> None:
    """Its output is its input."""
    value = dataflow.filtered_input(state, branch.input, scope_of(execution, branch))
    output, assigned = dataflow.finish(execution, branch, value, merge=False)
    leave(execution, branch, output, assigned, None)


def run_fail(execution: Execution, branch: Branch, state: Fail) -> None:
    """Fails the branch; a Fail state is never exited, and nothing in its own flow catches it."""
    scope = scope_of(execution, branch)
    end_badly(execution, branch, *failure_of(state, branch.input, scope))


def failure_of(state: Fail, value: JSON, scope: Scope) -> tuple[str | None, str | None]:
    """The error and the cause that a Fail state gives."""
    error = None if state.error is None else state.error(value, scope)
    cause = None if state.cause is None else state.cause(value, scope)
    return _text(error), _text(cause)


def _text(value: JSON) -> str | None:
    return value if value is None or isinstance(value, str) else shown(value)


def run_choice(execution: Execution, branch: Branch, state: Choice) -> None:
    """The first rule that holds names the next state, then `Default`."""
    scope = scope_of(execution, branch)
    value = dataflow.filtered_input(state, branch.input, scope)
    for rule in state.rules:
        if rule.condition(value, scope):
            next_state: str | None = rule.next
            output, assigned = dataflow.finish_rule(state, rule, value, scope)
            break
    else:
        next_state = state.default
        if next_state is None:
            raise runtime_failure(
                "Failed to transition out of the state. The state does not point to a next state."
            )
        output, assigned = dataflow.finish(execution, branch, value, merge=False)
    leave(execution, branch, output, assigned, next_state)


def run_wait(execution: Execution, branch: Branch, state: Wait) -> None:
    """Sets the timer; `end_wait` goes on."""
    scope = scope_of(execution, branch)
    value = dataflow.filtered_input(state, branch.input, scope)
    until = wait_until(execution.now, state, value, scope)
    branch.work = Pause(execution.set_timer(TimerPurpose.WAIT_OVER, branch, max(until, execution.now)))


def end_wait(execution: Execution, branch: Branch) -> None:
    """The time has come."""
    state = branch.state
    value = dataflow.filtered_input(state, branch.input, scope_of(execution, branch))
    output, assigned = dataflow.finish(execution, branch, value, merge=False)
    leave(execution, branch, output, assigned, state.next)


def wait_until(now: float, state: Wait, value: JSON, scope: Scope) -> float:
    """When a Wait state that is entered `now` ends, in epoch seconds.

    Raises:
        StateFailure: its Seconds or Timestamp is none, or too far away.
    """
    until = _until(now, state, value, scope)
    if until - now > MAXIMUM_WAIT_SECONDS:
        raise runtime_failure("Wait state delay is too long.")
    return until


def _until(now: float, state: Wait, value: JSON, scope: Scope) -> float:
    if state.seconds is not None:
        return now + _seconds(state, value, scope)
    text = _reference(state, state.timestamp, value, scope, "TimestampPath")
    instant = parse_timestamp(text)
    if instant is not None:
        return instant.epoch_seconds
    if state.path is not None:
        raise runtime_failure(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "
            f"format string: {state.path} == {_shown(text)}"
        )
    raise _malformed(
        state,
        "Timestamp",
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
        f"{_shown(text)}",
    )


def _seconds(state: Wait, value: JSON, scope: Scope) -> int:
    seconds = _reference(state, state.seconds, value, scope, "SecondsPath")
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        if seconds < 0 and state.path is not None:
            raise runtime_failure(
                f"The SecondsPath parameter references a negative value: {state.path} == {seconds}"
            )
        if seconds < 0:
            raise _malformed(state, "Seconds", f"The Seconds field must be positive: {seconds}")
        return seconds
    if isinstance(seconds, float) and seconds.is_integer() and state.jsonata:
        return int(seconds)
    if state.path is not None:
        raise runtime_failure(
            f"The SecondsPath parameter cannot be parsed as a long value: {state.path} == {_shown(seconds)}"
        )
    raise _malformed(
        state, "Seconds", f"The Seconds field cannot be parsed as a long value: {_shown(seconds)}"
    )


def _reference(state: Wait, evaluate: object, value: JSON, scope: Scope, field: str) -> JSON:
    assert callable(evaluate)
    try:
        found: JSON = evaluate(value, scope)
    except PathError as error:
        raise runtime_failure(
            f"The {field} parameter does not reference an input value: {state.path}"
        ) from error
    return found


def _malformed(state: Wait, field: str, reason: str) -> StateFailure:
    return evaluation_failure(reason, location=field) if state.jsonata else runtime_failure(reason)


def _shown(value: JSON) -> str:
    return value if isinstance(value, str) else shown(value)
