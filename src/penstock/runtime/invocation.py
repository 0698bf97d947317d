"""Running a Lambda function once: what goes in, what comes out, and the port that does it.

1. Only values and the `Invoker` port are here. How a function is run is `workers.inline` (this process,
   virtual clock) or `workers.pool` (worker processes, real clock); both pass
   `tests/contracts/test_invoker_contract.py`.
2. Error types, messages and limits are AWS Lambda's ("Lambda quotas", "Using the Lambda runtime API").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from penstock.runtime.services import CallRecord, ServiceError

THROTTLED: Final = "TooManyRequestsException"
"""The error of a function whose reserved concurrency is used up."""

SYNCHRONOUS_PAYLOAD_LIMIT_BYTES: Final = 6 * 1024 * 1024
ASYNCHRONOUS_PAYLOAD_LIMIT_BYTES: Final = 1024 * 1024

TIMED_OUT: Final = "Sandbox.Timedout"
EXITED: Final = "Runtime.ExitError"
IMPORT_FAILED: Final = "Runtime.ImportModuleError"
SYNTAX_ERROR: Final = "Runtime.UserCodeSyntaxError"
HANDLER_NOT_FOUND: Final = "Runtime.HandlerNotFound"
MALFORMED_HANDLER_NAME: Final = "Runtime.MalformedHandlerName"
MARSHAL_FAILED: Final = "Runtime.MarshalError"
UNMARSHAL_FAILED: Final = "Runtime.UnmarshalError"
RESPONSE_TOO_LARGE: Final = "Function.ResponseSizeTooLarge"

_OF_THE_SERVICE: Final = frozenset({TIMED_OUT, EXITED, RESPONSE_TOO_LARGE})
"""Errors that Lambda itself reports, and not the function's runtime: they have a type and a message, and no more."""


class UnwrittenEvent(msgspec.Struct):
    """An event that has not been written as JSON, and need not be for a function that runs in this process.

    Whoever makes one sees to it that its JSON is within Lambda's limit.
    """


Payload = bytes | UnwrittenEvent
"""An event: its JSON, or what is written as it."""


def written(payload: Payload) -> bytes:
    """The JSON of an event."""
    return msgspec.json.encode(payload) if isinstance(payload, UnwrittenEvent) else payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One run of one function.

    Attributes:
        function: the function's name in the pipeline.
        handler: `module.attribute`, as the Lambda setting is written: `handlers.flights.handle`.
        payload: the event.
        asynchronous: decides which payload limit holds.
    """

    request_id: str
    function: str
    handler: str
    payload: Payload
    timeout_seconds: float = 30.0
    memory_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    asynchronous: bool = False
    arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionError:
    """Why an invocation failed, as Lambda words it.

    Attributes:
        error_type: the exception's class name, or one of the `Runtime.` and `Sandbox.` types above.
        stack_trace: the lines that Lambda puts into `stackTrace`.
    """

    error_type: str
    error_message: str
    stack_trace: tuple[str, ...] = ()

    def payload(self, request_id: str) -> bytes:
        """The JSON that `Invoke` returns beside `FunctionError: Unhandled`.

        Python's runtime tells of the request and of the stack besides (Lambda, "Python function errors").
        """
        if self.error_type in _OF_THE_SERVICE:
            return json.dumps({"errorType": self.error_type, "errorMessage": self.error_message}).encode()
        return json.dumps(
            {
                "errorMessage": self.error_message,
                "errorType": self.error_type,
                "requestId": request_id,
                "stackTrace": list(self.stack_trace),
            }
        ).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationOutcome:
    """What came of an invocation: exactly one of `payload` (JSON) and `error` is set.

    Attributes:
        cold_start: a new execution environment was made for it.
        calls: AWS calls that the environment answered by itself (local reads), grouped.
    """

    request_id: str
    payload: bytes | None = None
    error: FunctionError | None = None
    duration_seconds: float = 0.0
    cold_start: bool = False
    calls: tuple[CallRecord, ...] = ()


class Invoker(Protocol):
    """Runs functions. `workers.inline.InlineInvoker` and `workers.pool.PoolInvoker` implement it."""

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        """Start an invocation; `done` is called exactly once, in this process, from its loop or at once.

        Raises:
            ServiceError: `RequestEntityTooLargeException`, before anything ran.
        """
        ...

    def close(self) -> None:
        """Stop everything that runs; invocations in flight are dropped without calling `done`."""
        ...


def refuse_large_payload(payload: Payload, *, asynchronous: bool) -> None:
    """Raise what `Invoke` raises for an event over Lambda's limit (6 MB synchronous, 1 MB asynchronous)."""
    if isinstance(payload, UnwrittenEvent):
        return
    limit = ASYNCHRONOUS_PAYLOAD_LIMIT_BYTES if asynchronous else SYNCHRONOUS_PAYLOAD_LIMIT_BYTES
    if len(payload) > limit:
        raise ServiceError(
            "RequestEntityTooLargeException",
            f"{len(payload)} byte payload is too large for the "
            f"{'Event' if asynchronous else 'RequestResponse'} invocation type (limit {limit} bytes)",
            413,
        )


def timed_out(invocation: Invocation) -> FunctionError:
    """The error of an invocation that ran longer than its function's timeout."""
    return FunctionError(
        error_type=TIMED_OUT,
        error_message=(
            f"RequestId: {invocation.request_id} Error: "
            f"Task timed out after {invocation.timeout_seconds:.2f} seconds"
        ),
    )


def exited(request_id: str, status: int | None) -> FunctionError:
    """The error of a handler that ended its process.

    Args:
        status: the exit status; negative for a signal, as `subprocess` gives it; None if it is not known.
    """
    if status is not None and status < 0:
        reason = f"Runtime exited with error: signal: {-status}"
    elif status:
        reason = f"Runtime exited with error: exit status {status}"
    else:
        reason = "Runtime exited without providing a reason"
    return FunctionError(error_type=EXITED, error_message=f"RequestId: {request_id} Error: {reason}")
