"""The Amazon States Language: reading definitions and running them, one step at a time.

    machine = load_definition(text)
    step = start(machine, {"n": 1}, execution_arn=..., state_machine_arn=..., role_arn=..., at=0.0)
    for command in step.commands: ...          # carry them out, then
    step = advance(step.execution, TaskSucceeded(task_id=1, output={"n": 2}, at=0.5))

The general layout: `definitions` and `parse` read, `model` is what they give; `engine` runs it, with
`states`, `tasks`, `fan_out` and `map_run` for the state types, `dataflow` for what goes in and out of a
state, `transitions` for how it goes on; `protocol` is what passes between the engine and the world; `history`
is what AWS would have recorded.
"""

from penstock.statemachines.definitions import load_definition, read_definition
from penstock.statemachines.engine import advance, start, start_child
from penstock.statemachines.execution import Execution, Status
from penstock.statemachines.history import Event, as_api
from penstock.statemachines.model import Machine
from penstock.statemachines.protocol import (
    ActivityTaken,
    CancelChild,
    CancelTask,
    CancelTimer,
    ChildFinished,
    Command,
    Finished,
    Happening,
    IntegrationPattern,
    ItemsRead,
    ItemsReadFailed,
    ReadItems,
    Redriven,
    ResultsWriteFailed,
    ResultsWritten,
    RunTask,
    SetTimer,
    StartChild,
    Step,
    Stopped,
    StopReading,
    TaskFailed,
    TaskHeartbeat,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    WriteResults,
)

__all__ = [
    "ActivityTaken",
    "CancelChild",
    "CancelTask",
    "CancelTimer",
    "ChildFinished",
    "Command",
    "Event",
    "Execution",
    "Finished",
    "Happening",
    "IntegrationPattern",
    "ItemsRead",
    "ItemsReadFailed",
    "Machine",
    "ReadItems",
    "Redriven",
    "ResultsWriteFailed",
    "ResultsWritten",
    "RunTask",
    "SetTimer",
    "StartChild",
    "Status",
    "Step",
    "StopReading",
    "Stopped",
    "TaskFailed",
    "TaskHeartbeat",
    "TaskSubmitted",
    "TaskSucceeded",
    "TimerFired",
    "WriteResults",
    "advance",
    "as_api",
    "load_definition",
    "read_definition",
    "start",
    "start_child",
]
