"""Processes are known by id and start, found by their mark, and ended with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.localstack.processes import MARK, Process, end, is_alive, marked, process

# The child waits for a signal, not for its parent: a pipe from the parent would end it as the parent ends.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment")


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Process, Process]]:
    """A process that leads a group, and a child of it that leads another one."""
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, MARK: str(tmp_path)},
    )
    assert started.stdout is not None
    child = process(int(started.stdout.readline()))
    with started:
        yield started, process(started.pid), child
        for one in (child, process(started.pid)):
            if is_alive(one):
                os.kill(one.pid, 9)


def test_an_id_alone_is_no_process() -> None:
    """Another process with the id is not the one that was meant."""
    this = process(os.getpid())
    assert is_alive(this)
    assert not is_alive(Process(pid=this.pid, started="before"))
    assert not is_alive(process(2**22 + 1))


@linux
def test_the_marked_are_found(tmp_path: Path, family: tuple[subprocess.Popen[str], Process, Process]) -> None:
    """Parent and child, and nobody else's."""
    _, leader, child = family
    assert set(marked(tmp_path)) == {leader, child}
    assert marked(tmp_path / "other") == ()


@linux
@pytest.mark.parametrize("grace_seconds", [0, 10])
def test_all_are_ended(
    tmp_path: Path, family: tuple[subprocess.Popen[str], Process, Process], grace_seconds: float
) -> None:
    """Killed or asked to stop: the child that left the group is ended too."""
    _, leader, child = family
    assert end(leader, lambda: marked(tmp_path), grace_seconds=grace_seconds)
    assert not is_alive(leader)
    assert not is_alive(child)
    assert not end(leader, lambda: marked(tmp_path), grace_seconds=grace_seconds)


@linux
def test_an_orphan_is_ended(tmp_path: Path, family: tuple[subprocess.Popen[str], Process, Process]) -> None:
    """The leader has crashed, its child lives: it is found by its mark."""
    started, leader, child = family
    started.kill()
    started.wait()
    assert is_alive(child)
    assert end(leader, lambda: marked(tmp_path), grace_seconds=0)
    assert not is_alive(child)
