"""The state types that both query languages share, and the JSONPath forms of the others.

One frozen dataclass per state type, with only the fields that it may have. JSONata's forms: `jsonata`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from penstock.errors import DefinitionError, UsageError
from penstock.statemachines.building.conditions import Condition
from penstock.statemachines.building.map_parts import ItemBatcher, ItemReader, ResultWriter
from penstock.statemachines.building.values import OMIT, Fields, Omit, plain, written


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Any state. Without `next` it goes on to the state after it in its chain, or ends."""

    type: ClassVar[str] = ""
    query_language: ClassVar[str | None] = None
    ends: ClassVar[bool] = False

    name: str = field(kw_only=False)
    comment: str | Omit = OMIT
    next: State | str | Omit = OMIT

    def __rshift__(self, following: State | Chain) -> Chain:
        return Chain((self,)) >> following

    def goes_on_to(self, following: str) -> State:
        """The state as it stands in a chain before another one.

        Raises:
            DefinitionError: nothing can follow it.
        """
        if self.ends:
            raise DefinitionError(
                f'"{self.name}" is a {self.type} state, which nothing follows',
                at=f"/States/{self.name}",
                fix="begin another chain with what follows it here",
            )
        return self

    def to_definition(self, following: str | None = None) -> dict[str, object]:
        """The state as the States Language writes it; `following` is what it goes on to unless it says."""
        out: dict[str, object] = {"Type": self.type}
        if self.query_language is not None:
            out["QueryLanguage"] = self.query_language
        out.update(
            written(self, without=("name", "next", "choices"), computes=self.query_language != "JSONata")
        )
        _say_language_in_states(out)
        if self.ends:
            return out
        if isinstance(self.next, Omit):
            out.update({"End": True} if following is None else {"Next": following})
        else:
            out["Next"] = self.next.name if isinstance(self.next, State) else self.next
        return out


