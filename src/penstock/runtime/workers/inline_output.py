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
from penstock.runtime.state_folder import state_folder_error
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


class _LogFile:
    """A function's file. A full disk is no failure of the function: what cannot be written is told of afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        # Unbuffered: nothing is left that closing it would have to write.
        self._file = path.open("ab", buffering=0)

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                self._file.write(text.encode("utf-8", "backslashreplace"))
            except OSError as error:
                self.error = error
        return len(text)

    def flush(self) -> None: ...

    def __getattr__(self, name: str) -> Any:  # `fileno`, `close`, `closed`, ...
        return getattr(self._file, name)


class FunctionLogs:
    """The files of a run's functions, `<function>.log`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, _LogFile] = {}

    @contextmanager
    def of(self, function: str, request_id: str) -> Iterator[None]:
        """What is printed and logged inside goes to the function's file.

        Raises:
            StateFolderError: the disk is full or the folder cannot be written.
        """
        log, root = self._file(function), logging.getLogger()
        file = cast("TextIO", log)
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
        if log.error is not None:
            raise state_folder_error(log.error, log.path)

    def failed(self, function: str, error: FunctionError, request_id: str) -> None:
        """Write down why an invocation failed."""
        log_failure(error, request_id, cast("TextIO", self._file(function)))

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _file(self, function: str) -> _LogFile:
        found = self._open.get(function)
        if found is None:
            path = self._folder / f"{function}.log"
            try:
                found = self._open[function] = _LogFile(path)
            except OSError as error:
                raise state_folder_error(error, path) from error
        return found
