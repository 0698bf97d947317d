"""One execution environment: a forked process that runs one function, one invocation at a time.

1. Objects are read from the store's files by the process itself; bodies are staged there. Every other call,
   and every change, goes over the socket to the main process, which decides and journals it.
2. The process ends with its parent: at the end of the socket, and by the kernel's signal where it has one.
3. Ctrl-C is the main process's affair; it is ignored here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from penstock.errors import StateFolderError, UnansweredOperationError
from penstock.runtime import aws_calls
from penstock.runtime.invocation import FunctionError
from penstock.runtime.s3.files import BinaryReader, StoreFiles
from penstock.runtime.s3.objects import StagedFile
from penstock.runtime.s3.parameters import check_parameters
from penstock.runtime.s3.reader import Find, get_object, head_object
from penstock.runtime.s3.service import as_body
from penstock.runtime.services import Call, CallRecord, ServiceError, resource_of
from penstock.runtime.workers.context import LambdaContext
from penstock.runtime.workers.frames import (
    Answered,
    Asked,
    DiskFailed,
    Fork,
    Ran,
    Ready,
    Refused,
    Run,
    receive,
    send,
    to_environment,
)
from penstock.runtime.workers.inline import exit_status
from penstock.runtime.workers.running import Entry, LoadFailedError, load_entry, run_entry

LocalRead = Callable[[StoreFiles, Find, Mapping[str, object]], dict[str, object]]

_LOCAL_READS: Mapping[str, LocalRead] = {"GetObject": get_object, "HeadObject": head_object}
_BODIES = frozenset({"PutObject", "UploadPart"})


class Connection:
    """Answers the calls of one environment: from the files where it can, else by asking the main process."""

    def __init__(self, connection: socket.socket, files: StoreFiles, function: str) -> None:
        self._socket = connection
        self._files = files
        self._function = function
        self._turn = threading.Lock()
        self._reads: Counter[tuple[str, str, str | None]] = Counter()

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call, as `Service.answer` does, but never later."""
        if call.service == "s3":
            local = _LOCAL_READS.get(call.operation)
            if local is not None:
                return self._read(call, local)
        staged: StagedFile | None = None
        parameters = dict(call.parameters)
        if call.service == "s3" and call.operation in _BODIES:
            check_parameters(call.operation, parameters)
            staged = self._stage(as_body(parameters.pop("Body", b"")), parameters)
        asked = Asked(call.service, call.operation, parameters, staged, call.request)
        with self._turn:
            send(self._socket, asked)
            content = receive(self._socket)
        if content is None:
            os._exit(0)
        reply = to_environment.decode(content)
        match reply:
            case Answered(answer=answer):
                return answer
            case Refused(code=code, message=message, status=status, fields=fields):
                raise ServiceError(code, message, status, fields=fields)
            case Run():
                raise RuntimeError("an invocation came where an answer was due")
            case unanswered:
                raise UnansweredOperationError(unanswered.what, at=unanswered.at, fix=unanswered.fix)

    def take_reads(self) -> tuple[CallRecord, ...]:
        """The reads that were answered here since the last time, equal ones together."""
        reads, self._reads = self._reads, Counter()
        return tuple(
            CallRecord(
                service="s3",
                operation=operation,
                resource=resource,
                caller=self._function,
                error=error,
                count=count,
            )
            for (operation, resource, error), count in reads.items()
        )

    def _stage(self, body: bytes | BinaryReader, parameters: Mapping[str, object]) -> StagedFile:
        try:
            return self._files.stage(body, parameters)
        except StateFolderError as error:
            with self._turn:
                send(self._socket, DiskFailed(error.what, error.at, error.fix))
            raise

    def _read(self, call: Call, read: LocalRead) -> dict[str, object]:
        resource = resource_of(call.parameters)
        try:
            check_parameters(call.operation, call.parameters)
            answer = read(self._files, self._files.find, call.parameters)
        except ServiceError as error:
            self._reads[call.operation, resource, error.code] += 1
            raise
        self._reads[call.operation, resource, None] += 1
        return answer


def live(connection: socket.socket, order: Fork) -> NoReturn:
    """Be an execution environment until the connection ends. Called in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _redirect_output(order.log)
    os.environ.update(order.variables)
    sys.path[:] = [order.project, *(entry for entry in sys.path if entry not in ("", order.project))]
    with contextlib.suppress(OSError):
        os.chdir(order.project)
    files = StoreFiles(Path(order.store), writer=f"{order.function}-{order.environment_id}")
    calls = Connection(connection, files, order.function)
    status = 0
    try:
        with aws_calls.answering(calls.answer, caller=order.function):
            _serve(connection, calls, order.handler)
    except SystemExit as exit_:
        status = exit_status(exit_)
    except ConnectionError:
        status = 0
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    os._exit(status)


def _serve(connection: socket.socket, calls: Connection, handler: str) -> None:
    entry: Entry | None = None
    failed: FunctionError | None = None
    try:
        entry = load_entry(handler)
    except LoadFailedError as error:
        failed = error.error
    send(connection, Ready(failed))
    while (content := receive(connection)) is not None:
        message = to_environment.decode(content)
        if not isinstance(message, Run):
            raise RuntimeError(f"a {type(message).__name__} came where an invocation was due")
        began = time.monotonic()
        result: bytes | FunctionError
        if entry is None:
            result = failed or FunctionError(error_type="Runtime.Unknown", error_message=handler)
        else:
            result = _run(entry, message)
        send(
            connection,
            Ran(
                payload=None if isinstance(result, FunctionError) else result,
                error=result if isinstance(result, FunctionError) else None,
                duration_seconds=time.monotonic() - began,
                calls=calls.take_reads(),
            ),
        )


def _run(entry: Entry, message: Run) -> bytes | FunctionError:
    context = LambdaContext(message.invocation, lambda: message.until - time.monotonic())
    try:
        return run_entry(entry, message.invocation.payload, context)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _redirect_output(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
