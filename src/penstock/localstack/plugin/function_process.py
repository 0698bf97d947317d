"""One execution environment of a function: a process that runs awslambdaric against a Runtime API of its own.

As Lambda does it: the process is kept between invocations; one that times out, or ends, is killed with all that it
started, and the next invocation initializes another. What the function writes is its log.

1. Standard library only.
2. An initialization that takes too long has failed ("Lambda execution environment lifecycle", Init phase: 10 seconds,
   and another try within the function's timeout).
3. The process gets nothing of LocalStack's own environment but the PATH.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.localstack.plugin.runtime_api import Answer, Event, InitError, RuntimeApi, error_payload
from penstock.localstack.processes import SANDBOX, end, marked

INIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What is run, and how.

    Attributes:
        python: an interpreter whose environment has awslambdaric.
        folder: the unpacked code.
        timeout_seconds: of one invocation.
    """

    python: Path
    folder: Path
    handler: str
    version: str
    timeout_seconds: int
    memory_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An invocation's answer, and what the function has written meanwhile between Lambda's own lines."""

    answer: Answer
    log: str


class FunctionProcess:
    """The environment. One thread at a time invokes it; `stop` may come from any."""

    def __init__(self, code: Code, environ: Mapping[str, str], *, init_seconds: float = INIT_SECONDS) -> None:
        self._code = code
        self._init_seconds = init_seconds
        self._environ = dict(environ)
        self._temporary = Path(tempfile.mkdtemp(prefix="function-"))
        self._log = (self._temporary / "log").open("ab+", buffering=0)
        self._lock = threading.Lock()
        self._stopped = False
        self._failed: InitError | None = None
        self._api: RuntimeApi | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Initialize it: returns when the runtime asks for its first invocation.

        Raises:
            InitError: it could not be, or not in time.
        """
        try:
            self._initialize(self._init_seconds + self._code.timeout_seconds)
        except InitError as error:
            self._failed = error
            raise

    def _initialize(self, seconds: float) -> None:
        with self._lock:
            if self._stopped:
                raise InitError(error_payload("Sandbox.Stopped", "The environment has been stopped"))
            api = RuntimeApi()
            process = self._spawn(api.address)
            self._api, self._process = api, process
        threading.Thread(target=_watch, args=(process, api), daemon=True).start()
        try:
            api.ready.result(seconds)
        except TimeoutError:
            self._kill()
            message = f"Error: Task timed out after {seconds:.2f} seconds"
            raise InitError(error_payload("Sandbox.Timedout", message)) from None
        except ProcessLookupError:
            self._kill()
            message = f"Error: Runtime exited with error: {_exit_text(process)}"
            raise InitError(error_payload("Runtime.ExitError", message)) from None
        except InitError:
            self._kill()
            raise

    def invoke(
        self, request_id: str, payload: bytes, *, function_arn: str, trace_id: str, again: bool = True
    ) -> Outcome:
        """Run it once; a process that has ended since is initialized again, in the invocation's own time.

        Args:
            again: try once more if the process ends without having taken the invocation.

        An initialization that failed is the invocation's error, and stands in its log; the next one tries anew.
        """
        began = time.time()
        timeout = self._code.timeout_seconds
        event = Event(
            request_id=request_id,
            payload=payload,
            function_arn=function_arn,
            deadline=began + timeout,
            trace_id=trace_id,
        )
        failed, self._failed = self._failed, None
        try:
            if failed is not None:
                raise failed
            api, process = self._ready(timeout)
        except InitError as error:
            answer = Answer(payload=error.payload, is_error=True)
            return Outcome(answer=answer, log=self._lines(request_id, time.time() - began, None))
        told = ""
        try:
            answer = api.invoke(event, event.deadline - time.time())
        except TimeoutError:
            self._kill()
            message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            answer = Answer(payload=error_payload("Sandbox.Timedout", message), is_error=True)
            told = f"{_now()} {request_id} Task timed out after {timeout:.2f} seconds\n"
        except ProcessLookupError:
            self._kill()
            if not api.taken and again:  # it was about to end: that is not this invocation's doing
                return self.invoke(
                    request_id, payload, function_arn=function_arn, trace_id=trace_id, again=False
                )
            message = f"RequestId: {request_id} Error: Runtime exited with error: {_exit_text(process)}"
            answer = Answer(payload=error_payload("Runtime.ExitError", message), is_error=True)
            told = f"{message}\nRuntime.ExitError\n"
        return Outcome(answer=answer, log=self._lines(request_id, time.time() - began, process.pid, told))

    def _ready(self, seconds: float) -> tuple[RuntimeApi, subprocess.Popen[bytes]]:
        """The API and the process, both initialized again if the process has ended."""
        if self._api is None or self._process is None or self._process.poll() is not None:
            self._kill()
            self._initialize(seconds)
        api, process = self._api, self._process
        assert api is not None
        assert process is not None
        return api, process

    def log(self) -> str:
        """What has been written since the last invocation."""
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """Kill it, and remove what it has written."""
        with self._lock:
            self._stopped = True
        self._kill()
        self._log.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _spawn(self, address: str) -> subprocess.Popen[bytes]:
        scratch = self._temporary / "tmp"
        scratch.mkdir(exist_ok=True)
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(scratch),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._environ,
            "AWS_LAMBDA_RUNTIME_API": address,
            "LAMBDA_TASK_ROOT": str(self._code.folder),
            SANDBOX: str(self._temporary),
            "NO_PROXY": "127.0.0.1,localhost",
            "TMPDIR": str(scratch),
        }
        return subprocess.Popen(
            [self._code.python, "-m", "awslambdaric", self._code.handler],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._code.folder,
            env=environ,
            start_new_session=True,
        )

    def _kill(self) -> None:
        with self._lock:
            api, process, self._api, self._process = self._api, self._process, None, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing of it may be left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            end(None, lambda: marked(self._temporary, SANDBOX), grace_seconds=0)  # what has left its group
        if api is not None:
            api.close()

    def _lines(self, request_id: str, seconds: float, pid: int | None, told: str = "") -> str:
        """The log of one invocation, as Lambda has it ("Log and monitor Python Lambda functions").

        Args:
            told: what Lambda itself says of its end.
        """
        written = self.log()
        if not self._log.closed:
            self._log.truncate(0)
        if written and not written.endswith("\n"):
            written += "\n"
        milliseconds = seconds * 1000
        report = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {int(milliseconds) + 1} ms",
            f"Memory Size: {self._code.memory_mb} MB",
            *(_memory(pid) if pid is not None else ()),
        ]
        return (
            f"START RequestId: {request_id} Version: {self._code.version}\n"
            f"{written}{told}"
            f"END RequestId: {request_id}\n" + "\t".join(report) + "\n"
        )


def _watch(process: subprocess.Popen[bytes], api: RuntimeApi) -> None:
    """Close the API when the process has ended."""
    process.wait()
    api.close()


def _now() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


def _exit_text(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    return f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _memory(pid: int) -> list[str]:
    """The most memory that it has had, where the system tells (Linux: VmHWM in proc_pid_status(5))."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return [f"Max Memory Used: {found[0] // 1024} MB"] if found else []
