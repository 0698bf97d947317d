"""How far a run is: what a progress bar or a line of text shows, read from the journal's events."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.runtime.journal_events import (
    Event,
    ExecutionFinished,
    ExecutionStarted,
    FeedAdvanced,
    InvocationFinished,
    MapItemDone,
    MapItemsCounted,
    MessageDeadLettered,
    RecordsDiscarded,
    StateEntered,
    WindowAdvanced,
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
    records_fed: int = 0
    windows_closed: int = 0
    records_discarded: int = 0
    _counted: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """The state in one line of plain text."""
        if self.records_fed:
            given_up = f", {self.records_discarded:,} given up" if self.records_discarded else ""
            return f"{self.records_fed:,} records, {self.windows_closed:,} windows closed{given_up}"
        chunks = f"  {self.items_done}/{self.items_total} chunks" if self.items_total else ""
        return f"{self.state}{chunks}"

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
            case FeedAdvanced(count=count):
                self.records_fed += count
            case WindowAdvanced(state=None):
                self.windows_closed += 1
            case RecordsDiscarded(count=count):
                self.records_discarded += count
            case MessageDeadLettered():
                self.dead_lettered += 1
            case _:
                return False
        return True
