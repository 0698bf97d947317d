"""Importing a handler and running it once, as Lambda's Python runtime does: a value or a `FunctionError`.

1. This is a process boundary: whatever a user's handler raises becomes the error of its invocation, with
   Lambda's error types, and never an exception of the runtime.
2. `SystemExit` is let through. What it means differs: a worker ends, the inline invoker reports it.
"""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Final

import msgspec

from penstock.runtime.invocation import (
    HANDLER_NOT_FOUND,
    IMPORT_FAILED,
    MALFORMED_HANDLER_NAME,
    MARSHAL_FAILED,
    RESPONSE_TOO_LARGE,
    SYNCHRONOUS_PAYLOAD_LIMIT_BYTES,
    SYNTAX_ERROR,
    UNMARSHAL_FAILED,
    FunctionError,
    Payload,
    UnwrittenEvent,
)
from penstock.runtime.workers.context import LambdaContext

Entry = Callable[[object, LambdaContext], object]

_ALL_SUCCEEDED: Final[dict[str, list[object]]] = {"batchItemFailures": []}

_with_exact_decimals = msgspec.json.Encoder(decimal_format="number").encode


class LoadFailedError(Exception):
    """A handler cannot be imported; `error` is what its invocations fail with."""

    def __init__(self, error: FunctionError) -> None:
        super().__init__(error.error_message)
        self.error = error


def load_entry(setting: str) -> Entry:
    """Import what Lambda's handler setting names.

    Raises:
        LoadFailedError: with Lambda's error type for what is wrong.
    """
    module_name, _, attribute = setting.rpartition(".")
    if not module_name:
        raise LoadFailedError(
            FunctionError(
                error_type=MALFORMED_HANDLER_NAME,
                error_message=f"Bad handler '{setting}': not enough values to unpack (expected 2, got 1)",
            )
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise LoadFailedError(_failed(SYNTAX_ERROR, message, error)) from error
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise LoadFailedError(_failed(IMPORT_FAILED, message, error)) from error
    except Exception as error:  # the user's module may raise anything
        raise LoadFailedError(failure_of(error)) from error
    entry = getattr(module, attribute, None)
    if not callable(entry):
        message = f"Handler '{attribute}' missing on module '{module_name}'"
        raise LoadFailedError(FunctionError(error_type=HANDLER_NOT_FOUND, error_message=message))
    found: Entry = entry
    return found


def run_entry(entry: Entry, payload: Payload, context: LambdaContext) -> bytes | FunctionError:
    """Run a handler with an event; return its JSON answer, or why there is none."""
    try:
        event = unmarshalled(payload)
    except ValueError as error:
        message = _writable(f"Unable to unmarshal input: {error}")
        return FunctionError(error_type=UNMARSHAL_FAILED, error_message=message)
    try:
        answer = entry(event, context)
    except Exception as error:  # noqa: BLE001  # whatever the handler raises is its invocation's error
        return failure_of(error)
    try:
        encoded = marshalled(answer)
    except (TypeError, ValueError, RecursionError) as error:
        return FunctionError(
            error_type=MARSHAL_FAILED,
            error_message=_writable(f"Unable to marshal response: {error}"),
        )
    if len(encoded) > SYNCHRONOUS_PAYLOAD_LIMIT_BYTES:
        return FunctionError(
            error_type=RESPONSE_TOO_LARGE,
            error_message=f"Response payload size exceeded maximum allowed payload size "
            f"({SYNCHRONOUS_PAYLOAD_LIMIT_BYTES} bytes).",
        )
    return encoded


def unmarshalled(payload: Payload) -> object:
    """The event of an invocation as Lambda's runtime reads it from JSON with `json.loads`, only faster.

    Raises:
        ValueError: it is no JSON.
    """
    if isinstance(payload, UnwrittenEvent):
        return msgspec.to_builtins(payload)
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return json.loads(payload)  # NaN, numbers that become infinite, lone surrogates; or what is wrong


def marshalled(answer: object) -> bytes:
    """A handler's answer as JSON. Decimals (DynamoDB's numbers) become numbers, digit for digit, as on Lambda.

    Raises:
        TypeError, ValueError: it cannot be written as JSON.
    """
    if answer in (None, _ALL_SUCCEEDED):
        return b"null" if answer is None else b'{"batchItemFailures": []}'
    decimals: list[Decimal] = []

    def number(value: object) -> float:
        if not isinstance(value, Decimal):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
        decimals.append(value)
        return float(value)

    encoded = json.dumps(answer, ensure_ascii=False, default=number).encode()
    if any(value.is_finite() for value in decimals):
        return _with_exact_decimals(answer)
    return encoded


def failure_of(error: BaseException) -> FunctionError:
    """An exception as Lambda reports it: its class's name, its text, and the frames of the user's code.

    Its text is made by the user's code, too, which may fail; then there is none.
    """
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  # what is reported is the first exception, not the second
        message = ""
    return _failed(type(error).__name__, message, error)


def _failed(error_type: str, message: str, error: BaseException) -> FunctionError:
    frames = tuple(_writable(frame) for frame in _frames(error.__traceback__))
    return FunctionError(error_type=error_type, error_message=_writable(message), stack_trace=frames)


def _writable(text: str) -> str:
    """A text without halves of surrogate pairs, such as stand for the bytes of a file name that is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _frames(found: TracebackType | None) -> tuple[str, ...]:
    """The frames below this file's own."""
    while found is not None and found.tb_frame.f_code.co_filename == __file__:
        found = found.tb_next
    return tuple(traceback.format_tb(found))
