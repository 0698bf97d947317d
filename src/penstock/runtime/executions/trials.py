"""Definitions on trial: `TestState` and `ValidateStateMachineDefinition`, answered from the request alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, cast

from penstock.errors import DefinitionError, StateTestError
from penstock.runtime.executions.answers import Answer, Parameters, decoded
from penstock.runtime.services import ServiceError, unanswered
from penstock.statemachines.checks import check_definition
from penstock.statemachines.definitions import read_definition
from penstock.statemachines.model import Kind
from penstock.statemachines.protocol import RunTask
from penstock.statemachines.teststate import Level, Mock, StateConfiguration, try_state
from penstock.statemachines.values import JSON, compact

_NUMBERS: Final = ("toleratedFailureCount", "toleratedFailurePercentage", "maxConcurrency", "errorDetails")
"""What `inspectionData` has as it is; the other members are JSON text."""

MAXIMUM_DIAGNOSTICS: Final = 100


def _test_state(parameters: Parameters) -> Answer:
    """One state by itself (API reference, "TestState"); the service of a Task state is mocked."""
    mock, definition = _mock(parameters), _definition(str(parameters["definition"]))
    name, role = parameters.get("stateName"), parameters.get("roleArn")
    level = str(parameters.get("inspectionLevel", "INFO"))
    try:
        told = try_state(
            definition,
            decoded(str(parameters.get("input", "{}"))),
            state_name=None if name is None else str(name),
            mock=mock,
            configuration=_configuration(parameters),
            variables=_object(parameters, "variables"),
            context=_object(parameters, "context"),
            level=cast("Level", level),
            role_arn=None if role is None else str(role),
            reveal_secrets=parameters.get("revealSecrets") is True,
            call=_no_service,
        )
    except StateTestError as error:
        raise ServiceError(error.code, error.what) from error
    answer: Answer = dict(told.as_api())
    if "output" in answer:
        answer["output"] = compact(answer["output"])
    inspection = answer.get("inspectionData")
    if isinstance(inspection, Mapping):
        answer["inspectionData"] = {
            name: value if name in _NUMBERS else compact(value) for name, value in inspection.items()
        }
    return answer


def _no_service(_task: RunTask) -> NoReturn:
    raise unanswered("stepfunctions", "TestState", because="it calls no service: give a mock")


def _mock(parameters: Parameters) -> Mock | None:
    given = parameters.get("mock")
    if not isinstance(given, Mapping):
        return None
    error = given.get("errorOutput")
    error = error if isinstance(error, Mapping) else {}
    return Mock(
        result=given.get("result"),
        error=error.get("error"),
        cause=error.get("cause"),
        field_validation_mode=str(given.get("fieldValidationMode", "STRICT")),
    )


def _configuration(parameters: Parameters) -> StateConfiguration:
    given = parameters.get("stateConfiguration")
    given = given if isinstance(given, Mapping) else {}
    return StateConfiguration(
        retrier_retry_count=int(given.get("retrierRetryCount", 0)),
        map_iteration_failure_count=given.get("mapIterationFailureCount"),
        error_caused_by_state=given.get("errorCausedByState"),
        map_item_reader_data=given.get("mapItemReaderData"),
    )


def _object(parameters: Parameters, name: str) -> Mapping[str, JSON] | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        value = json.loads(str(text))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ServiceError("ValidationException", f"{name} must be a JSON object")
    return value


def _definition(text: str) -> Mapping[str, JSON]:
    try:
        return read_definition(text)
    except DefinitionError as error:
        what = f"Invalid State Machine Definition: '{error.what}'"
        raise ServiceError("InvalidDefinition", what) from error


def _validate(parameters: Parameters) -> Answer:
    """What is wrong with a definition (API reference, "ValidateStateMachineDefinition").

    The codes are those of penstock's own rules.
    """
    most = parameters.get("maxResults") or MAXIMUM_DIAGNOSTICS
    if not isinstance(most, int) or not 0 < most <= MAXIMUM_DIAGNOSTICS:
        raise ServiceError("ValidationException", f"maxResults is at most {MAXIMUM_DIAGNOSTICS}")
    kind: Kind = "EXPRESS" if parameters.get("type") == "EXPRESS" else "STANDARD"
    try:
        problems = check_definition(read_definition(str(parameters["definition"])), kind=kind)
    except DefinitionError as error:
        unreadable = {
            "severity": "ERROR",
            "code": "INVALID_JSON_DESCRIPTION",
            "message": error.what,
            "location": error.at or "",
        }
        return {"result": "FAIL", "diagnostics": [unreadable], "truncated": False}
    shown = [
        {
            "severity": one.severity.upper(),
            "code": one.rule,
            "message": f"{one.what}; {one.fix}",
            "location": one.pointer,
        }
        for one in problems
        if one.severity == "error" or parameters.get("severity") == "WARNING"
    ]
    failed = any(one.severity == "error" for one in problems)
    return {
        "result": "FAIL" if failed else "OK",
        "diagnostics": shown[:most],
        "truncated": len(shown) > most,
    }


OPERATIONS: Final[Mapping[str, Callable[[Parameters], Answer]]] = {
    "TestState": _test_state,
    "ValidateStateMachineDefinition": _validate,
}
