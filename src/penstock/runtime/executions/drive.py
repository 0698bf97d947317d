"""One execution on its way: the engine's state, what it waits for, and who is told of its end.

Only data and its description are here; `driver` moves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.runtime.executions.reading import ItemReaders
from penstock.runtime.executions.writing import ResultWriters
from penstock.runtime.scheduler import Timer
from penstock.statemachines import (
    Execution,
    Machine,
    ReadItems,
    RunTask,
    SetTimer,
    StartChild,
    Status,
    WriteResults,
)
from penstock.statemachines.values import JSON, compact


@dataclass(slots=True)
class Asked:
    """What an execution waits for: by the ids of its commands."""

    tasks: dict[int, RunTask] = field(default_factory=dict)
    submitted: dict[int, object] = field(default_factory=dict)
    timers: dict[int, SetTimer] = field(default_factory=dict)
    reads: dict[int, ReadItems] = field(default_factory=dict)
    writes: dict[int, WriteResults] = field(default_factory=dict)
    children: dict[int, Drive] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Drive:
    """One execution, or one child of a Distributed Map, on its way.

    Attributes:
        parent: of a child: who is told of its end, and under which id.
        seen_events: how much of the history was reported already.
        map_runs: the ARNs of its Map Runs.
        unsuccessful: Standard children of its Map Runs that are over, by ARN, for a redrive: those that did not
            succeed, and those that were abandoned with their Map Run.
        on_end: called once, when it is over.
    """

    arn: str
    name: str
    state_machine: str
    state_machine_arn: str
    machine: Machine
    execution: Execution
    kind: str
    started_at: float
    readers: ItemReaders
    writers: ResultWriters
    parent: Drive | None = None
    child: StartChild | None = None
    ended_at: float | None = None
    seen_events: int = 0
    asked: Asked = field(default_factory=Asked)
    alarms: dict[int, Timer] = field(default_factory=dict)
    map_runs: set[str] = field(default_factory=set)
    unsuccessful: dict[str, Drive] = field(default_factory=dict)
    on_end: list[Callable[[Drive], None]] = field(default_factory=list)

    @property
    def caller(self) -> str:
        """How it is called where calls are made with its machine's role."""
        return caller_of_machine(self.state_machine)

    @property
    def running(self) -> bool:
        return self.execution.status is Status.RUNNING

    def describe(self) -> dict[str, JSON]:
        """What `.sync` gives of a nested execution: `DescribeExecution` with capital letters."""
        execution = self.execution
        described: dict[str, JSON] = {
            "ExecutionArn": self.arn,
            "Input": compact(execution.input),
            "InputDetails": {"Included": True},
            "Name": self.name,
            "StartDate": int(self.started_at * 1000),
            "StateMachineArn": self.state_machine_arn,
            "Status": execution.status.value,
        }
        if self.ended_at is not None:
            described["StopDate"] = int(self.ended_at * 1000)
        if execution.status is Status.SUCCEEDED:
            described["Output"] = compact(execution.output)
            described["OutputDetails"] = {"Included": True}
        if execution.error is not None:
            described["Error"] = execution.error
        if execution.cause is not None:
            described["Cause"] = execution.cause
        return described


def caller_of_machine(name: str) -> str:
    """How a machine is called that makes calls with its role."""
    return f"stateMachine/{name}"
