"""The Lambda API: `Invoke`, in its three types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NoReturn, cast

from penstock.runtime.functions.functions import LATEST, Functions
from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError, unanswered

_UNDERSTOOD: Final = frozenset({"FunctionName", "InvocationType", "LogType", "Payload", "Qualifier"})


class LambdaService:
    """Answers the Lambda API from `Functions`."""

    def __init__(self, functions: Functions, scheduler: Scheduler) -> None:
        self.functions = functions
        self._scheduler = scheduler

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.operation != "Invoke":
            raise unanswered("lambda", call.operation)
        check_parameters(call.parameters)
        name = str(call.parameters["FunctionName"])
        payload = _payload(call.parameters.get("Payload"))
        _check_payload(payload)
        match call.parameters.get("InvocationType", "RequestResponse"):
            case "DryRun":
                self.functions.find(name)
                return {"StatusCode": 204}
            case "Event":
                self.functions.queue_event(name, payload, source=call.caller or "")
                return {"StatusCode": 202, "Payload": b""}
            case _:
                raise self._synchronously(name, payload, call.caller or "")

    def _synchronously(self, name: str, payload: bytes, source: str) -> AnswerLater:
        promise = AnswerLater(lambda: self._scheduler.run_until(lambda: promise.settled))

        def done(outcome: InvocationOutcome) -> None:
            error = outcome.error
            if error is None:
                answer: dict[str, object] = {"StatusCode": 200, "Payload": outcome.payload or b"null"}
                promise.resolve({**answer, "ExecutedVersion": "$LATEST"})
            elif error.error_type == THROTTLED:
                promise.fail(
                    ServiceError(
                        THROTTLED,
                        error.error_message,
                        429,
                        fields={"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"},
                    )
                )
            else:
                answer = {"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}
                promise.resolve({**answer, "Payload": error.payload(outcome.request_id)})

        self.functions.run(name, payload, done, source=source)
        return promise


def _payload(given: object) -> bytes:
    if isinstance(given, bytes | bytearray):
        return bytes(given) or b"{}"
    if isinstance(given, str):
        return given.encode() or b"{}"
    return cast("bytes", given.read()) or b"{}" if hasattr(given, "read") else b"{}"


def check_parameters(parameters: Mapping[str, object]) -> None:
    """Refuse what would be passed over, and versions: none is published here or by the plan.

    Raises:
        UnansweredOperationError: a parameter that is not understood.
        ServiceError: `ResourceNotFoundException`, `InvalidParameterValueException`.
    """
    for name in parameters.keys() - _UNDERSTOOD:
        raise unanswered("lambda", "Invoke", because=f"its parameter {name} is not understood")
    if parameters.get("LogType") == "Tail":
        raise unanswered(
            "lambda", "Invoke", because="LogType=Tail is not understood: see the function's log file"
        )
    kind = parameters.get("InvocationType", "RequestResponse")
    if kind not in ("RequestResponse", "Event", "DryRun"):
        raise ServiceError(
            "InvalidParameterValueException",
            f"1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [RequestResponse, Event, DryRun]",
        )
    qualifier = parameters.get("Qualifier", LATEST)
    if qualifier != LATEST:
        bare = str(parameters.get("FunctionName", "")).rpartition("function:")[2]
        raise ServiceError(
            "ResourceNotFoundException",
            f"Function not found: arn:aws:lambda:us-east-1:123456789012:function:{bare}:{qualifier}",
            404,
        )


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_payload(payload: bytes) -> None:
    """Refuse what is no JSON (Lambda, "Invoke").

    Raises:
        ServiceError: `InvalidRequestContentException`.
    """
    try:
        json.loads(payload.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", 400
        ) from error
