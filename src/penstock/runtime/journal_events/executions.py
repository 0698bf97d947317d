"""Executions of state machines."""

from __future__ import annotations

import msgspec

from penstock.runtime.journal_events.base import JournalEvent
from penstock.statemachines.protocol import Happening


class ExecutionStarted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A state machine began to run. The children of a Distributed Map have no such event of their own."""

    execution: str
    state_machine: str
    name: str
    kind: str
    input: object
    seed: int


class Happened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The engine was told something; replaying these rebuilds an execution, or a child of its Map Run."""

    execution: str
    happening: Happening

    @property
    def at(self) -> float:
        return self.happening.at


class StateEntered(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An execution entered a state (not told of the children of a Distributed Map)."""

    execution: str
    state: str


class StateRetried(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A state has failed, and a retrier has it tried again at `due_at`; told of the children of a Map Run, too."""

    execution: str
    due_at: float


class StateExited(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An execution left a state (not told of the children of a Distributed Map)."""

    execution: str
    state: str


class MapRunStarted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A Distributed Map state began."""

    execution: str
    map_run: str
    state: str


class MapItemsCounted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """How many items a Map Run has read so far; `total` is final if `complete`."""

    map_run: str
    total: int
    complete: bool


class MapItemDone(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A child of a Map Run ended, with AWS's status. `items` is more than 1 where items are batched."""

    map_run: str
    index: int
    status: str
    items: int = 1
    error: str | None = None


class ExecutionFinished(JournalEvent, frozen=True, kw_only=True, tag=True):
    """An execution is over: SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    execution: str
    state_machine: str
    status: str
    output: object = None
    error: str | None = None
    cause: str | None = None
