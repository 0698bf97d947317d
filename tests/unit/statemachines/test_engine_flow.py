"""States that need nothing from the world but time, and how an execution ends."""

from __future__ import annotations

import pytest

from penstock.statemachines import (
    CancelTimer,
    Event,
    Finished,
    SetTimer,
    Stopped,
    TimerFired,
    advance,
    as_api,
    load_definition,
    start,
)
from penstock.statemachines.history import MAXIMUM_EVENTS, details_key
from penstock.testing.machines import MachineRun, run_machine

ARN = "arn:aws:states:us-east-1:123456789012"


def run(value: object, /, **states: object) -> MachineRun:
    """Run states whose first one starts; the keyword is the state's name."""
    first = next(iter(states))
    return run_machine(load_definition({"StartAt": first, "States": states}), value)


def test_pass_gives_its_input_result_or_parameters() -> None:
    """A Pass state's result is Result, else what it works on; ResultPath puts it into the input."""
    assert run({"a": 1}, P={"Type": "Pass", "End": True}).output == {"a": 1}
    assert run({"a": 1}, P={"Type": "Pass", "Result": [2], "ResultPath": "$.b", "End": True}).output == {
        "a": 1,
        "b": [2],
    }
    parameters = {"x.$": "$.a", "y": "literal"}
    assert run({"a": 1}, P={"Type": "Pass", "Parameters": parameters, "End": True}).output == {
        "x": 1,
        "y": "literal",
    }


def test_null_paths_discard() -> None:
    """InputPath null and OutputPath null stand for an empty object; ResultPath null for the input."""
    assert run({"a": 1}, P={"Type": "Pass", "InputPath": None, "End": True}).output == {}
    assert run({"a": 1}, P={"Type": "Pass", "OutputPath": None, "End": True}).output == {}
    assert run({"a": 1}, P={"Type": "Pass", "Result": 9, "ResultPath": None, "End": True}).output == {"a": 1}


def test_variables_are_assigned_and_recorded() -> None:
    """Assign sees the values from before it; the exit event tells what was assigned."""
    ran = run(
        {"n": 1},
        A={"Type": "Pass", "Assign": {"x.$": "$.n"}, "Next": "B"},
        B={"Type": "Pass", "Assign": {"x": 2, "old.$": "$x"}, "Next": "C"},
        C={"Type": "Pass", "Parameters": {"x.$": "$x", "old.$": "$old"}, "End": True},
    )
    assert ran.output == {"x": 2, "old": 1}
    exits = [event.details for event in ran.history if event.type == "PassStateExited" and event.details]
    assert exits[1]["assignedVariables"] == {"x": 2, "old": 1}


def test_choice_takes_the_first_rule_that_holds() -> None:
    """Rules are tried in order; Default takes the rest; without it the execution fails."""
    rules = [
        {"Variable": "$.n", "NumericLessThan": 5, "Next": "Low"},
        {"Variable": "$.n", "NumericLessThan": 10, "Next": "Middle"},
    ]
    ends: dict[str, object] = {
        name: {"Type": "Pass", "Result": name, "End": True} for name in ("Low", "Middle", "High")
    }
    choice = {"Type": "Choice", "Choices": rules, "Default": "High"}
    assert [run({"n": n}, C=choice, **ends).output for n in (1, 7, 12)] == ["Low", "Middle", "High"]
    undecided = {"Type": "Choice", "Choices": rules[:1]}
    ran = run({"n": 7}, C=undecided, Low=ends["Low"])
    assert (ran.status, ran.error) == ("FAILED", "States.Runtime")
    assert ran.cause is not None
    assert "entered at the event id #2" in ran.cause


def test_wait_ends_at_its_time() -> None:
    """Seconds counts from the state's entry; a Timestamp in the past is now."""
    ran = run(
        {"s": 30},
        W={"Type": "Wait", "SecondsPath": "$.s", "Next": "V"},
        V={"Type": "Wait", "Timestamp": "1970-01-01T00:00:10Z", "End": True},
    )
    assert ran.ended_at == 30.0
    assert ran.event_types[1:5] == [
        "WaitStateEntered",
        "WaitStateExited",
        "WaitStateEntered",
        "WaitStateExited",
    ]


@pytest.mark.parametrize("value", [-1, "five", 1.5, None])
def test_wait_refuses_what_is_no_number_of_seconds(value: object) -> None:
    """SecondsPath must give a whole number of at least 0."""
    ran = run({"s": value}, W={"Type": "Wait", "SecondsPath": "$.s", "End": True})
    assert (ran.status, ran.error) == ("FAILED", "States.Runtime")


def test_fail_names_its_error() -> None:
    """A Fail state is entered, never exited; ErrorPath and CausePath take intrinsic functions too."""
    ran = run(
        {"e": "Bad"}, F={"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('because {}', $.e)"}
    )
    assert (ran.error, ran.cause) == ("Bad", "because Bad")
    assert ran.event_types == ["ExecutionStarted", "FailStateEntered", "ExecutionFailed"]


