"""What a function says: its output, its log records and its failures, in one file, as CloudWatch shows them.

1. Standard output and error of the process go to the function's file, so that prints and crashes are in it.
2. The root logger has a handler with the format of Lambda's Python runtime ("Lambda function logging in
   Python"), so that `logging` says here what it says there.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Final, TextIO

from penstock.runtime.invocation import FunctionError

_FORMAT: Final = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"


class LambdaHandler(logging.StreamHandler[TextIO]):
    """Writes log records with the id of the invocation that runs."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.request_id = ""
        formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def go_on(self, stream: TextIO, request_id: str) -> None:
        """From now on it is this invocation that runs."""
        self.stream, self.request_id = stream, request_id

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        return super().format(record)


def redirect_output(log: str) -> None:
    """Append this process's standard output and error to a file, line by line; standard input is empty."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115


def log_as_lambda_does() -> LambdaHandler:
    """Give the root logger its handler, which is to be told of each invocation."""
    handler = LambdaHandler(sys.stdout)
    logging.getLogger().addHandler(handler)
    return handler


def log_failure(error: FunctionError, request_id: str, stream: TextIO | None = None) -> None:
    """Write down why an invocation failed, with the frames of the user's code.

    Args:
        stream: where to; None: this process's standard output.
    """
    lines = [f"[ERROR] {error.error_type}: {error.error_message}\tRequestId: {request_id}\n"]
    if error.stack_trace:
        lines += ["Traceback (most recent call last):\n", *error.stack_trace]
    (stream or sys.stdout).write("".join(lines))


def flush_output() -> None:
    """Have what was printed in the file before the invocation's end is told."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
