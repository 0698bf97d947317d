"""Processes that were started: telling them from others, and ending them with everything that they started.

A process id is given again when its process has ended, so a process is known by its id and the time it started at.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK: Final = "PENSTOCK_LOCALSTACK"
"""The environment variable that everything which was started carries; its value is the folder."""

INSTALLING: Final = "PENSTOCK_LOCALSTACK_INSTALLING"
"""Carried by what installs an environment; its value is the environment's folder."""

SANDBOX: Final = "PENSTOCK_LOCALSTACK_SANDBOX"
"""Carried by a function's process and all that it starts; its value is the folder of its environment."""

ENVIRONMENTS: Final = "PENSTOCK_LOCALSTACK_ENVIRONMENTS"
"""Tells LocalStack's plugin where the functions' virtual environments are."""

PARENT: Final = "PENSTOCK_LOCALSTACK_PARENT"
"""Tells that plugin the id of the process that LocalStack ends with."""

_LOOK_SECONDS: Final = 0.05
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, for good.

    Attributes:
        started: when, as the operating system tells it; empty if it does not.
    """

    pid: int
    started: str


def process(pid: int) -> Process:
    """The process that has this id now."""
    return Process(pid=pid, started=_started(pid))


def is_alive(one: Process) -> bool:
    """Whether it runs still, and is no other one with its id."""
    return bool(one.started) and _started(one.pid) == one.started


def marked(folder: Path, name: str = MARK) -> tuple[Process, ...]:
    """Every process of this user that was started for the folder, whoever its parent is now.

    Args:
        name: the variable that says so.

    Linux only; elsewhere there is no such look at a process's environment, and nothing is found.
    """
    if sys.platform != "linux":
        return ()
    mark = f"{name}={folder}".encode()
    found: list[Process] = []
    entries = list(Path("/proc").glob("[0-9]*"))
    for _ in range(_ROUNDS):
        unknown: list[Path] = []
        for entry in entries:
            environment = _environment(entry)
            if mark in environment:
                found.append(process(int(entry.name)))
            elif not any(environment) and _is_program(entry):
                unknown.append(entry)
        if not unknown:
            break
        time.sleep(_LOOK_SECONDS / 5)
        entries = unknown
    return tuple(one for one in found if one.started)


def _environment(entry: Path) -> list[bytes]:
    """Empty for a moment while a process becomes another program."""
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or belongs to somebody else
        return [b"?"]


def _is_program(entry: Path) -> bool:
    """Not a thread of the kernel, nor dead: those never have an environment."""
    try:
        return bool(os.readlink(entry / "exe")) and bool(_started(int(entry.name)))
    except OSError:
        return False


def end(
    leader: Process | None,
    others: Callable[[], Iterable[Process]],
    *,
    grace_seconds: float,
) -> bool:
    """End a process with its group, then all others; returns whether there was any.

    Args:
        leader: leads a process group. It is asked to stop, and killed if it does not within `grace_seconds`.
        others: what else is to end, looked up when the leader has ended.
    """
    ended = False
    if leader is not None and is_alive(leader):
        ended = True
        if grace_seconds > 0:
            _signal(leader.pid, signal.SIGTERM)
            _wait([leader], grace_seconds)
        _signal_group(leader.pid, signal.SIGKILL)
        _wait([leader], 10)
    for _ in range(_ROUNDS):  # what is being ended may have started something since it was looked for
        left = [one for one in others() if is_alive(one)]
        if not left:
            break
        ended = True
        for one in left:
            _signal(one.pid, signal.SIGKILL)
        _wait(left, 10)
    return ended


def _wait(some: Iterable[Process], seconds: float) -> None:
    ended = list(some)
    waiting, deadline = ended, time.monotonic() + seconds
    while (waiting := [one for one in waiting if is_alive(one)]) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    for one in ended:  # a child of this process is kept for its parent to ask about
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one.pid, os.WNOHANG)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # the group is empty, or holds only zombies
        return


def _started(pid: int) -> str:
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        # Field 3 is the state, field 22 the start in clock ticks since the machine was booted (proc_pid_stat(5)).
        return "" if fields[0] in "ZX" else f"{_boot()}/{fields[19]}"
    asked = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = asked.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
