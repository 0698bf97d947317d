"""A definition as the rules look at it: its flows and their states, with JSON pointers; nothing is compiled.

What is not of the expected type is passed over here: a rule says so, or compiling the definition does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from penstock.statemachines.nested_states import escaped
from penstock.statemachines.values import JSON

Members = Mapping[str, JSON]


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
    def flows(self) -> Sequence[FlowNode]:
        """Every flow, outer ones before inner ones."""
        root = FlowNode(self.members, "", self.members.get("QueryLanguage") == "JSONata")
        return list(_flows(root))

    @cached_property
    def states(self) -> Sequence[StateNode]:
        """Every state of every flow."""
        return [state for flow in self.flows for state in flow.states.values()]


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


def _is_jsonata(members: Members, around: bool) -> bool:
    language = members.get("QueryLanguage")
    return around if language is None else language == "JSONata"


def objects(value: JSON) -> Iterator[tuple[int, Members]]:
    """The objects of an array, with their places."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, dict):
                yield index, one
