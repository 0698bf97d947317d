"""One execution environment: a forked process that runs one function, one invocation at a time.

1. Objects are read from the store's files by the process itself; bodies are staged there. Every other call,
   and every change, goes over the socket to the main process, which decides and journals it.
2. The process ends with its parent: at the end of the socket, and by the kernel's signal where it has one.
3. Between two invocations the environment is frozen, as on Lambda: a thread that a handler left behind waits
   with its AWS calls until the next invocation thaws it.
4. Ctrl-C is the main process's affair; it is ignored here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from penstock.errors import StateFolderError, UnansweredOperationError
from penstock.runtime import aws_calls
from penstock.runtime.access import Authority, Principal
from penstock.runtime.invocation import FunctionError
from penstock.runtime.s3.files import BinaryReader, StoreFiles
from penstock.runtime.s3.objects import StagedFile
from penstock.runtime.s3.parameters import check_parameters
from penstock.runtime.s3.reader import Finds, get_object, head_object
from penstock.runtime.s3.writing import as_body
from penstock.runtime.services import (
    AccessDeniedError,
    Call,
    CallRecord,
    Need,
    ServiceError,
    unanswered,
)
from penstock.runtime.workers.context import LambdaContext, use_time_zone
from penstock.runtime.workers.frames import (
    Answered,
    Asked,
    DiskFailed,
    Fork,
    Ran,
    Ready,
    Refused,
    Run,
    ToEnvironment,
    Unanswered,
    receive,
    send,
    to_environment,
)
from penstock.runtime.workers.inline import exit_status
from penstock.runtime.workers.logs import (
    flush_output,
    log_as_lambda_does,
    log_failure,
    redirect_output,
)
from penstock.runtime.workers.running import Entry, LoadFailedError, load_entry, run_entry

LocalRead = Callable[[StoreFiles, Finds, Mapping[str, object]], dict[str, object]]

_Read = tuple[str, Need, str | None, Need | None]
"""The operation, what it needs, the error it ended with, and the need that was refused."""

_LOCAL_READS: Mapping[str, LocalRead] = {"GetObject": get_object, "HeadObject": head_object}
_BODIES = frozenset({"PutObject", "UploadPart"})


class Connection:
    """Answers the calls of one environment: from the files where it can, else by asking the main process."""

    def __init__(
        self,
        connection: socket.socket,
        files: StoreFiles,
        function: str,
        principal: Principal | None = None,
    ) -> None:
        self._authority = None if principal is None else Authority({function: principal})
        self._socket = connection
        self._files = files
        self._function = function
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._reads: Counter[_Read] = Counter()
        self._counting = threading.Lock()

    def freeze(self) -> None:
        """Let no call begin; one that has begun is waited for."""
        self._turn.acquire()

    def thaw(self) -> None:
        """Let calls begin again."""
        self._turn.release()

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call, as `Service.answer` does, but never later."""
        if call.service == "s3":
            local = _LOCAL_READS.get(call.operation)
            if local is not None:
                return self._read(call, local)
        if os.getpid() != self._process:
            raise unanswered(
                call.service,
                call.operation,
                because="in a process that the handler has forked only S3 objects can be read; "
                "make the call in the handler's own process, or use threads",
            )
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
        reply: ToEnvironment = to_environment.decode(content)
        match reply:
            case Answered(answer=answer):
                return answer
            case Refused(code=code, message=message, status=status, fields=fields, headers=headers):
                raise ServiceError(code, message, status, fields=fields, headers=headers)
            case Run():
                raise RuntimeError("an invocation came where an answer was due")
            case Unanswered(what=what, at=at, fix=fix):
                raise UnansweredOperationError(what, at=at, fix=fix)

    def take_reads(self) -> tuple[CallRecord, ...]:
        """The reads that were answered here since the last time, equal ones together."""
        with self._counting:
            reads, self._reads = self._reads, Counter()
        return tuple(
            CallRecord(
                service="s3",
                operation=operation,
                caller=self._function,
                needs=(need,),
                error=error,
                count=count,
                denied=denied,
            )
            for (operation, need, error, denied), count in reads.items()
        )

    def _stage(self, body: bytes | BinaryReader, parameters: Mapping[str, object]) -> StagedFile:
        with self._telling_of_the_disk():
            return self._files.stage(body, parameters)

    @contextlib.contextmanager
    def _telling_of_the_disk(self) -> Iterator[None]:
        """A failure of the disk, or of a file that was added in place, is none of the function: it ends the run."""
        try:
            yield
        except StateFolderError as error:
            with self._turn:
                send(self._socket, DiskFailed(error.what, error.at, error.fix))
            raise

    def _read(self, call: Call, read: LocalRead) -> dict[str, object]:
        parameters = call.parameters
        action = "s3:GetObjectVersion" if "VersionId" in parameters else "s3:GetObject"
        need = (action, f"arn:aws:s3:::{parameters.get('Bucket')}/{parameters.get('Key')}")
        try:
            self._judge(call.operation, need)
            check_parameters(call.operation, parameters)
            answer = self._found(read, call, need)
        except AccessDeniedError as error:
            self._count(call.operation, need, error.code, error.need)
            raise
        except ServiceError as error:
            self._count(call.operation, need, error.code)
            raise
        self._count(call.operation, need, None)
        return answer

    def _judge(self, operation: str, need: Need) -> None:
        if self._authority is not None:
            self._authority.check(self._function, operation, (need,))

    def _found(self, read: LocalRead, call: Call, need: Need) -> dict[str, object]:
        try:
            with self._telling_of_the_disk():
                return read(self._files, self._files, call.parameters)
        except ServiceError as error:
            if self._authority is not None and error.code in ("NoSuchKey", "404"):
                self._authority.check_absence(self._function, call.operation, (need,))
            raise

    def _count(self, operation: str, need: Need, error: str | None, denied: Need | None = None) -> None:
        with self._counting:
            self._reads[operation, need, error, denied] += 1


