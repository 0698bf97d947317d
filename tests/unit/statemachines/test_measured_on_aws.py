"""What was measured on AWS and stands in no recording: causes, last events, what catches what."""

from __future__ import annotations

import pytest

from penstock.errors import ExecutionInputError
from penstock.statemachines import RunTask, advance, load_definition
from penstock.statemachines.checks import check_definition
from penstock.statemachines.protocol import Redriven
from penstock.statemachines.redrive import redrivable
from penstock.statemachines.timestamps import parse_timestamp
from penstock.testing.machines import Hangs, MachineRun, Returns, Throws, run_machine, scripted

UNDEFINED = "{% $states.input.missing %}"
TASK: dict[str, object] = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


def run(states: dict[str, object], value: object = None, answer: object = None, **top: object) -> MachineRun:
    machine = load_definition({"StartAt": "A", "States": states, **top})
    tasks = scripted({"A": answer}) if answer is not None else scripted({})  # type: ignore[dict-item]
    return run_machine(machine, {} if value is None else value, tasks=tasks)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"Output": {"v": UNDEFINED}}, "Choices[1]/Output/v"),
        ({"Assign": {"x": UNDEFINED}}, "Choices[1]/Assign/x"),
        ({"Output": UNDEFINED}, "Choices[1]/Output"),
    ],
)
def test_fields_of_choice_rules_are_named_with_their_rule(fields: dict[str, object], place: str) -> None:
    """In the cause and in the location of `EvaluationFailed`."""
    rules = [{"Condition": "{% false %}", "Next": "B"}, {"Condition": "{% true %}", "Next": "B", **fields}]
    states = {"A": {"Type": "Choice", "Choices": rules}, "B": {"Type": "Succeed"}}
    found = run(states, QueryLanguage="JSONata")
    assert found.status == "FAILED"
    assert f"specified for the field '{place}'" in str(found.cause)
    event = next(event for event in found.history if event.type == "EvaluationFailed")
    assert event.details is not None
    assert event.details["location"] == place


@pytest.mark.parametrize("name", ["Output", "Assign"])
def test_fields_of_catchers_are_named_with_their_catcher(name: str) -> None:
    """As those of Choice rules."""
    catchers = [
        {"ErrorEquals": ["Other"], "Next": "B"},
        {"ErrorEquals": ["States.ALL"], "Next": "B", name: {"v": UNDEFINED}},
    ]
    states = {"A": {**TASK, "Catch": catchers}, "B": {"Type": "Succeed"}}
    found = run(states, answer=Throws("E", "c"), QueryLanguage="JSONata")
    assert f"specified for the field 'Catch[1]/{name}/v'" in str(found.cause)


def test_states_within_a_map_have_the_machines_language() -> None:
    """Not the language of the Map state around them; `check` says the same."""
    inner = {"StartAt": "X", "States": {"X": {"Type": "Pass", "Parameters": {"a": 1}, "End": True}}}
    fan = {"Type": "Map", "QueryLanguage": "JSONata", "Items": [1], "ItemProcessor": inner, "End": True}
    definition: dict[str, object] = {"StartAt": "A", "States": {"A": fan}}
    assert run_machine(load_definition(definition), {}).output == [{"a": 1}]
    assert [problem for problem in check_definition(definition) if problem.rule == "SM203"] == []
    branches = {"Type": "Parallel", "QueryLanguage": "JSONata", "Branches": [inner], "End": True}
    assert run({"A": branches}).output == [{"a": 1}]


def test_an_index_past_the_end_is_null_in_a_payload_template() -> None:
    """And only there, and only at the path's end."""
    assert run({"A": {"Type": "Pass", "Parameters": {"v.$": "$.a[5]"}, "End": True}}, {"a": [1]}).output == {
        "v": None
    }
    for fields in (
        {"Parameters": {"v.$": "$.a[5].b"}},
        {"InputPath": "$.a[5]"},
        {"Parameters": {"v.$": "$.b[0]"}},
    ):
        assert run({"A": {"Type": "Pass", **fields, "End": True}}, {"a": [1]}).error == "States.Runtime"


def test_the_last_event_of_a_timeout_has_its_error() -> None:
    """`ExecutionTimedOut` carries `States.Timeout`, with previousEventId 0; the execution itself has no error."""
    found = run({"A": {"Type": "Wait", "Seconds": 25, "End": True}}, TimeoutSeconds=3)
    last = found.history[-1]
    assert (found.status, found.error) == ("TIMED_OUT", None)
    assert (last.type, last.previous_event_id, last.details) == (
        "ExecutionTimedOut",
        0,
        {"error": "States.Timeout"},
    )


def test_a_full_history_ends_after_its_last_event() -> None:
    """The 25,000th event follows the 24,999th."""
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    found = run({**states, "C": {"Type": "Succeed"}})
    last = found.history[-1]
    assert (last.type, last.id, last.previous_event_id) == ("ExecutionFailed", 25_000, 24_999)


