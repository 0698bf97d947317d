"""The runs that have left a state folder, and how each one stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from penstock.errors import StateFolderError, UsageError
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import RunFinished, RunResumed, RunStarted
from penstock.runtime.s3.files import StoreFiles
from penstock.runtime.state_folder import is_held


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFound:
    """One run. `status` is `finished`, `running`, `cut off` or `unreadable`; `started_at` is in epoch seconds."""

    pipeline: str
    run_id: str
    status: str
    started_at: float
    path: Path


def find_runs(base: Path) -> list[RunFound]:
    """Every run under a state folder, in order of pipeline and number."""
    return [_look_at(journal) for journal in sorted(base.glob("*/run-*/journal.jsonl"))]


def find_object(base: Path, url: str) -> tuple[Path, str]:
    """An object that the latest run that has it keeps in its store: the file with its bytes, and its name.

    Args:
        url: `s3://bucket/key`.

    Raises:
        UsageError: no run has it.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    for run in sorted(find_runs(base), key=lambda run: run.started_at, reverse=True):
        files = StoreFiles(run.path / "s3")
        stored = files.find(bucket, key)
        if stored is not None:
            return Path(files.data_path(bucket, stored)), Path(key).name
    raise UsageError(
        "no run here has this object",
        at=url,
        fix=f"`penstock runs` lists the runs under {base}; name a file instead",
    )


def _look_at(journal: Path) -> RunFound:
    status, started_at = "cut off", 0.0
    try:
        for event in read_journal(journal):
            if isinstance(event, RunStarted):
                started_at = event.at
            elif isinstance(event, RunResumed):
                status = "cut off"
            elif isinstance(event, RunFinished):
                status = "finished"
    except StateFolderError:
        status = "unreadable"
    folder = journal.parent
    if status == "cut off" and is_held(folder):
        status = "running"
    return RunFound(
        pipeline=folder.parent.name,
        run_id=folder.name,
        status=status,
        started_at=started_at,
        path=folder,
    )