def live(connection: socket.socket, order: Fork) -> NoReturn:
    """Be an execution environment until the connection ends. Called in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    redirect_output(order.log)
    os.environ.update(order.variables)
    use_time_zone()
    sys.path[:] = [order.project, *(entry for entry in sys.path if entry not in ("", order.project))]
    with contextlib.suppress(OSError):
        os.chdir(order.project)
    files = StoreFiles(Path(order.store), writer=order.writer)
    calls = Connection(connection, files, order.function, order.principal)
    status = 0
    try:
        with aws_calls.answering(calls.answer, caller=order.function):
            _serve(connection, calls, order.handler)
    except SystemExit as exit_:
        status = exit_status(exit_)
    except ConnectionError:
        status = 0
    except BaseException:  # noqa: BLE001  # a handler may raise `CancelledError`; nobody is above this frame
        traceback.print_exc()
        status = 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            flush_output()
    os._exit(status)


def _serve(connection: socket.socket, calls: Connection, handler: str) -> None:
    said = log_as_lambda_does()
    loaded = _load(handler)
    calls.freeze()
    send(connection, Ready(loaded if isinstance(loaded, FunctionError) else None))
    fresh = True
    while (content := receive(connection)) is not None:
        message = to_environment.decode(content)
        if not isinstance(message, Run):
            raise RuntimeError(f"a {type(message).__name__} came where an invocation was due")
        calls.thaw()
        began = time.monotonic()
        said.request_id = message.invocation.request_id
        if isinstance(loaded, FunctionError) and not fresh:
            loaded = _load(handler)  # Lambda begins anew after an initialisation that failed
        fresh = False
        result = loaded if isinstance(loaded, FunctionError) else _run(loaded, message)
        if isinstance(result, FunctionError):
            log_failure(result, message.invocation.request_id)
        flush_output()
        calls.freeze()
        send(
            connection,
            Ran(
                payload=None if isinstance(result, FunctionError) else result,
                error=result if isinstance(result, FunctionError) else None,
                duration_seconds=time.monotonic() - began,
                calls=calls.take_reads(),
            ),
        )


def _load(handler: str) -> Entry | FunctionError:
    try:
        return load_entry(handler)
    except LoadFailedError as failed:
        return failed.error


def _run(entry: Entry, message: Run) -> bytes | FunctionError:
    context = LambdaContext(message.invocation, time.monotonic, message.until)
    return run_entry(entry, message.invocation.payload, context)
