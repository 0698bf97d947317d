"""What a history says: how often each state was entered, what became of it, which arrows were taken.

Source: Step Functions API reference, "GetExecutionHistory" and "HistoryEvent".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penstock.statemachines.values import JSON

Event = Mapping[str, JSON]

_FAILED = ("Failed", "TimedOut", "Aborted")
_SCHEDULED = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")


@dataclass(slots=True)
class Path:
    """The path of one execution.

    Attributes:
        entered, exited: how often, by the state's name.
        failures: attempts that failed; `attempts` are those that were begun.
        caught: how often a failure was what a state was left with.
        taken: how often one state followed another.
        status: of the execution: `ExecutionSucceeded` gives SUCCEEDED; RUNNING if it has not ended.
    """

    entered: Counter[str] = field(default_factory=Counter)
    exited: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    status: str = "RUNNING"

    def outcome(self, name: str) -> str:
        """`succeeded`, `caught`, `failed`, `running` or `not reached`."""
        if not self.entered[name]:
            return "not reached"
        if self.exited[name] < self.entered[name]:
            return "running" if self.status == "RUNNING" else "failed"
        return "caught" if self.caught[name] else "succeeded"

    def retries(self, name: str) -> int:
        """Attempts beyond one for each time that the state was entered."""
        return max(0, self.attempts[name] - self.entered[name])


def path_of(events: Sequence[Event]) -> Path:
    """The path that a history tells of: the events of `GetExecutionHistory`, in their order."""
    path = Path()
    by_id = {event.get("id"): event for event in events}
    state_of: dict[JSON, str] = {}
    for event in events:
        kind = str(event.get("type", ""))
        before = by_id.get(event.get("previousEventId"))
        around = state_of.get(before.get("id"), "") if before is not None else ""
        name = _name(event, "stateEnteredEventDetails")
        if kind.endswith("StateEntered") and name is not None:
            path.entered[name] += 1
            if before is not None and str(before.get("type", "")).endswith("StateExited"):
                path.taken[around, name] += 1
            around = name
        elif kind.endswith("StateExited"):
            around = _name(event, "stateExitedEventDetails") or around
            path.exited[around] += 1
            if before is not None and str(before.get("type", "")).endswith(_FAILED):
                path.caught[around] += 1
        elif kind in _SCHEDULED:
            path.attempts[around] += 1
        elif kind.startswith("Execution"):
            path.status = _status(kind, path.status)
        elif kind.endswith(_FAILED) and around:
            path.failures[around] += 1
        state_of[event.get("id")] = around
    return path


def _name(event: Event, member: str) -> str | None:
    details = event.get(member)
    name = details.get("name") if isinstance(details, dict) else None
    return name if isinstance(name, str) else None


def _status(kind: str, before: str) -> str:
    found = {
        "ExecutionSucceeded": "SUCCEEDED",
        "ExecutionFailed": "FAILED",
        "ExecutionTimedOut": "TIMED_OUT",
        "ExecutionAborted": "ABORTED",
        "ExecutionRedriven": "RUNNING",
    }
    return found.get(kind, before)
