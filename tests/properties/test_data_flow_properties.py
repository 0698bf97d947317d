"""The data that flows through a machine, foretold and seen: every input fits its shape, every dead end fails."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from penstock.statemachines import Execution, load_definition
from penstock.statemachines.checks.data_flow import DataFlow
from penstock.statemachines.checks.shapes import fits, found, joined, put, shape_of
from penstock.statemachines.checks.tree import Tree
from penstock.statemachines.jsonpath import compile_path
from penstock.testing.machines import run_machine
from tests.properties.state_machines import (
    INVOKE,
    Document,
    answers,
    inputs,
    json_values,
    jsonata_machines,
    machines,
)

_quick = settings(suppress_health_check=list(HealthCheck))


def _renamed(flow: Document, numbers: Iterator[int]) -> Document:
    """The same flow, each of its states with a name that no other state has."""
    states = flow["States"]
    assert isinstance(states, dict)
    names = {name: f"S{next(numbers)}" for name in states}
    renamed: Document = {}
    for name, members in states.items():
        state: dict[str, Any] = copy.deepcopy(members)
        if "Next" in state:
            state["Next"] = names[state["Next"]]
        for catcher in state.get("Catch", []):
            catcher["Next"] = names[catcher["Next"]]
        if "Branches" in state:
            state["Branches"] = [_renamed(branch, numbers) for branch in state["Branches"]]
        if "ItemProcessor" in state:
            state["ItemProcessor"] = _renamed(state["ItemProcessor"], numbers)
        if state.get("Resource") == INVOKE:
            state["Resource"] = (
                "arn:aws:states:::http:invoke"  # what the tasks answer has no Payload around it
            )
        renamed[names[name]] = state
    return {**flow, "StartAt": names[str(flow["StartAt"])], "States": renamed}


def _details(execution: Execution, kind: str) -> Iterator[Mapping[str, Any]]:
    for one in execution.history:
        if one.type.endswith(f"State{kind}"):
            assert one.details is not None
            yield one.details


@_quick
@given(definition=machines | jsonata_machines, value=inputs, seed=st.integers(0, 1_000))
def test_what_is_foretold_is_what_comes(definition: Document, value: Document, seed: int) -> None:
    """Every state's input fits the shape that was found for it; a state with a dead end is never left."""
    unique = _renamed(definition, count())
    tree = Tree(unique)
    flow = DataFlow(tree, given=shape_of(value))
    pointers = {state.name: state.pointer for state in tree.states}
    caught = {state.pointer for state in tree.states if "Catch" in state.members}
    certain = [one.pointer for one in flow.dead_ends if _certain(one.pointer)]
    dead = {pointer.rpartition("/States/")[2].partition("/")[0] for pointer in certain}
    ran = run_machine(load_definition(unique), value, tasks=answers(seed), at=1e9, seed=seed)
    for execution in [*ran.children, ran.execution]:
        for entered in _details(execution, "Entered"):
            shape = flow.inputs[pointers[entered["name"]]]
            assert fits(entered["input"], shape), entered["name"]
            if entered["name"] in dead:
                event("a state with a dead end was entered")
        for exited in _details(execution, "Exited"):
            assert exited["name"] not in dead or pointers[exited["name"]] in caught


def _certain(pointer: str) -> bool:
    """Whether a field is evaluated in every execution: a Map without items selects nothing, nor has a catcher."""
    return "/ItemSelector/" not in pointer and "/Catch/" not in pointer


@given(one=json_values, other=json_values)
def test_a_joined_shape_fits_both(one: object, other: object) -> None:
    """And the order of joining does not matter."""
    both = joined(shape_of(one), shape_of(other))
    assert fits(one, both)
    assert fits(other, both)
    assert both == joined(shape_of(other), shape_of(one))


@given(value=json_values, path=st.sampled_from(["$.a", "$.a.b", "$[0]", "$.n[1].a", "$.b[-1]", "$"]))
def test_a_path_leads_where_the_shape_says(value: object, path: str) -> None:
    """For a value whose shape is known, a path that can lead nowhere leads nowhere, and any other leads on."""
    compiled = compile_path(path)
    there = found(shape_of(value), compiled.steps)
    if compiled.exists(value):
        assert fits(compiled.query(value), there)  # type: ignore[arg-type]  # a Missing has no such attributes
    else:
        assert not hasattr(there, "scalars")


@given(given=st.dictionaries(st.sampled_from("abn"), json_values, max_size=3), written=json_values)
def test_what_is_written_is_there(given: Document, written: object) -> None:
    """ResultPath, foretold: the rest stays as it was."""
    path = compile_path("$.r.a")
    after = put(shape_of(given), path.steps, shape_of(written))
    assert fits({**given, "r": {"a": written}}, after)
