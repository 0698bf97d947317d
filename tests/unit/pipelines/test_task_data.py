"""What tasks hand to functions is held against the handlers' annotations, and what comes back is followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

import msgspec
import pydantic
import pytest

from penstock.errors import DeclarationError, RuleError
from penstock.handlers import on_task
from penstock.handlers.handler import Handler
from penstock.pipelines import Function, Pipeline, StateMachine

INVOKE = "arn:aws:states:::lambda:invoke"


@dataclass
class Part:
    start: int
    stop: int = 0


@dataclass
class Work:
    name: str
    parts: list[Part]
    mode: Literal["fast", "slow"] = "fast"
    price: Decimal | None = None


class Done(msgspec.Struct, rename="camel"):
    row_count: int
    finished_at: datetime


class Order(pydantic.BaseModel):
    id: int
    note: str = ""


class Aliased(pydantic.BaseModel):
    x: int = pydantic.Field(validation_alias=pydantic.AliasChoices("x", "y"))


class Changed(pydantic.BaseModel):
    numbers: list[int]

    @pydantic.field_validator("numbers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value


class Open(pydantic.BaseModel, extra="allow"):
    x: int = 0


class Told(TypedDict):
    kind: str
    extra: NotRequired[int]


@on_task
def work(given: Work) -> Done:
    raise NotImplementedError(given)


@on_task
def order(given: Order) -> Order:
    return given


@on_task
def tell(given: Told) -> Told:
    return given


@on_task
def take_aliased(given: Aliased) -> Open:
    return Open(x=given.x)


@on_task
def take_changed(given: Changed) -> None: ...


@on_task
def take_anything(given: dict[str, object]) -> object:
    return given


def problems(
    handler: Handler[..., object], payload: object, reading: str = "$.Payload", resource: str = INVOKE
) -> list[RuleError]:
    """Of a machine that calls the handler and then reads from what came back."""
    definition = {
        "StartAt": "Call",
        "States": {
            "Call": {
                "Type": "Task",
                "Resource": resource,
                "Parameters": {"FunctionName": "${F}", "Payload": payload},
                "Next": "Read",
            },
            "Read": {"Type": "Pass", "Parameters": {"x.$": reading}, "End": True},
        },
    }
    machine = StateMachine("m", definition, substitutions={"F": Function("f", handler)})
    try:
        Pipeline("p", parts=(machine,))
    except DeclarationError as error:
        return [one for one in error.problems if isinstance(one, RuleError)]
    return []


@pytest.mark.parametrize(
    ("handler", "payload"),
    [
        (work, {"name": "a", "parts": [{"start": 1}], "unknown": "is accepted"}),
        (work, {"name": "a", "parts": [], "price": 1.5, "mode": "slow"}),
        (order, {"id": "7"}),
        (tell, {"kind": "a"}),
        (take_anything, {"what": "ever"}),
        (take_aliased, {"y": 1}),
        (take_changed, {"numbers": "1,2"}),
    ],
)
def test_payloads_that_fit(handler: Handler[..., object], payload: object) -> None:
    """Are accepted, as the handler itself would accept them."""
    assert not problems(handler, payload)


@pytest.mark.parametrize(
    ("handler", "payload", "what"),
    [
        (work, {"parts": []}, "$.name is not there"),
        (work, {"name": 1, "parts": []}, "$.name is number, not string"),
        (work, {"name": "a", "parts": {}}, "$.parts is object, not array"),
        (work, {"name": "a", "parts": [{"stop": 1}]}, "$.parts[*].start is not there"),
        (work, {"name": "a", "parts": [{"start": "1"}]}, "$.parts[*].start is string, not number"),
        (work, {"name": "a", "parts": [], "price": True}, "$.price is boolean, not null or number or string"),
        (work, "text", "$ is string, not object"),
        (order, {"note": "x"}, "$.id is not there"),
        (order, {"id": []}, "$.id is array, not number"),
        (tell, {}, "$.kind is not there"),
    ],
)
def test_payloads_that_do_not_fit(handler: Handler[..., object], payload: object, what: str) -> None:
    """The error names the member and the handler."""
    (problem,) = problems(handler, payload)
    assert problem.rule == "PL605"
    assert problem.what.endswith(f"a payload whose {what}")
    assert handler.spec.qualname in problem.what
    assert "/States/Call" in str(problem.at)


@pytest.mark.parametrize(
    ("handler", "payload", "reading", "fix"),
    [
        (work, {"name": "a", "parts": []}, "$.Payload.row_count", 'did you mean "rowCount"?'),
        (order, {"id": 1}, "$.Payload.nt", 'did you mean "note"?'),
        (tell, {"kind": "a"}, "$.Payload.kind.more", "it is read from string, which has no members"),
    ],
)
def test_a_path_into_a_result(handler: Handler[..., object], payload: object, reading: str, fix: str) -> None:
    """That its annotation does not have is refused; one that it has is not."""
    (problem,) = problems(handler, payload, reading)
    assert problem.rule == "PL606"
    assert str(problem.fix).startswith(fix)


@pytest.mark.parametrize(
    ("handler", "payload", "reading"),
    [
        (work, {"name": "a", "parts": []}, "$.Payload.finishedAt"),
        (tell, {"kind": "a"}, "$.Payload.extra"),
        (take_anything, {}, "$.Payload.any.thing"),
        (take_aliased, {"x": 1}, "$.Payload.extra"),
    ],
)
def test_a_path_that_the_annotation_has(handler: Handler[..., object], payload: object, reading: str) -> None:
    """Renamed members and members that need not be there included."""
    assert not problems(handler, payload, reading)


@pytest.mark.parametrize("handler", [work])
def test_the_api_itself_takes_text(handler: Handler[..., object]) -> None:
    """`aws-sdk:lambda:invoke` is handed JSON as text, and answers with text: neither is the handler's."""
    assert problems(handler, "{}", "$.Payload", "arn:aws:states:::aws-sdk:lambda:invoke") == []
