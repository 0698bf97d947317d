"""What runs were seen to call: the needs of every caller that has a role, read from journals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from penstock.pipelines.iam import Need, Seen, kept
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import CallMade, Event
from penstock.runtime.runs import find_runs

_ABSENT: Final = ("NoSuchKey", "404")


def seen_calls(events: Iterable[Event], run: str) -> Seen:
    """What one run's callers needed; a call that was refused counts, what the program itself called does not.

    Args:
        run: how the run is called where it is given as the reason.
    """
    needs: dict[str, set[Need]] = {}
    for event in events:
        if isinstance(event, CallMade) and event.function:
            found = needs.setdefault(event.function, set())
            found.update(Need(*one) for one in event.needs)
            if event.error in _ABSENT or event.denied is not None:
                found.update(_to_be_told(event))
    return Seen({caller: dict.fromkeys(kept(found), run) for caller, found in sorted(needs.items())})


def _to_be_told(event: CallMade) -> Iterator[Need]:
    """S3, "GetObject": that an object does not exist is told to those only who may list its bucket."""
    for action, resource in event.needs:
        if action == "s3:GetObject" and event.error in _ABSENT:
            yield Need("s3:ListBucket", resource.partition("/")[0])
    if event.denied is not None:
        yield Need(*event.denied)


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
