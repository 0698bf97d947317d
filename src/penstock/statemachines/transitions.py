"""How a branch goes on: entering a state, leaving it, retrying, catching, failing, being stopped.

1. Every way out of a state, whatever its type, ends in one of the functions of this file.
2. What the types do in between is in `states`, `tasks`, `fan_out` and `map_run`; which of them answers what
   is the table in `engine`.
3. A branch's next turn is queued, never taken here, so that no input makes Python's stack grow.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.statemachines import dataflow
from penstock.statemachines.execution import Branch, Execution, Pause, TimerPurpose, Turn, located
from penstock.statemachines.failures import QUERY_EVALUATION, RUNTIME, TIMEOUT, StateFailure, matches
from penstock.statemachines.retry import delay_seconds, find_retrier
from penstock.statemachines.values import JSON

_FANS_OUT = ("Map", "Parallel")
# The states that an `...StateAborted` event exists for.
_ABORTABLE = frozenset({"Task", "Wait", "Map", "Parallel"})


def enter(execution: Execution, branch: Branch) -> None:
    """Record that the branch's state is entered, and set its counters back."""
    state = branch.state
    branch.entered_previous_id = branch.previous_event_id
    branch.entered_at = execution.now
    branch.entered_event_id = execution.record(
        branch, state.entered_event, {"input": branch.input, "name": state.name}
    )
    branch.retry_count = 0
    if state.retriers:
        branch.attempts = [0] * len(state.retriers)


def leave(
    execution: Execution,
    branch: Branch,
    output: JSON,
    assigned: Mapping[str, JSON] | None,
    next_state: str | None,
) -> None:
    """The state is done: record it, and go on to the next state or to the branch's end.

    Raises:
        StateFailure: the output is larger than a payload may be.
    """
    state = branch.state
    if output is not branch.input:
        dataflow.check_size(state, output)
    details: dict[str, JSON] = {"name": state.name, "output": output}
    if assigned:
        dataflow.check_size(state, assigned)
        details["assignedVariables"] = assigned
        branch.variables = {**branch.variables, **assigned}
    execution.record(branch, state.exited_event, details)
    branch.work = branch.suspended = None
    branch.token = None
    if next_state is None:
        end(execution, branch, output)
    else:
        branch.state = branch.flow.states[next_state]
        branch.input = output
        execution.ready.append((Turn.ENTER, branch))


def end(execution: Execution, branch: Branch, output: JSON) -> None:
    """The branch has ended well; its owner is told before anything else happens."""
    branch.work = None
    branch.output = output
    execution.ended.append((Turn.SUCCEEDED, branch))


def fail(execution: Execution, branch: Branch, failure: StateFailure) -> None:
    """The branch's state has failed: retry it, catch the error, or fail the branch."""
    state = branch.state
    error = failure.error
    cause = failure.cause
    if failure.located and cause is not None:
        cause = located(branch, cause)
    if failure.located and error == QUERY_EVALUATION:
        _record_evaluation_failure(execution, branch, cause, failure.location)
    branch.work = None
    if _retried(execution, branch, failure):
        return
    branch.token = None
    if state.type in _FANS_OUT and error != RUNTIME:
        execution.record(branch, f"{state.type}StateFailed")
    if _caught(execution, branch, failure, cause):
        return
    end_badly(execution, branch, error, cause)


def end_badly(execution: Execution, branch: Branch, error: str | None, cause: str | None) -> None:
    """The branch has failed for good; its owner is told before anything else happens."""
    branch.error = (error, cause)
    execution.ended.append((Turn.FAILED, branch))


def stop(execution: Execution, branch: Branch) -> None:
    """Give up what the branch waits for; nothing that it asked for matters any more."""
    branch.stopped = True
    if branch.work is not None:
        branch.work.stop(execution)
        branch.suspended = branch.work
        branch.work = None


def record_aborted(execution: Execution, branch: Branch, previous: int) -> None:
    """Record that a state was left in the middle because a branch of its Map or Parallel state failed."""
    if branch.state.type in _ABORTABLE:
        execution.append(f"{branch.state.type}StateAborted", previous)


def _record_evaluation_failure(
    execution: Execution, branch: Branch, cause: str | None, location: str | None
) -> None:
    state = branch.state
    details: dict[str, JSON] = {"cause": cause, "error": QUERY_EVALUATION, "state": state.name}
    if location is not None:
        details["location"] = location
    # As recorded on AWS: what fails while a state is being entered follows the event before that state's own,
    # but for a Wait state.
    entering = branch.previous_event_id == branch.entered_event_id and state.type != "Wait"
    previous = branch.entered_previous_id if entering else branch.previous_event_id
    branch.previous_event_id = execution.append("EvaluationFailed", previous, details)


def _retried(execution: Execution, branch: Branch, failure: StateFailure) -> bool:
    state = branch.state
    if not state.retriers:
        return False
    index = find_retrier(state.retriers, failure.error, branch.attempts, alias=failure.alias)
    if index is None:
        return False
    branch.attempts[index] += 1
    branch.retry_count += 1
    branch.suspended = None  # what the attempt had finished is not the next one's
    seconds = delay_seconds(state.retriers[index], branch.attempts[index], draw=execution.draw)
    branch.work = Pause(execution.set_timer(TimerPurpose.RETRY_DUE, branch, execution.now + seconds))
    return True


def _caught(execution: Execution, branch: Branch, failure: StateFailure, cause: str | None) -> bool:
    for catcher in branch.state.catchers:
        if matches(catcher.error_equals, failure.error, failure.alias):
            # A task that timed out has no cause, which its Catcher is given as an empty one.
            given = "" if cause is None and failure.error == TIMEOUT else cause
            output: dict[str, JSON] = {"Error": failure.error, "Cause": given}
            try:
                value, assigned = dataflow.finish_caught(execution, branch, catcher, output)
                leave(execution, branch, value, assigned, catcher.next)
            except StateFailure as second:
                _fail_in_catch(execution, branch, second)
            return True
    return False


def _fail_in_catch(execution: Execution, branch: Branch, failure: StateFailure) -> None:
    """A Catcher's own fields failed; nothing catches that."""
    cause = failure.cause
    if failure.located and cause is not None:
        cause = located(branch, cause)
    if failure.located and failure.error == QUERY_EVALUATION:
        _record_evaluation_failure(execution, branch, cause, failure.location)
    end_badly(execution, branch, failure.error, cause)
