"""The Lambda API: `Invoke`, in its three types."""

from __future__ import annotations

import json
from typing import cast

from penstock.runtime.functions.functions import Functions
from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError, unanswered


class LambdaService:
    """Answers the Lambda API from `Functions`."""

    def __init__(self, functions: Functions, scheduler: Scheduler) -> None:
        self.functions = functions
        self._scheduler = scheduler

    def answer(self, call: Call) -> dict[str, object]:
        """Answer one call; see `Service.answer`."""
        if call.operation != "Invoke":
            raise unanswered("lambda", call.operation)
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


def _check_payload(payload: bytes) -> None:
    """Refuse what is no JSON (Lambda, "Invoke").

    Raises:
        ServiceError: `InvalidRequestContentException`.
    """
    try:
        json.loads(payload)
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}", 400
        ) from error
