"""SM1xx: how states follow one another."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import FlowNode, StateNode, Tree, objects

_SPEC = "https://states-language.net/spec.html"
_TERMINAL = ("Succeed", "Fail")
LONGEST_NAME = 80


def targets(state: StateNode) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every state that may follow, with the place of the member that names it."""
    following = state.members.get("Next")
    if isinstance(following, str):
        yield following, ("Next",)
    default = state.members.get("Default")
    if isinstance(default, str) and state.type == "Choice":
        yield default, ("Default",)
    for field in ("Choices", "Catch"):
        for index, one in objects(state.members.get(field)):
            following = one.get("Next")
            if isinstance(following, str):
                yield following, (field, index, "Next")


def _starts(tree: Tree) -> Iterator[Finding]:
    for flow in tree.flows:
        if flow.start is None:
            yield Finding(
                what="StartAt is missing",
                pointer=flow.pointer,
                fix=f'add "StartAt": "{next(iter(flow.states), "...")}"',
            )
        elif flow.start not in flow.states:
            yield Finding(
                what=f'StartAt names "{flow.start}", which is no state here',
                pointer=f"{flow.pointer}/StartAt",
                fix=_meant(flow.start, flow),
            )


def _unknown_targets(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        for name, place in targets(state):
            if name not in state.flow.states:
                yield Finding(
                    what=f'"{state.name}" goes on to "{name}", which is no state of its flow',
                    pointer=state.at(*place),
                    fix=_meant(name, state.flow),
                )


def _meant(name: str, flow: FlowNode) -> str:
    close = get_close_matches(name, flow.states, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"states here: {', '.join(list(flow.states)[:8]) or 'none'}"


def _unreachable(tree: Tree) -> Iterator[Finding]:
    for flow in tree.flows:
        reached: set[str] = set()
        waiting = [flow.start] if flow.start in flow.states else []
        while waiting:
            name = waiting.pop()
            if name is None or name in reached or name not in flow.states:
                continue
            reached.add(name)
            waiting += [following for following, _ in targets(flow.states[name])]
        if not reached:
            continue
        for name, state in flow.states.items():
            if name not in reached:
                yield Finding(
                    what=f'nothing leads to "{name}"',
                    pointer=state.pointer,
                    fix=f'name it in a Next, or take it out; the flow begins at "{flow.start}"',
                )


def _ends(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        has_next, ends = "Next" in state.members, state.members.get("End") is True
        if state.type in (*_TERMINAL, "Choice"):
            for field in ("Next", "End"):
                if field in state.members:
                    yield Finding(
                        what=f"a {state.type} state has no {field}",
                        pointer=state.at(field),
                        fix="take it out"
                        + (
                            ": its Choices and its Default say what follows" if state.type == "Choice" else ""
                        ),
                    )
        elif state.type and has_next == ends:
            yield Finding(
                what=f'"{state.name}" has {"both Next and End" if ends else "neither Next nor End"}',
                pointer=state.pointer,
                fix='give it "Next": "...", or "End": true, and not both',
            )


def _long_names(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        if len(state.name) > LONGEST_NAME:
            yield Finding(
                what=f"the state's name has {len(state.name)} characters",
                pointer=state.pointer,
                fix=f"{LONGEST_NAME} at most",
            )


def _same_names(tree: Tree) -> Iterator[Finding]:
    first: dict[str, StateNode] = {}
    for state in tree.states:
        known = first.setdefault(state.name, state)
        if known is not state:
            yield Finding(
                what=f'another state is called "{state.name}" as well',
                pointer=state.pointer,
                fix=f"the other one is at {known.pointer}: histories and metrics tell states apart by their names",
            )


def _endless(tree: Tree) -> Iterator[Finding]:
    for flow in tree.flows:
        ends = (one.type in _TERMINAL or one.members.get("End") is True for one in flow.states.values())
        if flow.states and not any(ends):
            yield Finding(
                what="no state ends this flow",
                pointer=f"{flow.pointer}/States",
                fix='give a state "End": true, or add a Succeed or a Fail state',
            )


RULES = (
    Rule(
        id="SM101",
        title="every flow starts at one of its states",
        source=f'{_SPEC}#toplevelfields: "StartAt" must match the name of a state exactly',
        check=_starts,
    ),
    Rule(
        id="SM102",
        title="what follows a state is a state of the same flow",
        source=f"{_SPEC}#transition: the value of Next must exactly match the name of another state",
        check=_unknown_targets,
    ),
    Rule(
        id="SM103",
        title="every state can be reached from the start of its flow",
        source="https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html",
        check=_unreachable,
    ),
    Rule(
        id="SM104",
        title="a state has either Next or End; Choice, Succeed and Fail states have neither",
        source=f"{_SPEC}#transition and {_SPEC}#terminal-state",
        check=_ends,
    ),
    Rule(
        id="SM105",
        title="a state's name has at most 80 characters",
        source=f"{_SPEC}#states-fields: the length of state names must be at most 80 Unicode characters",
        check=_long_names,
    ),
    Rule(
        id="SM106",
        title="no two states of a state machine have the same name",
        source=f"{_SPEC}#states-fields: state names must be unique within the scope of the whole state machine",
        check=_same_names,
    ),
    Rule(
        id="SM107",
        title="every flow has a state at which it ends",
        source=f"{_SPEC}#terminal-state; MISSING_END_STATE of ValidateStateMachineDefinition",
        check=_endless,
    ),
)
