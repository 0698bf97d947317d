"""Whatever is built in Python parses, runs to its end and is imported without loss."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.statemachines import load_definition
from penstock.statemachines.building import (
    Built,
    Chain,
    Map,
    Parallel,
    Pass,
    State,
    Succeed,
    Wait,
    distributed,
    flow,
    from_definition,
    jsonata,
)
from penstock.testing.machines import run_machine

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abc$.", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def _states(name: str, inner: st.SearchStrategy[Built]) -> st.SearchStrategy[State]:
    return st.one_of(
        json_values.map(lambda value: Pass(name, result=value)),
        json_values.map(lambda value: jsonata.Pass(name, output=value)),
        st.integers(0, 99).map(lambda seconds: Wait(name, seconds=seconds)),
        st.lists(inner, min_size=1, max_size=2).map(lambda built: Parallel(name, branches=tuple(built))),
        inner.map(lambda built: jsonata.Map(name, items=[1, 2], item_processor=built)),
        inner.map(lambda built: Map(name, item_processor=distributed(built), max_concurrency=2)),
    )


def _named(names: list[str], inner: st.SearchStrategy[Built]) -> st.SearchStrategy[Built]:
    states = st.tuples(*(_states(name, inner) for name in names))
    return states.map(lambda made: flow(Chain(made) >> Succeed("End")))


def _flows(inner: st.SearchStrategy[Built]) -> st.SearchStrategy[Built]:
    names = st.lists(st.text("ABCé ", min_size=1, max_size=4), min_size=1, max_size=3, unique=True)
    return names.flatmap(lambda chosen: _named(chosen, inner))


machines = st.recursive(st.just(flow(Pass("Only"))), _flows, max_leaves=4)


@given(machines)
def test_what_is_built_parses_and_is_imported_without_loss(machine: Built) -> None:
    """The engine loads it, and a second writing is the first, key order included."""
    definition = machine.to_definition()
    load_definition(machine)
    assert json.dumps(from_definition(definition).to_definition()) == json.dumps(definition)


@given(machines)
def test_what_is_built_runs_to_an_end(machine: Built) -> None:
    """An execution ends, whatever its states are."""
    assert run_machine(load_definition(machine), [1, 2]).status in {"SUCCEEDED", "FAILED"}