@dataclass(frozen=True, slots=True)
class Chain:
    """States that follow one another: `plan >> process >> merge`."""

    states: tuple[State, ...]

    def __rshift__(self, following: State | Chain) -> Chain:
        return Chain(self.states + (following.states if isinstance(following, Chain) else (following,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A retrier (States Language, "Retrying after error")."""

    error_equals: tuple[str, ...] = field(default=("States.ALL",), kw_only=False)
    interval_seconds: int | Omit = OMIT
    max_attempts: int | Omit = OMIT
    backoff_rate: float | Omit = OMIT
    max_delay_seconds: int | Omit = OMIT
    jitter_strategy: Literal["FULL", "NONE"] | Omit = OMIT
    comment: str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """A catcher (States Language, "Fallback states"). `output` is JSONata's, `result_path` JSONPath's."""

    error_equals: tuple[str, ...] = field(default=("States.ALL",), kw_only=False)
    result_path: str | Omit | None = OMIT
    assign: Fields | Omit = OMIT
    output: object = OMIT
    comment: str | Omit = OMIT
    next: State | str


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A rule of a Choice: a `Condition` in JSONPath, a text `{% ... %}` in JSONata."""

    condition: Condition | str = field(kw_only=False)
    next: State | str
    assign: Fields | Omit = OMIT
    output: object = OMIT
    comment: str | Omit = OMIT

    def to_definition(self, *, computes: bool = True) -> dict[str, object]:
        condition = self.condition
        if not isinstance(condition, str | Condition):
            raise UsageError(
                f"{condition!r} is no condition",
                fix='var("$.n").equals(1) compares; == would compare the Python objects',
            )
        rule = {"Condition": condition} if isinstance(condition, str) else condition.rule
        return {**rule, **written(self, without=("condition",), computes=computes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paths(State):
    input_path: str | Omit | None = OMIT
    output_path: str | Omit | None = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(_Paths):
    type: ClassVar[str] = "Pass"
    parameters: object = OMIT
    result: object = OMIT
    result_path: str | Omit | None = OMIT
    assign: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work(_Paths):
    parameters: object = OMIT
    result_selector: Fields | Omit = OMIT
    result_path: str | Omit | None = OMIT
    assign: Fields | Omit = OMIT
    retry: tuple[Retry, ...] | Omit = OMIT
    catch: tuple[Catch, ...] | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(_Work):
    type: ClassVar[str] = "Task"
    resource: str
    timeout_seconds: int | Omit = OMIT
    timeout_seconds_path: str | Omit = OMIT
    heartbeat_seconds: int | Omit = OMIT
    heartbeat_seconds_path: str | Omit = OMIT
    credentials: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(_Work):
    type: ClassVar[str] = "Parallel"
    branches: tuple[Fields, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(_Work):
    """Map; distributed if its processor is (`distributed(flow)`). `parameters` is the old `item_selector`."""

    type: ClassVar[str] = "Map"
    item_processor: Fields
    items_path: str | Omit = OMIT
    item_reader: ItemReader | Fields | Omit = OMIT
    item_selector: Fields | Omit = OMIT
    item_batcher: ItemBatcher | Fields | Omit = OMIT
    result_writer: ResultWriter | Fields | Omit = OMIT
    max_concurrency: int | Omit = OMIT
    max_concurrency_path: str | Omit = OMIT
    tolerated_failure_count: int | Omit = OMIT
    tolerated_failure_count_path: str | Omit = OMIT
    tolerated_failure_percentage: float | Omit = OMIT
    tolerated_failure_percentage_path: str | Omit = OMIT
    label: str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(_Paths):
    type: ClassVar[str] = "Choice"
    ends: ClassVar[bool] = True
    choices: tuple[When, ...]
    default: State | str | Omit = OMIT
    assign: Fields | Omit = OMIT

    def to_definition(self, following: str | None = None) -> dict[str, object]:
        return with_rules(State.to_definition(self, following), self.choices)

    def goes_on_to(self, following: str) -> State:
        return replace(self, default=otherwise(self.name, self.default, following))


def with_rules(
    out: dict[str, object], choices: tuple[When, ...], *, computes: bool = True
) -> dict[str, object]:
    return {**out, "Choices": [rule.to_definition(computes=computes) for rule in choices]}


def otherwise(name: str, default: State | str | Omit, following: str) -> str:
    """What follows a Choice in its chain is its default.

    Raises:
        DefinitionError: it has another one.
    """
    if isinstance(default, Omit):
        return following
    raise DefinitionError(
        f'"{name}" has a default, and something else follows it',
        at=f"/States/{name}/Default",
        fix="begin another chain with what follows it here",
    )


def _say_language_in_states(out: dict[str, object]) -> None:
    """AWS takes no QueryLanguage in a branch or a processor: their states say it."""
    branches = out.get("Branches")
    flows = [out.get("ItemProcessor"), *(branches if isinstance(branches, list) else [])]
    for inner in flows:
        if isinstance(inner, dict) and "QueryLanguage" in inner:
            language = inner.pop("QueryLanguage")
            inner["States"] = {
                name: {"Type": state["Type"], "QueryLanguage": language, **state}
                for name, state in inner["States"].items()
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(_Paths):
    type: ClassVar[str] = "Wait"
    seconds: int | Omit = OMIT
    seconds_path: str | Omit = OMIT
    timestamp: str | Omit = OMIT
    timestamp_path: str | Omit = OMIT
    assign: Fields | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(_Paths):
    type: ClassVar[str] = "Succeed"
    ends: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    type: ClassVar[str] = "Fail"
    ends: ClassVar[bool] = True
    error: str | Omit = OMIT
    cause: str | Omit = OMIT
    error_path: str | Omit = OMIT
    cause_path: str | Omit = OMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim(State):
    """A state exactly as it was imported."""

    definition: Fields

    def to_definition(self, following: str | None = None) -> dict[str, object]:
        return {key: plain(value) for key, value in self.definition.items()}
