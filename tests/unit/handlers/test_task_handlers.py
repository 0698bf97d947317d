"""Tasks of a state machine: input in, output out, both of the types that the annotations say."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, NoReturn

import msgspec
import pydantic
import pytest

from penstock.errors import DecodeError, HandlerError
from penstock.handlers import on_task
from penstock.testing.context import FakeContext


class Colour(Enum):
    RED = "red"


@dataclass
class Chunk:
    start: int
    end: int


class Done(msgspec.Struct):
    at: datetime
    colours: list[Colour]
    per_key: dict[int, int]
    chunk: Chunk


class Model(pydantic.BaseModel):
    total: int
    at: datetime


AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_result_becomes_json() -> None:
    """Structs, dataclasses, enums and times; keys of objects are texts, as JSON has them."""

    @on_task
    def handle(chunk: Chunk) -> Done:
        return Done(AT, [Colour.RED], {1: 2}, chunk)

    assert handle.invoke({"start": 0, "end": 9}, FakeContext()) == {
        "at": "2026-01-01T00:00:00Z",
        "colours": ["red"],
        "per_key": {"1": 2},
        "chunk": {"start": 0, "end": 9},
    }


@dataclass
class Options:
    name: str
    size: int = 4
    chunk: Chunk | None = None


@dataclass(frozen=True)
class Several:
    options: list[Options]
    first: Options | None = None


def test_defaults_are_not_lost_on_the_way_through() -> None:
    """What was left out of the input is in the output, at any depth."""

    @on_task
    def handle(several: Several) -> Several:
        return several

    given = {"options": [{"name": "a"}, {"name": "b", "size": 5}]}
    assert handle.invoke(given, FakeContext()) == {
        "options": [{"name": "a", "size": 4, "chunk": None}, {"name": "b", "size": 5, "chunk": None}],
        "first": None,
    }


def test_models_in_and_out() -> None:
    """A Pydantic model validates itself, alone and in a list."""

    @on_task
    def handle(model: Model) -> list[Model]:
        return [model]

    expected = [{"total": 5, "at": "2026-01-01T00:00:00Z"}]
    assert handle.invoke({"total": "5", "at": "2026-01-01T00:00:00Z"}, FakeContext()) == expected


class Sum(pydantic.BaseModel):
    """It goes out by another name than it comes in."""

    total: int = pydantic.Field(serialization_alias="tot")


@pytest.mark.parametrize("annotation", [Sum, Sum | None])
def test_a_model_may_be_written_by_other_names_than_it_takes(annotation: Any) -> None:
    """An instance of the model is what the annotation says; anything else is held against it."""

    def handle(given: object) -> object:
        return Sum(total=3) if given else {"tot": 3}

    handle.__annotations__ |= {"given": bool, "return": annotation}
    task = on_task(handle)
    assert task.invoke(True, FakeContext()) == {"tot": 3}
    with pytest.raises(HandlerError, match="total: Field required"):
        task.invoke(False, FakeContext())


class Strict(pydantic.BaseModel):
    """Takes a text for a day of JSON alone, and is called otherwise there."""

    model_config = pydantic.ConfigDict(strict=True)
    day: date = pydantic.Field(alias="onDay")


@pytest.mark.parametrize("annotation", [Strict, list[Strict]])
def test_a_strict_model_is_given_json(annotation: Any) -> None:
    """What was decoded on the way is JSON all the same; and out go the names that come in."""

    def handle(given: object) -> object:
        return given

    handle.__annotations__ |= {"given": annotation, "return": annotation}
    one = {"onDay": "2026-01-01"}
    given = one if annotation is Strict else [one]
    assert on_task(handle).invoke(given, FakeContext()) == given
    for day, words in ((5, "valid date"), ("\ud800", "Invalid JSON")):
        bad = {"onDay": day}
        with pytest.raises(DecodeError, match=words):
            on_task(handle).invoke(bad if annotation is Strict else [bad], FakeContext())


@pytest.mark.parametrize("value", [None, 5, "x", [1, {"a": None}], {"a": [True]}])
def test_any_json_value_goes_through_unannotated(value: object) -> None:
    """A task's input need not be an object."""

    @on_task
    def handle(given: Any):  # type: ignore[no-untyped-def]
        return given

    assert handle.invoke(value, FakeContext()) == value


def test_an_input_that_does_not_fit_names_the_field() -> None:
    """The state fails with DecodeError, which it may catch."""

    @on_task
    def handle(chunk: Chunk) -> None: ...

    with pytest.raises(DecodeError, match=r"\$\.end: Expected `int`, got `str`") as caught:
        handle.invoke({"start": 0, "end": "9"}, FakeContext())
    assert caught.value.fix is not None


def test_a_result_of_another_type_is_an_error() -> None:
    """The annotation is a promise to the next state."""

    @on_task
    def handle(given: dict[str, Any]) -> Chunk:
        return given  # type: ignore[return-value]

    @on_task
    def says_none(given: dict[str, Any]) -> None:
        return given  # type: ignore[return-value]

    with pytest.raises(HandlerError, match="the result is not what the function's annotation says"):
        handle.invoke({"start": "x"}, FakeContext())
    with pytest.raises(HandlerError, match="Expected `null`"):
        says_none.invoke({}, FakeContext())


def test_a_result_without_json_form_is_an_error() -> None:
    """With the type that has none."""

    @on_task
    def handle(given: dict[str, Any]) -> object:
        return {"lock": object()}

    with pytest.raises(HandlerError, match="object is no type of JSON"):
        handle.invoke({}, FakeContext())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_an_error(number: float) -> None:
    """The next state would be given a text that is no JSON, or a null."""

    @on_task
    def handle(given: dict[str, Any]) -> object:
        return {"mean": [number]}

    with pytest.raises(HandlerError, match=f"{number} is no number of JSON"):
        handle.invoke({}, FakeContext())


def test_a_result_that_holds_itself_is_an_error() -> None:
    """JSON has no end for it."""

    @on_task
    def handle(value: object) -> object:
        endless: list[object] = []
        endless.append(endless)
        return endless

    with pytest.raises(HandlerError, match="cannot be written as JSON"):
        handle.invoke({}, FakeContext())


def test_a_return_annotation_without_json_form_is_refused_at_once() -> None:
    """At decoration, not at the first execution."""

    def handle(given: str) -> FakeContext:
        raise NotImplementedError

    with pytest.raises(HandlerError, match="FakeContext"):
        on_task(handle)


def test_what_a_task_raises_comes_out() -> None:
    """Its class's name is the error that the state machine can retry or catch."""

    class OutOfStock(Exception): ...

    @on_task
    def handle(given: str) -> NoReturn:
        raise OutOfStock(given)

    with pytest.raises(OutOfStock, match="pen"):
        handle.invoke("pen", FakeContext())
