"""The JSONata forms of the state types: `Arguments` and `Output` in place of JSONPath's fields.

A state says `"QueryLanguage": "JSONata"`, unless the flow that it stands in says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from penstock.statemachines.building.map_parts import ItemBatcher, ItemReader, ResultWriter
from penstock.statemachines.building.states import Catch, Retry, State, When, otherwise, with_rules
from penstock.statemachines.building.values import OMIT, Fields, Omit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jsonata(State):
    query_language: ClassVar[str | None] = "JSONata"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output(_Jsonata):
    output: object = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(_Output):
    type: ClassVar[str] = "Pass"
    assign: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work(_Output):
    assign: Fields | Omit = OMIT
    retry: tuple[Retry, ...] | Omit = OMIT
    catch: tuple[Catch, ...] | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(_Work):
    type: ClassVar[str] = "Task"
    resource: str
    arguments: Fields | str | Omit = OMIT
    timeout_seconds: int | str | Omit = OMIT
    heartbeat_seconds: int | str | Omit = OMIT
    credentials: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(_Work):
    type: ClassVar[str] = "Parallel"
    arguments: Fields | str | Omit = OMIT
    branches: tuple[Fields, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(_Work):
    type: ClassVar[str] = "Map"
    item_processor: Fields
    items: object = OMIT
    item_reader: ItemReader | Fields | Omit = OMIT
    item_selector: Fields | str | Omit = OMIT
    item_batcher: ItemBatcher | Fields | Omit = OMIT
    result_writer: ResultWriter | Fields | Omit = OMIT
    max_concurrency: int | str | Omit = OMIT
    tolerated_failure_count: int | str | Omit = OMIT
    tolerated_failure_percentage: float | str | Omit = OMIT
    label: str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(_Output):
    """Its rules are texts: `When("{% $states.input.n > 3 %}", next="Big")`."""

    type: ClassVar[str] = "Choice"
    ends: ClassVar[bool] = True
    choices: tuple[When, ...]
    default: State | str | Omit = OMIT
    assign: Fields | Omit = OMIT

    def to_definition(self, following: str | None = None) -> dict[str, object]:
        return with_rules(State.to_definition(self, following), self.choices, computes=False)

    def goes_on_to(self, following: str) -> State:
        return replace(self, default=otherwise(self.name, self.default, following))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(_Output):
    type: ClassVar[str] = "Wait"
    seconds: int | str | Omit = OMIT
    timestamp: str | Omit = OMIT
    assign: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(_Output):
    type: ClassVar[str] = "Succeed"
    ends: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(_Jsonata):
    type: ClassVar[str] = "Fail"
    ends: ClassVar[bool] = True
    error: str | Omit = OMIT
    cause: str | Omit = OMIT
