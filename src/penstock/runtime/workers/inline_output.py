"""What functions say that run in this process: a file for each, as with workers, apart from what commands say.

1. A `Logger` keeps the stream that it found when it was made. So the process's streams are replaced once, by such as
   lead elsewhere while a function runs, before a module of the user's is imported.
2. The root logger has its handler as early: Powertools' loggers silence the handlers that they find there.
3. Who shows something of the run meanwhile writes to `outside(...)`.
4. Tests want it otherwise: there pytest shows what a function said.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast

from penstock.runtime.invocation import FunctionError
from penstock.runtime.workers.logs import LambdaHandler, log_failure


class _Divided:
    """A stream that leads to another one while a function runs."""

    def __init__(self, own: TextIO) -> None:
        self.own = own
        self.to = own

    def __getattr__(self, name: str) -> Any:  # all that a stream has, as the one has it that it leads to
        return getattr(self.to, name)


class _RootHandler(LambdaHandler):
    """As on Lambda while a function runs; at other times as if the root logger had no handler."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.request_id:
            super().emit(record)
        elif logging.lastResort is not None and record.levelno >= logging.lastResort.level:
            logging.lastResort.emit(record)


@contextmanager
def divided_output() -> Iterator[None]:
    """Have streams and a root logger of this process that functions' output can be led away from."""
    root, handler = logging.getLogger(), _RootHandler(sys.stderr)
    with (
        redirect_stdout(cast("TextIO", _Divided(sys.stdout))),
        redirect_stderr(cast("TextIO", _Divided(sys.stderr))),
    ):
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)


def outside(stream: TextIO) -> TextIO:
    """The stream itself, also while a function runs."""
    return stream.own if isinstance(stream, _Divided) else stream


class FunctionLogs:
    """The files of a run's functions, `<function>.log`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, TextIO] = {}

    @contextmanager
    def of(self, function: str, request_id: str) -> Iterator[None]:
        """What is printed and logged inside goes to the function's file."""
        file, root = self._file(function), logging.getLogger()
        with ExitStack() as stack:
            for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
                if isinstance(stream, _Divided):
                    stack.callback(setattr, stream, "to", stream.to)
                    stream.to = file
                else:
                    stack.enter_context(redirect(file))
            handler = next((one for one in root.handlers if isinstance(one, _RootHandler)), None)
            if handler is None:
                handler = _RootHandler(file)
                root.addHandler(handler)
                stack.callback(root.removeHandler, handler)
            stack.callback(handler.go_on, handler.stream, handler.request_id)
            handler.go_on(file, request_id)
            yield

    def failed(self, function: str, error: FunctionError, request_id: str) -> None:
        """Write down why an invocation failed."""
        log_failure(error, request_id, self._file(function))

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _file(self, function: str) -> TextIO:
        found = self._open.get(function)
        if found is None:
            path = self._folder / f"{function}.log"
            found = path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
            self._open[function] = found
        return found
