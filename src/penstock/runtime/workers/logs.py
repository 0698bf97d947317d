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
from typing import Final

from penstock.runtime.invocation import FunctionError

_FORMAT: Final = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"


class InvocationFilter(logging.Filter):
    """Gives every log record the id of the invocation that runs."""

    def __init__(self) -> None:
        super().__init__()
        self.request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


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


def log_as_lambda_does() -> InvocationFilter:
    """Give the root logger its handler; returns what is to be told of each invocation."""
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    of_invocation = InvocationFilter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(of_invocation)
    logging.getLogger().addHandler(handler)
    return of_invocation


def log_failure(error: FunctionError, request_id: str) -> None:
    """Write down why an invocation failed, with the frames of the user's code."""
    lines = [f"[ERROR] {error.error_type}: {error.error_message}\tRequestId: {request_id}\n"]
    if error.stack_trace:
        lines += ["Traceback (most recent call last):\n", *error.stack_trace]
    sys.stdout.write("".join(lines))


def flush_output() -> None:
    """Have what was printed in the file before the invocation's end is told."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
