"""A state machine's definition, compiled: what the engine reads and nothing changes.

1. Frozen data only. Expressions are compiled once, into functions of a document and a `Scope`.
2. A field that the definition leaves out is None, so that the engine skips its stage.
3. Reading definitions is `parse`'s business, running them `engine`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol

from penstock.statemachines.jsonpath import ReferencePath
from penstock.statemachines.values import JSON

Kind = Literal["STANDARD", "EXPRESS"]


class Ports(Protocol):
    """Time and randomness for expressions: an `Execution` has them."""

    @property
    def draw(self) -> Random:
        """The execution's own random numbers."""
        ...

    @property
    def now(self) -> float:
        """The time of what happened last, in epoch seconds."""
        ...


class Scope:
    """What an expression can see besides its document.

    Args:
        variables: the variables that are assigned so far.
        context: the context object; empty for a state that does not mention it.
        ports: where the expression's time and random numbers come from.
        states: JSONata's `$states`; None in a JSONPath state.
    """

    __slots__ = ("context", "ports", "states", "variables")

    def __init__(
        self,
        variables: Mapping[str, JSON],
        context: Mapping[str, JSON],
        ports: Ports,
        states: Mapping[str, JSON] | None = None,
    ) -> None:
        self.variables = variables
        self.context = context
        self.ports = ports
        self.states = states


Evaluate = Callable[[JSON, Scope], JSON]
"""A compiled path, template or expression: the document (`$`) and the scope give a value."""

Condition = Callable[[JSON, Scope], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A number that a state needs: a literal, the value at `path`, or a JSONata expression.

    Args:
        field: its name as the definition has it, without `Path`.
        path: the text of the path, if it is given by one.
    """

    field: str
    evaluate: Evaluate
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """One entry of `Retry` (States Language, "Retrying after error")."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    """One entry of `Catch`. `result_path` None with `discards_result` false means `$`."""

    error_equals: tuple[str, ...]
    next: str
    result_path: ReferencePath | None = None
    discards_result: bool = False
    output: Evaluate | None = None
    assign: Evaluate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What every state has. Stages of data flow that the state does not use are None.

    Args:
        arguments: `Parameters` (JSONPath) or `Arguments` (JSONata).
        selector: `ResultSelector`.
        result_path: None means `$`, unless `discards_result` (`ResultPath: null`).
        output: JSONata's `Output`.
        reads_context: some expression mentions the context object.
    """

    name: str
    pointer: str
    type: str
    jsonata: bool
    next: str | None = None
    input_path: Evaluate | None = None
    discards_input: bool = False
    arguments: Evaluate | None = None
    selector: Evaluate | None = None
    result_path: ReferencePath | None = None
    discards_result: bool = False
    output_path: Evaluate | None = None
    discards_output: bool = False
    output: Evaluate | None = None
    assign: Evaluate | None = None
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()
    reads_context: bool = False
    plain: bool = False
    entered_event: str = ""
    exited_event: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(State):
    """`Result`, if given, stands in for what a task would return."""

    has_result: bool = False
    result: JSON = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(State):
    """Ends its flow well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(State):
    """Ends its flow with an error. Literal texts are expressions that give themselves."""

    error: Evaluate | None = None
    cause: Evaluate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(State):
    """Exactly one of the two is given. `path` is the text of SecondsPath or TimestampPath, for messages."""

    seconds: Evaluate | None = None
    timestamp: Evaluate | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRule:
    """One rule at the top level of `Choices`."""

    condition: Condition
    next: str
    output: Evaluate | None = None
    assign: Evaluate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(State):
    """The first rule whose condition holds decides; else `default`."""

    rules: tuple[ChoiceRule, ...]
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(State):
    """A unit of work. See `protocol.RunTask` for the parts of the resource."""

    resource: str
    resource_type: str
    action: str = ""
    pattern: str = "request_response"
    timeout: Setting | None = None
    heartbeat: Setting | None = None
    credentials: Evaluate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """States with a start: a machine's own, a branch of a Parallel state, an item processor."""

    pointer: str
    start_at: str
    states: Mapping[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(State):
    """Every branch runs with the same input."""

    branches: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReader:
    """Where a Distributed Map's items come from. `config` gives the ReaderConfig with its values resolved."""

    resource: str
    arguments: Evaluate | None
    config: Evaluate | None
    max_items: Setting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBatcher:
    """How a Distributed Map groups its items."""

    max_items: Setting | None
    max_input_bytes: Setting | None
    batch_input: Evaluate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWriter:
    """Where a Distributed Map's results go."""

    resource: str | None
    arguments: Evaluate | None
    config: Evaluate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Map(State):
    """Runs `processor` for every item. `items` None means that the effective input is the array."""

    processor: Flow
    distributed: bool = False
    child_kind: Kind = "STANDARD"
    label: str | None = None
    items: Evaluate | None = None
    items_path: str | None = None
    item_selector: Evaluate | None = None
    max_concurrency: Setting | None = None
    tolerated_count: Setting | None = None
    tolerated_percentage: Setting | None = None
    reader: ItemReader | None = None
    batcher: ItemBatcher | None = None
    writer: ResultWriter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A whole definition.

    Args:
        flows: every flow that runs as an execution of its own, by JSON pointer: the machine's own (`""`) and
            the item processors of its Distributed Maps.
        source: the definition as it was read.
    """

    flow: Flow
    flows: Mapping[str, Flow]
    timeout_seconds: int | None = None
    comment: str = ""
    source: Mapping[str, JSON] = field(repr=False)
