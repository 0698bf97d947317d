"""Redrive: an execution that did not succeed goes on from where it failed.

1. What had ended well keeps its result: earlier states, branches, iterations, child executions.
2. What failed or was stopped runs once more, with its retries counted anew.
"""

from __future__ import annotations

from penstock.statemachines import fan_out, map_run
from penstock.statemachines.execution import Branch, Execution, Status, Turn
from penstock.statemachines.failures import DATA_LIMIT
from penstock.statemachines.fan_out import FanOut
from penstock.statemachines.map_run import MapRun
from penstock.statemachines.model import Fail
from penstock.statemachines.protocol import Redriven

MAXIMUM_REDRIVES = 1_000
"""Quotas: "Maximum number of redrives per execution"."""


REDRIVABLE_SECONDS = 14 * 86_400
"""Quotas, "Execution redrivable period"."""


def obstacle(execution: Execution, *, closed_seconds: float = 0.0) -> str | None:
    """Why `RedriveExecution` would not take it, as `redriveStatusReason` says it; None if it would.

    Developer Guide, "Redrive eligibility for unsuccessful executions": a Standard execution that has not succeeded,
    that ended in the last 14 days, and whose "execution event history count is less than 24,999".

    Args:
        closed_seconds: how long ago it ended.
    """
    if execution.kind != "STANDARD":
        return "Execution is of type EXPRESS and cannot be redriven"
    if execution.status in (Status.SUCCEEDED, Status.RUNNING):
        return f"Execution is {execution.status.value} and cannot be redriven"
    if len(execution.history) >= execution.maximum_events - 1:
        return "Execution history event limit exceeded"
    if execution.redrive_count >= MAXIMUM_REDRIVES:
        return f"Execution was redriven {MAXIMUM_REDRIVES} times"
    if closed_seconds > REDRIVABLE_SECONDS:
        return "Execution redrivable period exceeded"
    return None


def redrivable(execution: Execution) -> bool:
    """Whether there is no `obstacle` but time to a redrive."""
    return obstacle(execution) is None


def redriven(execution: Execution, happened: Redriven) -> None:
    """Go on from the states that did not succeed; what cannot be redriven stays as it is."""
    if not redrivable(execution):
        return
    branch = execution.branch
    if execution.error == DATA_LIMIT:
        # "... failed because of States.DataLimitExceeded": the whole state runs again.
        branch.suspended = None
    execution.status = Status.RUNNING
    execution.error = execution.cause = None
    execution.redrive_count += 1
    execution.redriven_at = happened.at
    details = {"redriveCount": execution.redrive_count}
    execution.append("ExecutionRedriven", len(execution.history), details)
    execution.limit_time()
    _go_on_again(execution, branch)


def _go_on_again(execution: Execution, branch: Branch) -> None:
    """Retries are counted anew; a state that has finished work in it keeps that."""
    branch.stopped = False
    branch.retry_count = 0
    branch.attempts = [0] * len(branch.state.retriers)
    suspended, branch.suspended = branch.suspended, None
    branch.previous_event_id = len(execution.history)
    if isinstance(suspended, FanOut) and (suspended.running or suspended.next_index):
        fan_out.redrive(execution, suspended, _go_on_again)
    elif isinstance(suspended, MapRun):
        map_run.redrive(execution, suspended)
    else:
        enters = branch.entered_event_id == 0 or isinstance(branch.state, Fail)
        execution.ready.append((Turn.ENTER if enters else Turn.RESUME, branch))
