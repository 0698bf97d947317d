"""Installing all that LocalStack needs, at once: its environment, the functions', the server of Kinesis."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from penstock.localstack import environments, processes
from penstock.localstack.environments import is_ready, make_environment
from penstock.localstack.pythons import Python, find_python

_LOOK_SECONDS: Final = 0.1


def install(folder: Path, wanted: Path | None, tell: Callable[[str], None]) -> Python:
    """Make what is not there yet; returns the Python that LocalStack runs on.

    Ctrl-C, and `SystemExit` in the main thread, end what is being installed (on Linux; elsewhere it is waited for).

    Args:
        folder: of the environments.
        wanted: the user's choice of a Python; None: one is looked for.
        tell: is told of what takes long.

    Raises:
        LocalStackError: there is no Python for it, or it cannot be installed.
    """
    python = find_python(wanted)
    localstack = folder / "localstack"
    functions = environments.functions_environment(folder, python.series)
    downloads = environments.downloads(folder)
    if not is_ready(localstack, environments.LOCALSTACK, python):
        tell(
            f"installing LocalStack {environments.VERSION} for Python {python.version}, once (about a minute)"
        )
    parts: list[Future[bool]] = []
    with ThreadPoolExecutor(3) as pool:
        try:  # the first part is at work before the others are begun
            parts.append(pool.submit(make_environment, localstack, environments.LOCALSTACK, python))
            parts.append(pool.submit(make_environment, functions, environments.FUNCTIONS, python))
            parts.append(pool.submit(environments.install_kinesis, downloads))
            while wait(parts, timeout=_LOOK_SECONDS).not_done:
                pass  # a signal that comes just before a wait would not end that
            for one in parts:
                one.result()
        except (KeyboardInterrupt, SystemExit):
            _give_up(parts, (localstack, functions, environments.kinesis_being_made(downloads)))
            raise
    return python


def _give_up(parts: Sequence[Future[bool]], folders: Sequence[Path]) -> None:
    """Kill what installs, until nothing does: whoever waits for it is told that it failed."""
    for one in parts:
        one.cancel()
    while True:
        for folder in folders:
            for found in processes.marked(folder, processes.INSTALLING):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGKILL)
        if not wait(parts, timeout=_LOOK_SECONDS).not_done:
            return
