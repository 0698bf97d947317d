"""How far a run is: what a progress bar or a line of text shows, read from the journal's events."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.runtime.journal_events import (
    Event,
    ExecutionFinished,
    ExecutionStarted,
    InvocationFinished,
    MapItemDone,
    MapItemsCounted,
    MessageDeadLettered,
    StateEntered,
)


@dataclass(slots=True, kw_only=True)
class Progress:
    """The present state of a run.

    Attributes:
        items_total: of every Distributed Map so far; grows while a Map still reads its items.
        state: the state that was entered last.
    """

    items_total: int = 0
    items_done: int = 0
    items_failed: int = 0
    state: str = ""
    executions_running: int = 0
    invocations: int = 0
    failed_invocations: int = 0
    dead_lettered: int = 0
    _counted: dict[str, int] = field(default_factory=dict)

    def read(self, event: Event) -> bool:
        """Take one event; True if something changed that is worth showing."""
        match event:
            case MapItemsCounted(map_run=map_run, total=total):
                self.items_total += total - self._counted.get(map_run, 0)
                self._counted[map_run] = total
            case MapItemDone(status=status):
                self.items_done += event.items
                self.items_failed += status != "SUCCEEDED"
            case StateEntered(state=state):
                self.state = state
            case ExecutionStarted():
                self.executions_running += 1
            case ExecutionFinished():
                self.executions_running -= 1
            case InvocationFinished(error=error):
                self.invocations += 1
                self.failed_invocations += error is not None
                return False
            case MessageDeadLettered():
                self.dead_lettered += 1
            case _:
                return False
        return True
