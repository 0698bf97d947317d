"""A definition as the rules look at it: its flows, their states and the states' parts, with pointers.

Nothing is compiled.
What is not of the expected type is passed over here: a rule says so, or compiling the definition does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from penstock.statemachines.checks import structure
from penstock.statemachines.nested_states import escaped
from penstock.statemachines.values import JSON, size_bytes

Members = Mapping[str, JSON]

DEEPEST: Final = 100
"""What is nested deeper is not looked at."""


@dataclass(frozen=True, slots=True)
class StateNode:
    """A state where it stands; its type is empty if it has none."""

    name: str
    members: Members
    pointer: str
    flow: FlowNode
    jsonata: bool
    type: str

    def at(self, *names: str | int) -> str:
        """The pointer of a member of the state."""
        return "/".join([self.pointer, *map(escaped, names)])


class Part(NamedTuple):
    """An object that is not a state: what it is called, where it stands, the fields that it may have."""

    told: str
    pointer: str
    members: Members
    fields: structure.Fields
    jsonata: bool


class HandlerNode(NamedTuple):
    """A retrier or a catcher: the state's field that it stands in, and its place there."""

    state: StateNode
    field: str
    place: int
    is_last: bool
    members: Members


@dataclass(frozen=True)
class FlowNode:
    """A set of states with a start: the machine itself, a branch, or the processor of a Map.

    Attributes:
        inside: the state that the flow belongs to; None for the machine.
    """

    members: Members
    pointer: str
    jsonata: bool
    inside: StateNode | None = None

    @cached_property
    def states(self) -> Mapping[str, StateNode]:
        """The flow's own states, by name."""
        found = self.members.get("States")
        if not isinstance(found, dict):
            return {}
        return {
            name: StateNode(
                name,
                state,
                f"{self.pointer}/States/{escaped(name)}",
                self,
                _is_jsonata(state, self.jsonata),
                kind if isinstance(kind := state.get("Type"), str) else "",
            )
            for name, state in found.items()
            if isinstance(state, dict)
        }

    @property
    def start(self) -> str | None:
        start = self.members.get("StartAt")
        return start if isinstance(start, str) else None


@dataclass(frozen=True)
class Tree:
    """A whole definition."""

    members: Members

    @cached_property
    def size_bytes(self) -> int:
        """Of the whole definition as compact JSON."""
        return size_bytes(dict(self.members))

    @cached_property
    def flows(self) -> Sequence[FlowNode]:
        """Every flow, outer ones before inner ones."""
        root = FlowNode(self.members, "", self.members.get("QueryLanguage") == "JSONata")
        return list(_flows(root))

    @cached_property
    def states(self) -> Sequence[StateNode]:
        """Every state of every flow."""
        return [state for flow in self.flows for state in flow.states.values()]

    @cached_property
    def parts(self) -> Sequence[Part]:
        """Every object of the definition that is not a state, and has fields of its own."""
        return list(_parts(self))

    @cached_property
    def handlers(self) -> Sequence[HandlerNode]:
        """Every retrier and every catcher."""
        return [
            HandlerNode(state, field, index, index == len(found) - 1, members)
            for state in self.states
            for field in ("Retry", "Catch")
            if (found := objects(state.members.get(field)))
            for index, members in found
        ]


def _flows(flow: FlowNode) -> Iterator[FlowNode]:
    yield flow
    for state in flow.states.values():
        for pointer, members in inner_flows(state):
            yield from _flows(FlowNode(members, pointer, flow.jsonata, state))


def inner_flows(state: StateNode) -> Iterator[tuple[str, Members]]:
    """The branches or the processor of a state, with their pointers."""
    branches = state.members.get("Branches")
    if isinstance(branches, list):
        for index, branch in enumerate(branches):
            if isinstance(branch, dict):
                yield state.at("Branches", index), branch
    for name in ("ItemProcessor", "Iterator"):
        processor = state.members.get(name)
        if isinstance(processor, dict):
            yield state.at(name), processor


def _parts(tree: Tree) -> Iterator[Part]:
    root = tree.flows[0]
    yield Part("a state machine", "", root.members, structure.MACHINE, root.jsonata)
    for flow in tree.flows[1:]:
        is_branch = "/Branches/" in flow.pointer.rpartition("/States/")[2]
        told = "a branch" if is_branch else "a processor"
        fields = structure.BRANCH if is_branch else structure.PROCESSOR
        yield Part(told, flow.pointer, flow.members, fields, flow.jsonata)
        config = flow.members.get("ProcessorConfig")
        if isinstance(config, dict) and not is_branch:
            pointer = f"{flow.pointer}/ProcessorConfig"
            yield Part("a ProcessorConfig", pointer, config, structure.PROCESSOR_CONFIG, flow.jsonata)
    for state in tree.states:
        yield from _parts_of(state)


def _parts_of(state: StateNode) -> Iterator[Part]:
    jsonata, members = state.jsonata, state.members
    for index, retrier in objects(members.get("Retry")):
        yield Part("a retrier", f"{state.pointer}/Retry/{index}", retrier, structure.RETRIER, jsonata)
    for index, catcher in objects(members.get("Catch")):
        yield Part("a catcher", f"{state.pointer}/Catch/{index}", catcher, structure.CATCHER, jsonata)
    for index, rule in objects(members.get("Choices")):
        pointer = f"{state.pointer}/Choices/{index}"
        if jsonata:
            yield Part("a choice rule", pointer, rule, structure.JSONATA_RULE, jsonata)
        else:
            yield Part("a choice rule", pointer, rule, structure.RULE, jsonata)
            yield from _nested_rules(rule, pointer, 0)
    if _MAP_PARTS.keys().isdisjoint(members):
        return
    for name, (fields, config, config_fields) in _MAP_PARTS.items():
        part = members.get(name)
        if not isinstance(part, dict):
            continue
        told = f"an {name}" if name[0] == "I" else f"a {name}"
        yield Part(told, state.at(name), part, fields, jsonata)
        inner = part.get(config)
        if isinstance(inner, dict):
            yield Part(f"a {config}", state.at(name, config), inner, config_fields, jsonata)


_MAP_PARTS: Final[Mapping[str, tuple[structure.Fields, str, structure.Fields]]] = {
    "ItemReader": (structure.READER, "ReaderConfig", structure.READER_CONFIG),
    "ResultWriter": (structure.WRITER, "WriterConfig", structure.WRITER_CONFIG),
    "ItemBatcher": (structure.BATCHER, "", {}),
}
"""Of a Map state: their fields, and what they hold besides, with its fields."""


def _nested_rules(rule: Members, pointer: str, depth: int) -> Iterator[Part]:
    if depth > DEEPEST:
        return
    inner = [(f"{pointer}/{name}/{i}", one) for name in ("And", "Or") for i, one in objects(rule.get(name))]
    negated = rule.get("Not")
    if isinstance(negated, dict):
        inner.append((f"{pointer}/Not", negated))
    for place, one in inner:
        yield Part("a choice rule inside another", place, one, structure.NESTED_RULE, False)
        yield from _nested_rules(one, place, depth + 1)


def is_distributed(processor: JSON) -> bool:
    """Whether the processor of a Map is one of a Distributed Map."""
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def _is_jsonata(members: Members, around: bool) -> bool:
    language = members.get("QueryLanguage")
    return around if language is None else language == "JSONata"


def objects(value: JSON) -> Sequence[tuple[int, Members]]:
    """The objects of an array, with their places; none of what is no array."""
    if not isinstance(value, list):
        return ()
    return [(index, one) for index, one in enumerate(value) if isinstance(one, dict)]
