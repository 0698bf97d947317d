"""How a state fails: error names, which ones may be caught, and the exception that carries them.

`StateFailure` never leaves the engine: it becomes a retry, a caught error or the execution's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
QUERY_EVALUATION = "States.QueryEvaluationError"
DATA_LIMIT = "States.DataLimitExceeded"
ITEM_READER = "States.ItemReaderFailed"
RESULT_WRITER = "States.ResultWriterFailed"
TOLERATED_FAILURES = "States.ExceedToleratedFailureThreshold"
RESULT_PATH_MATCH = "States.ResultPathMatchFailure"

# Developer Guide, "Handling errors": `States.Runtime` always fails the execution.
UNCATCHABLE = frozenset({RUNTIME})
# "States.TaskFailed ... matches any known error name except for States.Timeout." The guide also says that
# States.ALL cannot catch States.DataLimitExceeded; histories recorded on AWS show that it does. A heartbeat that
# fails to come is a States.Timeout.
NOT_IN_TASK_FAILED: Final[frozenset[str | None]] = frozenset({RUNTIME, TIMEOUT, HEARTBEAT_TIMEOUT})


class StateFailure(Exception):
    """A state failed.

    Args:
        error: the error name; None if a Fail state or a task gave none.
        cause: the cause as AWS words it; None if there is none.
        location: the field that was being evaluated, for `EvaluationFailed`.
        located: true if the cause is to be introduced by the state's name and event id.
        alias: another name under which Retry and Catch know the error: a heartbeat that fails to come is
            recorded as `States.Timeout` and may be caught as `States.HeartbeatTimeout` too.
    """

    def __init__(
        self,
        error: str | None,
        cause: str | None = None,
        *,
        location: str | None = None,
        located: bool = False,
        alias: str | None = None,
    ) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause
        self.location = location
        self.located = located
        self.alias = alias


def runtime_failure(reason: str) -> StateFailure:
    """`States.Runtime`, with the state's name and event id put before the reason."""
    return StateFailure(RUNTIME, reason, located=True)


def evaluation_failure(reason: str, *, location: str | None = None) -> StateFailure:
    """`States.QueryEvaluationError`, with the state's name and event id put before the reason."""
    return StateFailure(QUERY_EVALUATION, reason, location=location, located=True)


def too_large_cause(name: str) -> str:
    """Why a state fails with `States.DataLimitExceeded`; `name` is the state's or its resource's."""
    return (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes "
        "service limit."
    )


def matches(error_equals: Iterable[str], error: str | None, alias: str | None = None) -> bool:
    """Whether a Retrier's or Catcher's `ErrorEquals` names this error, by its own name or by `alias`."""
    if error in UNCATCHABLE:
        return False
    known = (error, alias)
    for name in error_equals:
        if name in known or name == ALL:
            return True
        if name == TASK_FAILED and NOT_IN_TASK_FAILED.isdisjoint(known):
            return True
    return False
