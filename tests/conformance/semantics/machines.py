"""Scenarios of Step Functions: one state, or one state machine, at work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import DefinitionError
from penstock.runtime.invocation import FunctionError
from penstock.statemachines import RunTask, load_definition
from penstock.testing.machines import Answer, MachineRun, Returns, Throws, run_machine
from tests.conformance.semantics import executions
from tests.conformance.semantics.scripted import shape_complaint

Json = Any

INVOKE = "arn:aws:states:::lambda:invoke"


@dataclass
class StateScenario:
    """A state that the scenario's handler answers; `calls` are the attempts of its tasks."""

    scenario: Mapping[str, Json]
    calls: list[tuple[RunTask, float]] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)

    @property
    def handler(self) -> Mapping[str, Json]:
        return self.scenario["handler"] or {}

    def answer(self, task: RunTask) -> Answer:
        """What the task comes to, as the scenario's handler says."""
        handler, value = self.handler, task.parameters
        self.calls.append((task, 0.0))
        if "branches" in handler:
            return _answer(handler["branches"][int(task.state_name.removeprefix("Branch"))])
        if "items" in handler:
            return self._scripted(str(value), handler["items"].get(str(value), "success"))
        if "fail_items" in handler:
            return _answer({"error": "E"} if value in handler["fail_items"] else "success")
        if "fail_batches" in handler:
            assert isinstance(value, dict)
            size = self.scenario["setup"]["state"]["ItemBatcher"]["MaxItemsPerBatch"]
            batch = value["Items"][0] // size
            return _answer({"error": "E"} if batch in handler["fail_batches"] else "success")
        if "always" in handler:
            return _answer(handler["always"])
        return self._scripted("", handler.get("script", []))

    def _scripted(self, key: str, script: Json) -> Answer:
        if not isinstance(script, list):
            return _answer(script)
        index = self._used.get(key, 0)
        self._used[key] = index + 1
        return _answer(script[index] if index < len(script) else "success")

    def definition(self) -> dict[str, Json]:
        """A machine of this state and a state Z to go on to."""
        state = dict(self.scenario["setup"]["state"])
        kind = state["Type"]
        if kind == "Task":
            state["Resource"] = INVOKE
        elif kind == "Parallel":
            state["Branches"] = [_one_task(f"Branch{index}") for index in range(state["Branches"])]
        elif kind == "Map":
            mode = state.pop("Mode")
            processor = _one_task("Work")
            processor["ProcessorConfig"] = {"Mode": mode}
            if mode == "DISTRIBUTED":
                processor["ProcessorConfig"]["ExecutionType"] = "STANDARD"
            state["ItemProcessor"] = processor
        if kind != "Fail" and "Next" not in state:
            state["End"] = True
        return {"StartAt": "S", "States": {"S": state, "Z": {"Type": "Pass", "End": True}}}


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Run a scenario and say what is not as expected."""
    setup, expected = scenario["setup"], scenario["expected"]
    world = StateScenario(scenario)
    if "validation_error" in expected:
        yield from _refusal_complaints(world)
        return
    if "type" in setup or "redrive" in expected or "second_callback_error" in expected:
        yield from executions.complaints(scenario, folder)
        return
    run = run_machine(_loaded(world.definition()), scenario["inputs"][0], tasks=world.answer)
    for name, wanted in expected.items():
        check = _CHECKS.get(name)
        complaint = (
            f'the expectation "{name}" is not understood' if check is None else check(world, run, wanted)
        )
        if complaint:
            yield f"{name}: {complaint}"


def _loaded(definition: dict[str, Json]) -> Any:
    """The machine; a state Z that nothing leads to is left out, for AWS would refuse it."""
    if '"Z"' not in json.dumps(definition["States"]["S"]):
        definition = {**definition, "States": {"S": definition["States"]["S"]}}
    return load_definition(definition)


def _refusal_complaints(world: StateScenario) -> Iterator[str]:
    try:
        _loaded(world.definition())
    except DefinitionError:
        return
    yield "validation_error: it was accepted"


def _one_task(name: str) -> dict[str, Json]:
    return {"StartAt": name, "States": {name: {"Type": "Task", "Resource": INVOKE, "End": True}}}


def _answer(outcome: Json) -> Answer:
    if not isinstance(outcome, dict):
        return Returns({})
    if "raise" in outcome:
        error = FunctionError(error_type=outcome["raise"], error_message=outcome.get("message", ""))
        return Throws(error.error_type, error.payload("0b1c0a4e-0000-4000-8000-000000000000").decode())
    if "error" in outcome:
        return Throws(outcome["error"], outcome.get("cause"))
    if "return_bytes" in outcome:
        return Returns("x" * (outcome["return_bytes"] - len('""')))
    return Returns({}, after_seconds=outcome.get("duration_s", 0.0))


# --- What came of it ------------------------------------------------------------------------------------------


def _equal(actual: object, wanted: object) -> str | None:
    return None if actual == wanted else f"is {actual}, not {wanted}"


def _waits(run: MachineRun) -> list[float]:
    """How long each retry waited: from an attempt's failure to the next attempt."""
    waits: list[float] = []
    failed_at: float | None = None
    for event in run.history:
        if event.type in ("TaskFailed", "TaskTimedOut"):
            failed_at = event.at
        elif event.type == "TaskScheduled" and failed_at is not None:
            waits.append(event.at - failed_at)
            failed_at = None
    return waits


def _final(_: StateScenario, run: MachineRun, wanted: Mapping[str, Json]) -> str | None:
    found = {
        "status": run.status,
        "error": run.error,
        "cause": run.cause,
        "output": run.output,
        "next": "Z" if _entered(run, "Z") is not None else None,
        "at_s": run.ended_at if "at_s" not in wanted else _end(run),
    }
    return _equal({name: found[name] for name in wanted}, dict(wanted))


def _end(run: MachineRun) -> float:
    return run.history[-1].at - run.history[0].at


def _entered(run: MachineRun, state: str) -> Json:
    """The input with which a state was entered, in a list; None if it was not."""
    for event in run.history:
        details = event.details or {}
        if event.type.endswith("StateEntered") and details["name"] == state:
            return [details["input"]]
    return None


def _next_input(_: StateScenario, run: MachineRun, wanted: Json) -> str | None:
    entered = _entered(run, "Z")
    if entered is None:
        return "Z was not entered"
    if wanted.get("Cause", "").startswith("<json with "):
        members = wanted["Cause"].removeprefix("<json with ").rstrip(">").split(",")
        cause = json.loads(entered[0]["Cause"])
        if sorted(cause) != sorted(members):
            return f"the Cause has {sorted(cause)}"
    return shape_complaint(wanted, entered[0])


def _bounds(_: StateScenario, run: MachineRun, wanted: Sequence[float]) -> str | None:
    waits = _waits(run)
    within = len(waits) == len(wanted) and all(w <= most for w, most in zip(waits, wanted, strict=True))
    return None if within else f"the waits are {waits}"


_CHECKS: Mapping[str, Callable[[StateScenario, MachineRun, Json], str | None]] = {
    "attempts": lambda world, run, wanted: _equal(len(world.calls), wanted),
    "waits_s": lambda world, run, wanted: _equal(_waits(run), wanted),
    "waits_upper_bounds_s": _bounds,
    "waits_lower_bound_s": lambda world, run, wanted: None if min(_waits(run)) >= wanted else "is less",
    "final": _final,
    "next": lambda world, run, wanted: None if _entered(run, wanted) is not None else "was not entered",
    "next_input": _next_input,
}
