"""What holds for every execution of every machine."""

from __future__ import annotations

import json

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.errors import PenstockError
from penstock.statemachines import Execution, Redriven, advance, load_definition, start
from penstock.testing.machines import MachineRun, run_machine
from tests.properties.state_machines import Document, answers, inputs, json_values, jsonata_machines, machines

_quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _run(definition: Document, value: Document, seed: int) -> MachineRun:
    return run_machine(load_definition(definition), value, tasks=answers(seed), at=1e9, seed=seed)


def _bytes(execution: Execution) -> bytes:
    return msgspec.json.encode(execution.history)


@_quick
@given(definition=machines | jsonata_machines, value=inputs, seed=st.integers(0, 1_000))
def test_every_execution_ends_and_is_deterministic(definition: Document, value: Document, seed: int) -> None:
    """The same inputs give the same history, byte for byte, and every execution comes to an end."""
    first, second = _run(definition, value, seed), _run(definition, value, seed)
    assert first.status in ("SUCCEEDED", "FAILED")
    assert _bytes(first.execution) == _bytes(second.execution)
    assert [_bytes(child) for child in first.children] == [_bytes(child) for child in second.children]


@_quick
@given(definition=machines | jsonata_machines, value=inputs, seed=st.integers(0, 1_000))
def test_happenings_rebuild_the_execution(definition: Document, value: Document, seed: int) -> None:
    """Replaying the happenings of a run, as a journal keeps them, gives the same execution."""
    ran = _run(definition, value, seed)
    original = ran.execution
    step = start(
        load_definition(json.loads(json.dumps(definition))),
        value,
        execution_arn=original.arn,
        state_machine_arn=original.state_machine_arn,
        role_arn=original.role_arn,
        at=1e9,
        name=original.name,
        seed=seed,
    )
    for happened in ran.happenings:
        kept = msgspec.json.decode(msgspec.json.encode(happened), type=type(happened))
        step = advance(step.execution, kept)
    assert _bytes(step.execution) == _bytes(original)
    assert step.execution.status is original.status


@_quick
@given(definition=machines | jsonata_machines, value=inputs, seed=st.integers(0, 1_000))
def test_histories_are_well_formed(definition: Document, value: Document, seed: int) -> None:
    """Ids count from 1, every event follows an earlier one, and times never go back."""
    ran = _run(definition, value, seed)
    for execution in [*ran.children, ran.execution]:
        assert [event.id for event in execution.history] == list(range(1, len(execution.history) + 1))
        assert all(event.previous_event_id < event.id for event in execution.history)
        times = [event.at for event in execution.history]
        assert times == sorted(times)
        assert execution.history[-1].type.startswith("Execution")
        assert not execution.timers
        assert not execution.attempts


@_quick
@given(definition=machines | jsonata_machines, value=inputs, seed=st.integers(0, 1_000))
def test_a_failed_execution_can_be_redriven(definition: Document, value: Document, seed: int) -> None:
    """RedriveExecution makes a failed execution run on; the history goes on where it was."""
    ran = _run(definition, value, seed)
    if ran.status != "FAILED":
        return
    before = list(ran.history)
    step = advance(ran.execution, Redriven(at=ran.ended_at + 1))
    assert step.execution.history[: len(before)] == before
    assert step.execution.history[len(before)].type == "ExecutionRedriven"
    assert step.commands or step.execution.ready or step.execution.status.value != "RUNNING"


@st.composite
def mutated(draw: st.DrawFn) -> Document:
    """A definition with something replaced by something else."""
    definition: Document = json.loads(json.dumps(draw(machines | jsonata_machines)))
    for _ in range(draw(st.integers(1, 3))):
        node: object = definition["States"]
        while isinstance(node, dict) and node:
            key = draw(st.sampled_from(sorted(node)))
            deeper = node[key][0] if isinstance(node[key], list) and node[key] else node[key]
            if not isinstance(deeper, dict) or draw(st.integers(0, 9)) == 0:
                node[key] = draw(json_values | st.sampled_from(["$.a", "$$", "States.UUID()", "S0", "FULL"]))
                break
            node = deeper
    return definition


@_quick
@given(definition=mutated(), value=inputs, seed=st.integers(0, 1_000))
def test_no_definition_breaks_the_engine(definition: Document, value: Document, seed: int) -> None:
    """A mutated definition is refused with an error of ours, or it runs like any other."""
    try:
        machine = load_definition(definition)
    except PenstockError:
        return
    run_machine(machine, value, tasks=answers(seed), items=lambda _: [1, 2], at=1e9, seed=seed)
