"""A LocalStack of a test session ends with the session."""

from __future__ import annotations

import signal
import subprocess
import sys

_CHILD = """
import os, sys, time
from penstock.localstack.parents import end_with
end_with(os.getppid() if sys.argv[1] == "parent" else 0, look_seconds=0.01)
print(os.getpid(), flush=True)
time.sleep(60)
print("still there")
"""

_PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {_CHILD!r}, "parent"])
time.sleep(60)
"""


def test_it_ends_when_its_parent_is_killed() -> None:
    """Nothing else holds the pipe that the two share: it is closed when both have ended."""
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.kill()
        assert parent.stdout.read() == ""


def test_it_ends_at_once_if_its_parent_has_ended_already() -> None:
    """Between its start and its first look."""
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, "gone"], capture_output=True, timeout=30, check=False
    )
    assert ended.returncode == -signal.SIGTERM
