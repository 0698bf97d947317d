"""The state folder of a run: `.penstock/<pipeline>/<run id>/`, who holds it, and what can go wrong with it.

1. A folder belongs to one process at a time. The lock is `flock` on the file `lock`, which the kernel lets
   go when its holder ends, however it ends; the process id in it is for the message only.
2. Every failure of the file system under the folder becomes a `StateFolderError` with a remedy, made by
   `state_folder_error`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from penstock.errors import StateFolderError

DEFAULT_BASE: Final = Path(".penstock")

_RUN_ID = re.compile(r"run-(\d{4,})\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

_REMEDIES: Final = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the same command again with --resume"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run again with --resume"),
    errno.EACCES: (
        "the state folder cannot be written",
        "give it to your user, or name another with --state",
    ),
    errno.EPERM: ("the state folder cannot be written", "give it to your user, or name another with --state"),
    errno.EROFS: ("the state folder is on a read-only disk", "name another folder with --state"),
    errno.ENOTDIR: ("a part of the state folder's path is a file", "move that file away, or use --state"),
    errno.ENOENT: ("the state folder is gone", "do not delete it while a run uses it; start a new run"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n), or run with fewer --workers"),
    errno.ENAMETOOLONG: ("the state folder's path is too long", "name a shorter one with --state"),
}


def state_folder_error(error: OSError, path: Path | str) -> StateFolderError:
    """Say what the operating system's error means for a run, and what to do."""
    what, fix = _REMEDIES.get(
        error.errno or 0,
        (f"the state folder cannot be used: {error.strerror or error}", "name another folder with --state"),
    )
    return StateFolderError(what, at=str(path), fix=fix)


@dataclass(slots=True, kw_only=True)
class StateFolder:
    """A run's folder, held by this process until `release`.

    Attributes:
        path: `.penstock/<pipeline>/<run id>`.
    """

    path: Path
    _lock: int | None = field(default=None, repr=False)

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def s3(self) -> Path:
        return self.path / "s3"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def release(self) -> None:
        """Let another process have the folder."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def new_run(pipeline: str, *, base: Path = DEFAULT_BASE) -> StateFolder:
    """Make and hold the folder of a new run: `run-0001`, `run-0002`, ...

    Raises:
        StateFolderError: it cannot be made.
    """
    parent = _pipeline_folder(pipeline, base)
    _make(parent)
    number = max((number for number, _ in _numbered(parent)), default=0)
    while True:
        number += 1
        path = parent / f"run-{number:04d}"
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise state_folder_error(error, path) from error
        return hold(path)


def has_run(pipeline: str, *, base: Path = DEFAULT_BASE) -> bool:
    """Whether there is a run that `last_run` could hold."""
    return bool(_numbered(_pipeline_folder(pipeline, base)))


def last_run(pipeline: str, *, base: Path = DEFAULT_BASE) -> StateFolder:
    """Hold the folder of the latest run, to resume it.

    Raises:
        StateFolderError: there is none, or another process holds it.
    """
    parent = _pipeline_folder(pipeline, base)
    runs = sorted(_numbered(parent))
    if not runs:
        raise StateFolderError(
            f"there is no run of {pipeline!r} to resume", at=str(parent), fix="run it without --resume first"
        )
    return hold(runs[-1][1])


def hold(path: Path) -> StateFolder:
    """Take an existing folder for this process.

    Raises:
        StateFolderError: another process holds it (its id is in the text), or it cannot be used.
    """
    lock_path = path / "lock"
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise state_folder_error(error, lock_path) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise StateFolderError(
            f"the state folder is in use by process {holder}",
            at=str(path),
            fix=f"wait for it to end, or stop it (kill {holder}), or start a new run",
        ) from None
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        for name in ("s3", "logs"):
            (path / name).mkdir(exist_ok=True)
    except OSError as error:
        os.close(lock)
        raise state_folder_error(error, path) from error
    return StateFolder(path=path, _lock=lock)


def is_held(path: Path) -> bool:
    """Whether a process, this one or another, holds the folder of a run."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _pipeline_folder(pipeline: str, base: Path) -> Path:
    if not _NAME.match(pipeline):
        raise StateFolderError(
            f"{pipeline!r} cannot name a folder",
            at=str(base),
            fix="use letters, digits, dots, hyphens and underscores in the pipeline's name",
        )
    return base.absolute() / pipeline


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError) as error:
        # Its parents are made as well: one is below /proc, or a link that leads nowhere.
        raise StateFolderError(
            "the state folder cannot be made here", at=str(folder), fix="name another folder with --state"
        ) from error
    except OSError as error:
        raise state_folder_error(error, folder) from error


def _numbered(parent: Path) -> list[tuple[int, Path]]:
    try:
        return [(int(found[1]), path) for path in parent.iterdir() if (found := _RUN_ID.match(path.name))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise state_folder_error(error, parent) from error
