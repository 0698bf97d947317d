"""What is drawn of a flow: its states, the arrows between them, and the flows inside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from penstock.statemachines.checks.tree import FlowNode, StateNode, inner_flows, is_distributed, objects
from penstock.statemachines.values import JSON

LONGEST_LABEL = 34


class ArrowKind(Enum):
    """Why one state follows another."""

    NEXT = "next"
    CHOICE = "choice"
    CATCH = "catch"


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one state to another of the same flow."""

    source: str
    target: str
    kind: ArrowKind
    label: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A state; `flows` are those inside it: branches, or a Map's processor."""

    name: str
    type: str
    detail: str
    flows: tuple[Drawing, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A flow: its boxes in the order of the definition, where it starts, which end it."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    start: str
    ends: tuple[str, ...]


def drawing_of(flow: FlowNode) -> Drawing:
    """What is drawn of a flow. States that are not there are left out."""
    boxes = tuple(_box(state) for state in flow.states.values())
    arrows = tuple(
        arrow for state in flow.states.values() for arrow in _arrows(state) if arrow.target in flow.states
    )
    ends = tuple(
        name
        for name, state in flow.states.items()
        if state.members.get("End") is True or state.type in ("Succeed", "Fail")
    )
    start = flow.start if flow.start in flow.states else next(iter(flow.states), "")
    return Drawing(boxes, arrows, start or "", ends)


def _box(state: StateNode) -> Box:
    inner = tuple(
        drawing_of(FlowNode(members, pointer, state.jsonata, state))
        for pointer, members in inner_flows(state)
    )
    return Box(state.name, state.type, _detail(state), inner)


def _detail(state: StateNode) -> str:
    """One line about a state: what a task calls, how long a wait is, how a Map runs."""
    members = state.members
    match state.type:
        case "Task":
            return _resource(str(members.get("Resource", "")), members)
        case "Wait":
            for name in ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"):
                if name in members:
                    return f"{members[name]} s" if name == "Seconds" else str(members[name])
        case "Map":
            distributed = is_distributed(members.get("ItemProcessor"))
            most = members.get("MaxConcurrency")
            return ("Distributed Map" if distributed else "Map") + (f", {most} at once" if most else "")
        case "Fail":
            return str(members.get("Error", "") or members.get("ErrorPath", ""))
        case _:
            pass
    return state.type


def _resource(resource: str, members: Mapping[str, JSON]) -> str:
    if ":lambda:" in resource and ":function:" in resource:
        return f"Lambda {resource.rpartition(':function:')[2]}"
    bare = resource.partition(":::")[2] or resource
    given = members.get("Parameters", members.get("Arguments"))
    name = given.get("FunctionName") if isinstance(given, dict) and bare.startswith("lambda:invoke") else None
    return shortened(f"Lambda {str(name).rpartition(':')[2]}" if isinstance(name, str) else bare)


def _arrows(state: StateNode) -> Iterator[Arrow]:
    members = state.members
    following = members.get("Next")
    if isinstance(following, str) and state.type != "Choice":
        yield Arrow(state.name, following, ArrowKind.NEXT)
    for _, choice in objects(members.get("Choices")):
        target = choice.get("Next")
        if isinstance(target, str):
            yield Arrow(state.name, target, ArrowKind.CHOICE, shortened(condition(choice)))
    default = members.get("Default")
    if isinstance(default, str) and state.type == "Choice":
        yield Arrow(state.name, default, ArrowKind.CHOICE, "otherwise")
    for _, catcher in objects(members.get("Catch")):
        target, names = catcher.get("Next"), catcher.get("ErrorEquals")
        if isinstance(target, str):
            listed: Sequence[JSON] = names if isinstance(names, list) else ()
            yield Arrow(state.name, target, ArrowKind.CATCH, shortened(", ".join(map(str, listed))))


_WORDS = {
    "Equals": "=",
    "EqualsPath": "=",
    "LessThan": "<",
    "LessThanPath": "<",
    "LessThanEquals": "<=",
    "LessThanEqualsPath": "<=",
    "GreaterThan": ">",
    "GreaterThanPath": ">",
    "GreaterThanEquals": ">=",
    "GreaterThanEqualsPath": ">=",
    "Matches": "matches",
}


def condition(choice: Mapping[str, JSON]) -> str:
    """A choice rule in short words."""
    told = choice.get("Condition")
    if isinstance(told, str):
        return told.removeprefix("{%").removesuffix("%}").strip()
    for name, word in (("And", " and "), ("Or", " or ")):
        rules = choice.get(name)
        if isinstance(rules, list):
            return word.join(condition(rule) for rule in rules if isinstance(rule, dict))
    inner = choice.get("Not")
    if isinstance(inner, dict):
        return f"not ({condition(inner)})"
    variable = str(choice.get("Variable", "")).removeprefix("$.")
    for name, value in choice.items():
        if name.startswith("Is"):
            return f"{variable} {'is' if value else 'is not'} {name[2:].lower()}"
        for kind in ("String", "Numeric", "Boolean", "Timestamp"):
            if name.startswith(kind) and name.removeprefix(kind) in _WORDS:
                return f"{variable} {_WORDS[name.removeprefix(kind)]} {value}"
    return variable


def shortened(text: str) -> str:
    """A text that fits beside an arrow or into a box."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
