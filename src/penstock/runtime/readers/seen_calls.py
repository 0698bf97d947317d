"""What runs were seen to call: the needs of every caller that has a role, read from journals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from penstock.pipelines.iam import Need, Seen, kept
from penstock.pipelines.iam.needs import arn
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import CallMade, Event, InvocationStarted, MapRunStarted
from penstock.runtime.runs import find_runs

_ABSENT: Final = ("NoSuchKey", "404")
_EXECUTION: Final = ":states:"
"""Of the ARN that is the source of an invocation, if an execution is."""


def seen_calls(events: Iterable[Event], run: str) -> Seen:
    """What one run's callers needed; a call that was refused counts, what the program itself called does not.

    Args:
        run: how the run is called where it is given as the reason.
    """
    needs: dict[str, set[Need]] = {}
    for event in events:
        match event:
            case CallMade(function=caller) if caller:
                needs.setdefault(caller, set()).update(_needs_of_call(event))
            case InvocationStarted(source=source) if _EXECUTION in source:
                need = Need("lambda:InvokeFunction", arn("lambda", f"function:{event.function}"))
                needs.setdefault(f"stateMachine/{_machine(source)}", set()).add(need)
            case MapRunStarted(execution=execution):
                name = _machine(execution)
                need = Need("states:StartExecution", arn("states", f"stateMachine:{name}"))
                needs.setdefault(f"stateMachine/{name}", set()).add(need)
            case _:
                pass
    return Seen({caller: dict.fromkeys(kept(found), run) for caller, found in sorted(needs.items())})


def _needs_of_call(event: CallMade) -> Iterator[Need]:
    for action, resource in event.needs:
        yield Need(action, resource)
        if action == "s3:GetObject" and event.error in _ABSENT:
            # S3, "GetObject": that an object does not exist is told to those only who may list its bucket.
            yield Need("s3:ListBucket", resource.partition("/")[0])
    if event.denied is not None:
        yield Need(*event.denied)


def _machine(execution: str) -> str:
    """The machine of an execution, or of a child of its Map: `...:execution:flow:1`, `...:execution:flow/Map:1`."""
    return execution.split(":")[6].partition("/")[0]


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
