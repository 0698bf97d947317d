"""Starting the process that execution environments are forked from (`zygote`), which takes a while.

1. It needs nothing of the pipeline, so whoever runs one command starts it first, and imports and declares meanwhile.
2. Hence nothing of penstock is imported here.
3. It is of use only to a process whose variables and path are still those that it was started with.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, eq=False)
class Zygote:
    """The main process's end of it.

    Attributes:
        control: where it takes orders, and tells what has ended.
        variables: that it was started with; AWS's are not handed on.
        path: where it imports from.
    """

    process: subprocess.Popen[bytes]
    control: socket.socket
    variables: Mapping[str, str]
    path: tuple[str, ...]

    def fits(self, project: Path) -> bool:
        """Whether one that is started now, for functions of this project, would be the same."""
        ours = {"", str(project)}  # an environment has its project first, wherever it stands here
        path = [entry for entry in _path() if entry not in ours]
        return self.variables == _variables() and [entry for entry in self.path if entry not in ours] == path

    def end(self) -> None:
        """End it, with every environment, and wait for it."""
        self.control.close()
        self.process.wait()

    def kill(self) -> None:
        """End it in the middle of its start; it has no environments yet, or it has ended already."""
        self.control.close()
        self.process.kill()
        self.process.wait()


def start_zygote() -> Zygote:
    """Start it with the variables and the path of this process."""
    ours, theirs = socket.socketpair()
    variables, path = _variables(), _path()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock.runtime.workers.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={
                **variables,
                "PYTHONPATH": os.pathsep.join(entry for entry in path if entry),
                # The zygote has one thread, so that its forks are safe; macOS would stop them all the same.
                "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
            },
            stdin=subprocess.DEVNULL,
        )
    return Zygote(process, ours, variables, path)


@contextmanager
def zygote_ahead() -> Iterator[Zygote]:
    """One that is started before it is known whether it is needed; it is gone afterwards."""
    zygote = start_zygote()
    try:
        yield zygote
    finally:
        zygote.kill()


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _path() -> tuple[str, ...]:
    return tuple(sys.path)
