"""What runs were seen to call: the needs of every caller that has a role, read from journals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from penstock.pipelines.iam import Need, Seen, kept
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import CallMade, Event
from penstock.runtime.runs import find_runs


def seen_calls(events: Iterable[Event], run: str) -> Seen:
    """What one run's callers needed; a call that was refused counts, what the program itself called does not.

    Args:
        run: how the run is called where it is given as the reason.
    """
    needs: dict[str, set[Need]] = {}
    for event in events:
        if isinstance(event, CallMade) and event.function:
            needs.setdefault(event.function, set()).update(Need(*one) for one in event.needs)
    return Seen({caller: dict.fromkeys(kept(found), run) for caller, found in sorted(needs.items())})


def seen_in_runs(base: Path, pipeline: str) -> tuple[Seen, tuple[str, ...]]:
    """What all runs of a pipeline under a state folder called, and the runs; a journal that is no more is left out.

    Raises:
        StateFolderError: a journal cannot be read.
    """
    seen, names = Seen(), []
    for run in find_runs(base):
        if run.pipeline == pipeline and run.status != "unreadable":
            seen = seen.joined(seen_calls(read_journal(run.path / "journal.jsonl"), run.run_id))
            names.append(run.run_id)
    return seen, tuple(names)
