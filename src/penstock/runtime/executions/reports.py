"""What readers of the journal learn of executions: states, the progress of Map Runs, ends.

1. None of these events is needed to rebuild an execution; `Happened` is.
2. While a journal is replayed (`live` is false) Map Runs are counted again and nothing is appended.
"""

from __future__ import annotations

from itertools import chain

from penstock.runtime.executions.drive import Drive
from penstock.runtime.executions.map_runs import MapRunRecord, MapRuns
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    ExecutionFinished,
    MapItemDone,
    MapItemsCounted,
    MapRunStarted,
    StateEntered,
    StateExited,
)
from penstock.statemachines import ChildFinished, Execution, Finished, ItemsRead, StartChild, WriteResults
from penstock.statemachines.history import Event


class Reports:
    """Tells the journal and the Map Runs' records what an execution has come to."""

    def __init__(self, journal: Journal, map_runs: MapRuns) -> None:
        self._journal = journal
        self._map_runs = map_runs

    def states(self, drive: Drive, *, live: bool) -> None:
        """Report what was added to the history; of states, not those of a Distributed Map's children."""
        history = drive.execution.history
        first, drive.seen_events = drive.seen_events, len(history)
        for event in history[first:]:
            if event.type.startswith("MapRun"):
                self._map_run(drive, event, live=live)
            elif live and drive.child is None and event.type.endswith(("StateEntered", "StateExited")):
                report = StateEntered if event.type.endswith("StateEntered") else StateExited
                self._journal.append(report(at=event.at, execution=drive.arn, state=_name(event)))

    def items(self, drive: Drive, read: ItemsRead, *, live: bool) -> None:
        """A page of items has come, and is not yet told to the engine."""
        run = drive.execution.reads.get(read.read_id)
        if run is None:
            return
        wanted = min(max(0, len(read.items) - run.skip), run.unread)
        self._count(run.arn, wanted, read.at, complete=read.done or wanted == run.unread, live=live)

    def child_started(self, parent: Drive, child: StartChild) -> None:
        """A child begins."""
        record = self._map_runs.find(child.map_run_arn)
        if record is not None:
            record.child_started(item_count(parent.execution, child.child_id))

    def child_ended(self, parent: Drive, child: Drive, end: ChildFinished, *, live: bool) -> None:
        """A child is over, and its parent's engine is not yet told."""
        if child.child is None:
            return
        items = item_count(parent.execution, end.child_id)
        record = self._map_runs.find(child.child.map_run_arn)
        if record is not None:
            record.child_ended(end.status, items)
        if live:
            self._journal.append(
                MapItemDone(
                    at=end.at,
                    map_run=child.child.map_run_arn,
                    index=child.child.index,
                    status=end.status,
                    items=items,
                    error=end.error,
                )
            )

    def written(self, results: WriteResults) -> None:
        """The results of a Map Run are in S3."""
        record = self._map_runs.find(results.map_run_arn)
        if record is not None:
            record.results_written()

    def end(self, drive: Drive, end: Finished) -> None:
        """An execution is over."""
        self._journal.append(
            ExecutionFinished(
                at=end.at,
                execution=drive.arn,
                state_machine=drive.state_machine,
                status=end.status,
                output=end.output,
                error=end.error,
                cause=end.cause,
            )
        )

    def _map_run(self, drive: Drive, event: Event, *, live: bool) -> None:
        details = event.details or {}
        if event.type == "MapRunStarted":
            self._begin(drive, str(details["mapRunArn"]), event, live=live)
            return
        record = self._map_runs.find(_map_run_arn(drive.execution.history, event))
        if record is None:
            return
        if event.type == "MapRunRedriven":
            record.redrive(event.at)
        else:
            record.end(event.type.removeprefix("MapRun").upper(), event.at)

    def _begin(self, drive: Drive, arn: str, event: Event, *, live: bool) -> None:
        history = drive.execution.history
        started = history[event.previous_event_id - 1]
        state = _name(history[started.previous_event_id - 1])
        record = MapRunRecord(
            arn=arn,
            execution_arn=drive.arn,
            state_machine_arn=drive.state_machine_arn,
            state=state,
            started_at=event.at,
        )
        at_work = chain(drive.execution.reads.values(), drive.execution.children.values())
        run = next((one for one in at_work if one.arn == arn), None)
        if run is not None:
            record.max_concurrency = run.limit
            record.tolerated_count = run.tolerated_count or 0
            record.tolerated_percentage = run.tolerated_percentage or 0.0
        self._map_runs.add(record)
        drive.map_runs.add(arn)
        if live and drive.child is None:
            self._journal.append(MapRunStarted(at=event.at, execution=drive.arn, map_run=arn, state=state))
        if run is None or run.reader is None:
            length = (started.details or {}).get("length", 0)
            items = length if isinstance(length, int) else 0
            self._count(arn, items, event.at, complete=True, live=live)

    def _count(self, arn: str, items: int, at: float, *, complete: bool, live: bool) -> None:
        record = self._map_runs.find(arn)
        if record is None:
            return
        record.items.total += items
        if live:
            self._journal.append(
                MapItemsCounted(at=at, map_run=arn, total=record.items.total, complete=complete)
            )


def _name(event: Event) -> str:
    return str((event.details or {}).get("name", ""))


def _map_run_arn(history: list[Event], event: Event) -> str:
    """The Map Run that an event is about: its own, or that of the events which led to it."""
    while "mapRunArn" not in (event.details or {}) and event.previous_event_id:
        event = history[event.previous_event_id - 1]
    return str((event.details or {}).get("mapRunArn", ""))


def item_count(execution: Execution, child_id: int) -> int:
    """How many items a child was given."""
    run = execution.children.get(child_id)
    child = None if run is None else run.running.get(child_id)
    return 1 if child is None else child.item_count
