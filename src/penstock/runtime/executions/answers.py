"""Executions in the shapes of the Step Functions API, listings in pages, inputs decoded."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from penstock.runtime.executions.drive import Drive
from penstock.runtime.services import ServiceError
from penstock.statemachines import Status
from penstock.statemachines.redrive import obstacle
from penstock.statemachines.values import JSON, compact

Parameters = Mapping[str, object]
Answer = dict[str, object]
T = TypeVar("T")

_BILLED_MILLISECONDS, _BILLED_MEGABYTES = 100, 64
"""Pricing of Express Workflows: duration in steps of 100 ms, memory in chunks of 64 MB, of which one is assumed."""

_DATA: Final = ("input", "inputDetails", "output", "outputDetails", "parameters", "parametersDetails")


PAGE_RESULTS: Final = 100
MAXIMUM_RESULTS: Final = 1000
"""API reference, "maxResults": "The default is 100 and the maximum allowed page size is 1000"."""


def page(found: list[T], parameters: Parameters) -> tuple[list[T], Answer]:
    """One page of a listing, and the token of the next one if there is one.

    Raises:
        ServiceError: `InvalidToken`, or `ValidationException` if more results are asked for than a page may have.
    """
    asked = parameters.get("maxResults") or PAGE_RESULTS
    if not isinstance(asked, int) or not 0 < asked <= MAXIMUM_RESULTS:
        raise ServiceError(
            "ValidationException",
            f"Value '{asked}' at 'maxResults' failed to satisfy constraint: Member must have value less than or "
            f"equal to {MAXIMUM_RESULTS}",
        )
    token = str(parameters.get("nextToken", 0))
    if not token.isdecimal():
        raise ServiceError("InvalidToken", f"Invalid Token: '{token}'")
    begin = int(token)
    end = begin + asked
    return found[begin:end], {"nextToken": str(end)} if end < len(found) else {}


def decoded(text: str) -> JSON:
    """The value of an `input`.

    Raises:
        ServiceError: `InvalidExecutionInput`.
    """
    try:
        value: JSON = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ServiceError(
            "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
        ) from None
    return value


def summary(drive: Drive) -> Answer:
    """The entry of `ListExecutions`, but for `itemCount`."""
    answer: Answer = {
        "executionArn": drive.arn,
        "stateMachineArn": drive.state_machine_arn,
        "name": drive.name,
        "status": drive.execution.status.value,
        "startDate": moment(drive.started_at),
    }
    if drive.child is not None:
        answer["mapRunArn"] = drive.child.map_run_arn
    if drive.ended_at is not None:
        answer["stopDate"] = moment(drive.ended_at)
    if drive.kind == "STANDARD":
        answer["redriveCount"] = drive.execution.redrive_count
        if drive.execution.redrive_count:
            answer["redriveDate"] = moment(drive.execution.redriven_at)
    return answer


def redrive_status(drive: Drive, now: float) -> Answer:
    """Whether an execution can be redriven, and why not."""
    ended_at = now if drive.ended_at is None else drive.ended_at
    reason = obstacle(drive.execution, closed_seconds=now - ended_at)
    if drive.child is not None and drive.execution.status not in (Status.RUNNING, Status.SUCCEEDED):
        reason = None if drive.kind == "EXPRESS" else reason
        if reason is None:
            return {"redriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    if reason is None:
        return {"redriveStatus": "REDRIVABLE"}
    return {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}


def answer_of_sync(drive: Drive, parameters: Parameters) -> Answer:
    """The answer of `StartSyncExecution`."""
    ended_at = drive.started_at if drive.ended_at is None else drive.ended_at
    steps = math.ceil(round((ended_at - drive.started_at) * 1000, 3) / _BILLED_MILLISECONDS)
    billed = {
        "billedDurationInMilliseconds": max(1, steps) * _BILLED_MILLISECONDS,
        "billedMemoryUsedInMB": _BILLED_MEGABYTES,
    }
    return {**described(drive, parameters), "billingDetails": billed}


def described(drive: Drive, parameters: Parameters) -> Answer:
    """An execution in full; without input and output if `includedData` is `METADATA_ONLY`."""
    execution = drive.execution
    answer, whole = summary(drive), parameters.get("includedData") != "METADATA_ONLY"
    if whole:
        answer |= {"input": compact(execution.input), "inputDetails": {"included": True}}
    if whole and execution.status is Status.SUCCEEDED:
        answer |= {"output": compact(execution.output), "outputDetails": {"included": True}}
    if execution.error is not None:
        answer["error"] = execution.error
    if execution.cause is not None:
        answer["cause"] = execution.cause
    return answer


def without_data(event: dict[str, JSON]) -> None:
    """Take the inputs and outputs out of an event of a history (`includeExecutionData`)."""
    for details in event.values():
        if isinstance(details, dict):
            for name in _DATA:
                details.pop(name, None)


def moment(at: float) -> dt.datetime:
    """Epoch seconds as boto3 gives times."""
    return dt.datetime.fromtimestamp(at, dt.UTC)
