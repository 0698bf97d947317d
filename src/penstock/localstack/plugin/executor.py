"""LocalStack's runtime executor that runs a function as a process of this machine instead of a container.

What differs from Lambda: memory is not limited, the file system is this machine's, the processor is this machine's
whatever architecture the function names, and only Python functions without layers run.
"""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from penstock.errors import LocalStackError
from penstock.localstack.environments import (
    FUNCTIONS,
    environment_python,
    functions_environment,
    make_environment,
)
from penstock.localstack.plugin.function_process import Code, FunctionProcess
from penstock.localstack.plugin.runtime_api import InitError
from penstock.localstack.plugin_folder import EXECUTOR
from penstock.localstack.processes import ENVIRONMENTS, MARK
from penstock.localstack.pythons import find_python

_RUNTIME: Final = "python"
_making = threading.Lock()


class ProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]  # LocalStack is not typed
    """Makes `LAMBDA_RUNTIME_EXECUTOR=penstock` known."""

    name = EXECUTOR

    def load(self, *_args: object, **_kwargs: object) -> type[ProcessExecutor]:
        """The executor's class; LocalStack makes one executor for each execution environment."""
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]  # LocalStack is not typed
    """One execution environment."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self._process: FunctionProcess | None = None

    def start(self, env_vars: dict[str, str]) -> None:
        """Initialize the function. If that fails, its first invocation does, which has a log for the reason."""
        settings = self.function_version.config
        code = Code(
            python=functions_python(settings.runtime),
            folder=Path(settings.code.get_unzipped_code_location()),
            handler=settings.handler,
            version=self.function_version.id.qualifier,
            timeout_seconds=settings.timeout,
            memory_mb=settings.memory_size,
        )
        environ = {name: str(value) for name, value in env_vars.items()}
        environ["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{settings.runtime}"
        environ[MARK] = os.environ.get(MARK, "")
        self._process = FunctionProcess(code, environ)
        with suppress(InitError):
            self._process.start()

    def stop(self) -> None:
        """End the function's process."""
        if self._process is not None:
            self._process.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the function once."""
        assert self._process is not None
        request_id = payload["invoke-id"]
        outcome = self._process.invoke(
            request_id,
            payload["payload"].encode(),
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
        )
        answer = outcome.answer
        return InvocationResult(request_id, answer.payload, is_error=answer.is_error, logs=outcome.log)

    def get_logs(self) -> str:
        """What the function has written since its last invocation."""
        return self._process.log() if self._process is not None else ""

    def get_address(self) -> str:
        """Where the function is."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """Where LocalStack is for the function."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Where LocalStack's own initialization would report to; this executor needs none."""
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code, and see that there is a Python for it; LocalStack shows an error as the function's state.

        Raises:
            LocalStackError: the function cannot run here.
        """
        settings = function_version.config
        if not settings.code or not str(settings.runtime).startswith(_RUNTIME):
            raise LocalStackError(
                f"functions run as processes of this machine, and a {settings.runtime or 'container image'} cannot",
                fix="use LocalStack with Docker (docker compose up) for it",
            )
        if settings.layers:
            raise LocalStackError(
                "functions run as processes of this machine, and have no layers",
                fix="package what the layer has with the function's code",
            )
        functions_python(settings.runtime)
        settings.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """The code is removed by LocalStack."""


def functions_python(runtime: str) -> Path:
    """The interpreter for a runtime such as `python3.13`, in an environment that has what Lambda's has.

    Raises:
        LocalStackError: this machine has no such Python.
    """
    with _making:
        return _functions_python(runtime.removeprefix(_RUNTIME))


@cache
def _functions_python(series: str) -> Path:
    environments = os.environ.get(ENVIRONMENTS) or Path(tempfile.gettempdir()) / "penstock-environments"
    folder = functions_environment(Path(environments), series)
    make_environment(folder, FUNCTIONS, find_python(series=(series,)))
    return environment_python(folder)