def test_previous_event_ids_make_a_chain() -> None:
    """Outside of branches every event follows the one before it; the first state follows 0."""
    ran = run({}, A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"})
    assert [event.previous_event_id for event in ran.history] == [0, 0, 2, 3, 4, 5]
    assert [event.id for event in ran.history] == [1, 2, 3, 4, 5, 6]


def test_machine_times_out() -> None:
    """TimeoutSeconds of the machine ends it as TIMED_OUT, whatever it waits for."""
    definition = {
        "StartAt": "W",
        "TimeoutSeconds": 5,
        "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}},
    }
    ran = run_machine(load_definition(definition), {})
    assert ran.status == "TIMED_OUT"
    assert ran.history[-1].at == 5.0
    assert ran.event_types[-1] == "ExecutionTimedOut"


def test_stopping_aborts_and_takes_timers_back() -> None:
    """StopExecution ends the execution as ABORTED; what happens later changes nothing."""
    step = start(
        load_definition({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}),
        {},
        execution_arn=f"{ARN}:execution:m:e",
        state_machine_arn=f"{ARN}:stateMachine:m",
        role_arn="role",
        at=0.0,
    )
    (timer,) = step.commands
    assert timer == SetTimer(timer_id=1, at=60.0)
    stopped = advance(step.execution, Stopped(error="E", cause="c", at=1.0))
    assert stopped.commands == (
        CancelTimer(timer_id=1),
        Finished(status="ABORTED", error="E", cause="c", at=1.0),
    )
    assert advance(stopped.execution, TimerFired(timer_id=1, at=60.0)).commands == ()
    assert stopped.execution.history[-1].type == "ExecutionAborted"


def test_a_timer_that_fires_too_early_is_taken_as_due() -> None:
    """A runner's clock may be a little behind; the state then ends at the time that it had asked for."""
    step = start(
        load_definition({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}),
        {},
        execution_arn=f"{ARN}:execution:m:e",
        state_machine_arn=f"{ARN}:stateMachine:m",
        role_arn="role",
        at=0.0,
    )
    step = advance(step.execution, TimerFired(timer_id=1, at=59.999))
    assert step.commands == (Finished(status="SUCCEEDED", output={}, at=60.0),)


def test_history_is_limited_to_25000_events() -> None:
    """A Standard execution that would write more than 25,000 events fails."""
    loop = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    ran = run({}, **loop)
    assert (ran.status, ran.error) == ("FAILED", "States.Runtime")
    assert len(ran.history) == MAXIMUM_EVENTS
    assert ran.cause == "The execution reached the maximum number of history events (25000)."


def test_output_is_limited_to_256_kib() -> None:
    """A state's output over 262,144 bytes fails the state, measured as compact JSON in UTF-8."""
    exact = "a" * (262_144 - 2)
    assert run({}, P={"Type": "Pass", "Result": exact, "End": True}).status == "SUCCEEDED"
    ran = run({}, P={"Type": "Pass", "Result": exact + "a", "End": True})
    assert ran.error == "States.DataLimitExceeded"
    assert run({}, P={"Type": "Pass", "Result": "é" * 131_072, "End": True}).status == "FAILED"


def test_a_lone_surrogate_is_a_value_like_any_other() -> None:
    """JSON may escape half a character; it passes through."""
    assert run({"a": "\ud800"}, P={"Type": "Pass", "Parameters": {"b.$": "$.a"}, "End": True}).output == {
        "b": "\ud800"
    }


def test_a_document_that_grows_ever_deeper_ends_the_execution() -> None:
    """A loop that wraps its input again and again fails with the payload limit, not with Python's stack."""
    wrap = {"in.$": "$"}
    ran = run(
        {},
        A={"Type": "Pass", "Parameters": wrap, "Next": "B"},
        B={"Type": "Pass", "Parameters": wrap, "Next": "A"},
    )
    assert ran.error == "States.DataLimitExceeded"


def test_express_ends_after_five_minutes() -> None:
    """An Express execution runs for five minutes at most."""
    definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 301, "End": True}}}
    assert run_machine(load_definition(definition), {}, kind="EXPRESS").status == "TIMED_OUT"


def test_context_object() -> None:
    """`$$` has the execution, the machine and the state; RetryCount only where there can be retries."""
    ran = run_machine(
        load_definition(
            {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"c.$": "$$"}, "End": True}}}
        ),
        {"in": 1},
        at=1_700_000_000.25,
        name="e1",
        state_machine="m1",
    )
    assert ran.output == {
        "c": {
            "Execution": {
                "Id": f"{ARN}:execution:m1:e1",
                "Input": {"in": 1},
                "StartTime": "2023-11-14T22:13:20.250Z",
                "Name": "e1",
                "RoleArn": "arn:aws:iam::123456789012:role/machine",
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": f"{ARN}:stateMachine:m1", "Name": "m1"},
            "State": {"Name": "P", "EnteredTime": "2023-11-14T22:13:20.250Z"},
        }
    }


def test_events_as_the_api_gives_them() -> None:
    """GetExecutionHistory writes payloads as JSON text and names the details after the event."""
    event = Event(3, 2, "PassStateExited", 0.5, {"name": "P", "output": {"a": [1, "é"]}})
    assert as_api(event) == {
        "timestamp": "1970-01-01T00:00:00.500Z",
        "type": "PassStateExited",
        "id": 3,
        "previousEventId": 2,
        "stateExitedEventDetails": {
            "name": "P",
            "output": '{"a":[1,"é"]}',
            "outputDetails": {"truncated": False},
        },
    }
    assert details_key("LambdaFunctionFailed") == "lambdaFunctionFailedEventDetails"
    assert details_key("MapIterationStarted") == "mapIterationStartedEventDetails"
