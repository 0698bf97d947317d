"""`penstock test-state`: one state of a definition, tried with an input and a mocked result."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from penstock.cli.reading import text_of
from penstock.errors import DefinitionError, StateTestError, UsageError
from penstock.statemachines.definitions import read_definition
from penstock.statemachines.teststate import Mock, StateConfiguration, StateTest, try_state
from penstock.statemachines.values import JSON

SUCCEEDED = ("SUCCEEDED", "CAUGHT_ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRequest:
    """What `penstock test-state` was asked for; texts are JSON, `@FILE` or `-` for standard input."""

    file: Path
    state: str | None
    value: str
    level: Literal["INFO", "DEBUG", "TRACE"]
    result: str | None
    error: str | None
    cause: str | None
    variables: str | None
    context: str | None
    retry_count: int
    validation: str


def test_state(request: StateRequest) -> StateTest:
    """Try the state.

    Raises:
        UsageError: a file or a JSON text cannot be read.
        StateTestError: AWS would refuse the request.
    """
    mock = None
    if request.result is not None or request.error is not None:
        result = None if request.result is None else json.dumps(read_json(request.result, "--mock-result"))
        mock = Mock(
            result=result,
            error=request.error,
            cause=request.cause,
            field_validation_mode=request.validation,
        )
    try:
        return try_state(
            definition_in(request.file),
            read_json(request.value, "--input"),
            state_name=request.state,
            mock=mock,
            configuration=StateConfiguration(retrier_retry_count=request.retry_count),
            variables=_object(request.variables, "--variables"),
            context=_object(request.context, "--context"),
            level=request.level,
            role_arn="arn:aws:iam::123456789012:role/test-state",
        )
    except StateTestError as error:
        raise StateTestError(error.what, code=error.code, at=str(request.file), fix=error.fix) from error


def shown(answer: StateTest) -> str:
    """The answer as lines of text: what came of it, then the data after each stage."""
    lines = [f"status      {answer.status}"]
    if answer.next_state is not None:
        lines.append(f"next state  {answer.next_state}")
    for name, text in (("error", answer.error), ("cause", answer.cause)):
        if text is not None:
            lines.append(f"{name:<10}  {text}")
    if answer.has_output:
        lines.append(f"output      {_compact(answer.output)}")
    if answer.inspection:
        lines.append("")
        width = max(map(len, answer.inspection))
        lines += [f"{name:<{width}}  {_compact(value)}" for name, value in answer.inspection.items()]
    return "\n".join(lines)


def read_json(text: str, option: str) -> JSON:
    """What a JSON text, a file (`@FILE`) or standard input (`-`) holds.

    Raises:
        UsageError: it cannot be read, or is no JSON.
    """
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = text_of(Path(text[1:]), option)
        return cast("JSON", json.loads(text))
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} is no UTF-8 text: {error}", fix="give the text in UTF-8") from error
    except ValueError as error:
        raise UsageError(
            f"{option} is no JSON: {error}",
            fix=f"write JSON, {option} @FILE, or {option} - for standard input",
        ) from error


def _object(text: str | None, option: str) -> Mapping[str, JSON] | None:
    if text is None:
        return None
    value = read_json(text, option)
    if not isinstance(value, dict):
        raise UsageError(f"{option} is no JSON object", fix='for example {"name": 1}')
    return value


def definition_in(path: Path) -> Mapping[str, JSON]:
    """The definition that a file holds.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return read_definition(text_of(path, "the definition"))
    except DefinitionError as error:
        raise UsageError(error.what, at=f"{path} {error.at or ''}".strip(), fix=error.fix) from error


def _compact(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