@pytest.mark.parametrize(
    ("caught", "status"),
    [
        ("States.TaskFailed", "FAILED"),
        ("States.Timeout", "SUCCEEDED"),
        ("States.HeartbeatTimeout", "SUCCEEDED"),
        ("States.ALL", "SUCCEEDED"),
    ],
)
def test_what_catches_a_heartbeat_that_fails_to_come(caught: str, status: str) -> None:
    """Developer Guide: States.TaskFailed "matches any known error name except for States.Timeout"."""
    catch = [{"ErrorEquals": [caught], "Next": "B"}]
    states = {"A": {**TASK, "HeartbeatSeconds": 5, "Catch": catch}, "B": {"Type": "Succeed"}}
    assert run(states, answer=Hangs()).status == status


def test_an_input_that_is_too_large_is_not_started() -> None:
    """Quotas: 256 KiB."""
    assert run({"A": {"Type": "Succeed"}}, "x" * 262_142).status == "SUCCEEDED"
    with pytest.raises(ExecutionInputError, match="262144"):
        run({"A": {"Type": "Succeed"}}, "x" * 262_143)


def test_a_task_that_answers_is_fine() -> None:
    """The scripts of this file work."""
    assert run({"A": TASK}, answer=Returns(1)).output == 1


def test_what_follows_a_distributed_map() -> None:
    """Recorded: MapStateExited follows MapRunStarted, not the Map Run's success."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    inner = {"ProcessorConfig": config, "StartAt": "X", "States": {"X": {"Type": "Pass", "End": True}}}
    found = run({"A": {"Type": "Map", "ItemProcessor": inner, "End": True}}, [1])
    assert [(event.type, event.previous_event_id) for event in found.history[3:7]] == [
        ("MapRunStarted", 3),
        ("MapRunSucceeded", 4),
        ("MapStateSucceeded", 5),
        ("MapStateExited", 4),
    ]


def test_a_full_history_is_not_redriven() -> None:
    """Developer Guide: redrive asks for fewer than 24,999 events."""
    states: dict[str, object] = {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Pass", "Next": "A"},
        "C": {"Type": "Succeed"},
    }
    execution = run(states).execution
    assert not redrivable(execution)
    assert len(advance(execution, Redriven(at=9.0)).execution.history) == 25_000


def test_the_time_of_a_redrive_is_in_the_context_object() -> None:
    """Developer Guide, "Accessing the Context object": Execution.RedriveTime."""
    task = {**TASK, "Parameters": {"c.$": "$$.Execution"}}
    execution = run({"A": task}, answer=Throws("E")).execution
    assert redrivable(execution)
    commands = advance(execution, Redriven(at=9.0)).commands
    context = next(one.parameters for one in commands if isinstance(one, RunTask))["c"]  # type: ignore[index]
    assert context["RedriveCount"] == 1
    assert context["RedriveTime"] == "1970-01-01T00:00:09.000Z"


@pytest.mark.parametrize(
    ("offset", "known"), [("+18:00", True), ("-18:00", True), ("+18:01", False), ("+19:00", False)]
)
def test_an_offset_is_eighteen_hours_at_most(offset: str, known: bool) -> None:
    """Java's ZoneOffset."""
    assert (parse_timestamp(f"2026-01-01T00:00:00{offset}") is not None) is known


def test_a_path_that_begins_with_a_slice_needs_an_array() -> None:
    """Further on in a path, a slice of what is no array finds nothing."""
    state: dict[str, object] = {"Type": "Pass", "Parameters": {"v.$": "$[0:1]"}, "End": True}
    assert run({"A": state}, [1, 2]).output == {"v": [1]}
    assert run({"A": state}, {"a": 1}).error == "States.Runtime"
    state["Parameters"] = {"v.$": "$.a[0:1]"}
    assert run({"A": state}, {"a": 1}).output == {"v": []}


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Parameters": {"a.$": "$"}, "End": True},
        {"Type": "Pass", "Parameters": {"a.$": "$.b"}, "End": True},
        {"Type": "Choice", "Choices": [{"Variable": "$", "IsString": True, "Next": "B"}], "Default": "B"},
    ],
)
def test_a_path_over_nothing_fails(state: dict[str, object]) -> None:
    """Null as the input of a state whose paths look into it; other states pass it on."""
    nothing = {"Type": "Pass", "Result": None, "Next": "C"}
    found = run({"A": nothing, "C": state, "B": {"Type": "Succeed"}})
    assert found.error == "States.Runtime"
    assert str(found.cause).endswith("Unable to apply Path transformation to null or empty input.")
    assert run({"A": nothing, "C": {"Type": "Succeed"}}).output is None


def test_timers_that_are_cancelled_leave_no_trace() -> None:
    """Neither on the clock nor, for the children of a Distributed Map, in memory."""
    first = {**TASK, "TimeoutSeconds": 600, "Next": "B"}
    del first["End"]
    machine = load_definition({"StartAt": "A", "States": {"A": first, "B": TASK}})
    hanging = run_machine(machine, {}, tasks=scripted({"A": Returns({}, after_seconds=2), "B": Hangs()}))
    assert (hanging.status, hanging.ended_at) == ("RUNNING", 2.0)
    late = run_machine(
        load_definition({"StartAt": "A", "States": {"A": {**TASK, "TimeoutSeconds": 3}}}),
        {},
        tasks=scripted({"A": Returns(1, after_seconds=99)}),
        stop_after_seconds=50,
    )
    assert (late.status, late.ended_at) == ("FAILED", 3.0)
