"""Executions in the shapes of the Step Functions API, listings in pages, inputs decoded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from penstock.runtime.executions.drive import Drive
from penstock.runtime.services import ServiceError
from penstock.statemachines import Status
from penstock.statemachines.values import JSON, compact

Parameters = Mapping[str, object]
Answer = dict[str, object]
T = TypeVar("T")

_DATA: Final = ("input", "inputDetails", "output", "outputDetails", "parameters", "parametersDetails")


def page(found: list[T], parameters: Parameters, *, most: int) -> tuple[list[T], Answer]:
    """One page of a listing, and the token of the next one if there is one."""
    asked = parameters.get("maxResults")
    token = str(parameters.get("nextToken", 0))
    if not token.isdecimal():
        raise ServiceError("InvalidToken", f"Invalid Token: '{token}'")
    begin = int(token)
    end = begin + min(most, asked if isinstance(asked, int) and asked else most)
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
    """The entry of `ListExecutions`."""
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
    return answer


def described(drive: Drive, parameters: Parameters) -> Answer:
    """The answer of `DescribeExecution`; without input and output if `includedData` is `METADATA_ONLY`."""
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
