"""Judging the recorded calls of `TestState`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from penstock.errors import StateTestError
from penstock.statemachines import RunTask, TaskFailed, TaskSucceeded
from penstock.statemachines.teststate import Mock, StateConfiguration, try_state
from penstock.testing.machines import Returns, Throws
from tests.conformance import corpus
from tests.conformance.matching import matches
from tests.conformance.replay import EXTRACTED_AT, World

_ROLE = "arn:aws:iam::111111111111:role/r"


def folder() -> Path:
    """Where the recordings are."""
    return corpus.asl_folder() / "teststate"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _answer(case: Mapping[str, object]) -> object:
    """What the engine answers to the recorded request, in the recording's shape."""
    request, expected = case["request"], case["expected"]
    assert isinstance(request, dict)
    world = World({**case, "expected": {}})

    def call(task: RunTask) -> TaskSucceeded | TaskFailed:
        answer = world.call_function(task)
        if isinstance(answer, Throws):
            return TaskFailed(task_id=task.task_id, error=answer.error, cause=answer.cause, at=0.0)
        assert isinstance(answer, Returns)
        return TaskSucceeded(task_id=task.task_id, output=answer.output, at=0.0)

    mock = request.get("mock")
    failure = (mock or {}).get("errorOutput") or {}
    settings = request.get("stateConfiguration") or {}
    # The recorder left the role out: there was one, unless the answer shows that there was none.
    without_role = '"RoleArn": null' in json.dumps(expected) or "RoleArn must be" in json.dumps(expected)
    try:
        answer = try_state(
            request["definition"],
            request.get("input"),
            state_name=_text(request.get("stateName")),
            mock=None
            if mock is None
            else Mock(
                result=_text(mock.get("result")),
                error=_text(failure.get("error")),
                cause=_text(failure.get("cause")),
                field_validation_mode=str(mock.get("fieldValidationMode", "STRICT")),
            ),
            configuration=StateConfiguration(
                retrier_retry_count=settings.get("retrierRetryCount", 0),
                map_iteration_failure_count=settings.get("mapIterationFailureCount"),
                error_caused_by_state=settings.get("errorCausedByState"),
                map_item_reader_data=settings.get("mapItemReaderData"),
            ),
            variables=request.get("variables"),
            context=request.get("context"),
            level=request.get("inspectionLevel", "INFO"),
            role_arn=None if without_role else _ROLE,
            reveal_secrets=request.get("revealSecrets") is True,
            call=call,
            account="111111111111",
            at=EXTRACTED_AT,
        )
    except StateTestError as refused:
        return {"exception": {"Code": refused.code, "Message": refused.what}}
    return {"response": answer.as_api()}


def _expected(case: Mapping[str, object]) -> object:
    expected = case["expected"]
    assert isinstance(expected, dict)
    if "exception" in expected:
        return {"exception": expected["exception"]["Error"]}
    return {"response": expected["response"]}


@cache
def differing() -> tuple[list[str], int]:
    """The names of the recordings that differ, and how many there are."""
    paths = sorted(folder().glob("*.json"))
    cases = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [str(case["name"]) for case in cases if not matches(_expected(case), _answer(case))], len(cases)
