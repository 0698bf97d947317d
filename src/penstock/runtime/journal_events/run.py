"""A run begins, goes on and ends."""

from __future__ import annotations

import msgspec

from penstock.runtime.journal_events.base import JournalEvent


class GivenInputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run was asked to take in: a resumed one takes in what is missing of it.

    Attributes:
        files: absolute paths and `s3://` URLs; none stands for the pipeline's demo.
        options: of the uploads.
        copy: large files are copied, too.
    """

    files: tuple[str, ...] = ()
    options: dict[str, str] = {}
    copy: bool = False


class RunStarted(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A run began in an empty state folder. `clock` is `virtual` or `real`; `enforces_iam`: roles are enforced."""

    run_id: str
    pipeline: str
    seed: int
    clock: str
    workers: int = 1
    given: GivenInputs | None = None
    enforces_iam: bool = False


class RunResumed(JournalEvent, frozen=True, kw_only=True, tag=True):
    """A run that was cut off goes on: no consumer of before is alive, every delivery in flight is undone."""


class RunFinished(JournalEvent, frozen=True, kw_only=True, tag=True):
    """Nothing was left to do. A run may go on after it, when something new is sent."""
