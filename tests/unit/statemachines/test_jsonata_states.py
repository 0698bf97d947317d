"""States whose query language is JSONata: Arguments, Output, Assign, conditions, items, failures."""

from __future__ import annotations

import pytest

from penstock.errors import DefinitionError
from penstock.statemachines import RunTask, load_definition
from penstock.testing.machines import Answer, MachineRun, Returns, Throws, no_tasks, run_machine, scripted
from penstock.testing.machines import Tasks as TasksOf

INVOKE = "arn:aws:states:::lambda:invoke"


def run(value: object, tasks: TasksOf = no_tasks, /, **states: object) -> MachineRun:
    """Run states whose first one starts; the keyword is the state's name."""
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    return run_machine(load_definition(definition), value, tasks=tasks)


def test_output_is_the_states_output() -> None:
    """Without Output a Pass state gives its input, a Task its result; literals and expressions mix."""
    assert run({"a": 1}, P={"Type": "Pass", "End": True}).output == {"a": 1}
    output = {"sum": "{% $states.input.a + 1 %}", "list": ["x", "{% $states.input.a %}"]}
    assert run({"a": 1}, P={"Type": "Pass", "Output": output, "End": True}).output == {
        "sum": 2,
        "list": ["x", 1],
    }


def test_a_task_sees_its_arguments_and_gives_its_result() -> None:
    """Arguments make the payload; `$states.result` is what came of it; the context object is there."""
    given: list[object] = []

    def answer(task: RunTask) -> Answer:
        given.append(task.parameters)
        return Returns({"Payload": 5})

    task = {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"Payload": "{% $states.input.a %}", "Name": "{% $states.context.State.Name %}"},
        "Output": "{% $states.result.Payload * 2 %}",
        "End": True,
    }
    assert run({"a": 1}, answer, T=task).output == 10
    assert given == [{"Payload": 1, "Name": "T"}]


def test_variables_are_expressions_names() -> None:
    """Assign sees the old values; `$name` is a variable, also after a null."""
    ran = run(
        {},
        A={"Type": "Pass", "Assign": {"x": 1, "none": "{% null %}"}, "Next": "B"},
        B={"Type": "Pass", "Assign": {"x": "{% $x + 1 %}", "old": "{% $x %}"}, "Next": "C"},
        C={"Type": "Pass", "Output": "{% [$x, $old, $none] %}", "End": True},
    )
    assert ran.output == [2, 1, None]


def test_choice_conditions() -> None:
    """The first condition that is true decides; its rule may have an Output and an Assign of its own."""
    choice = {
        "Type": "Choice",
        "Choices": [
            {
                "Condition": "{% $states.input.n > 5 %}",
                "Next": "Big",
                "Output": {"was": "{% $states.input.n %}"},
            },
            {"Condition": False, "Next": "Big"},
        ],
        "Default": "Small",
    }
    ends = {name: {"Type": "Pass", "End": True} for name in ("Big", "Small")}
    assert run({"n": 9}, C=choice, **ends).output == {"was": 9}
    assert run({"n": 1}, C=choice, **ends).output == {"n": 1}


def test_the_fields_of_a_choice_state_are_for_its_default() -> None:
    """Where a rule holds, the state's own Output and Assign are not evaluated: its input is passed through."""
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.n > 5 %}", "Next": "Big"}],
        "Default": "Small",
        "Output": {"rest": "{% $states.input.rest %}"},
        "Assign": {"left": "{% $states.input.rest %}"},
    }
    ends = {
        "Big": {"Type": "Pass", "End": True},
        "Small": {"Type": "Pass", "Output": "{% [$states.input, $left] %}", "End": True},
    }
    assert run({"n": 9}, C=choice, **ends).output == {"n": 9}
    assert run({"n": 1, "rest": 2}, C=choice, **ends).output == [{"rest": 2}, 2]


def test_map_items_and_selector() -> None:
    """Items gives the array; ItemSelector sees `$states.context.Map.Item`."""
    processor = {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Output": "{% $states.input.v * $k %}", "End": True}},
    }
    ran = run(
        {"list": [1, 2]},
        A={"Type": "Pass", "Assign": {"k": 10}, "Next": "M"},
        M={
            "Type": "Map",
            "Items": "{% $states.input.list %}",
            "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": processor,
            "End": True,
        },
    )
    assert ran.output == [10, 20]


def test_a_caught_error_is_error_output() -> None:
    """A Catch's Output and Assign see `$states.errorOutput`; without Output it is the state's output."""
    catch = [
        {
            "ErrorEquals": ["E"],
            "Output": {"why": "{% $states.errorOutput.Cause %}"},
            "Assign": {"name": "{% $states.errorOutput.Error %}"},
            "Next": "C",
        }
    ]
    ran = run(
        {},
        scripted({"T": [Throws("E", "because")]}),
        T={"Type": "Task", "Resource": INVOKE, "Catch": catch, "End": True},
        C={"Type": "Pass", "Output": "{% [$name, $states.input] %}", "End": True},
    )
    assert ran.output == ["E", {"why": "because"}]


def test_an_expression_that_fails() -> None:
    """The state fails with States.QueryEvaluationError, which names the expression and its place."""
    ran = run({}, P={"Type": "Pass", "Output": {"a": ["{% $nope %}"]}, "End": True})
    assert ran.error == "States.QueryEvaluationError"
    assert ran.cause == (
        "An error occurred while executing the state 'P' (entered at the event id #2). The JSONata expression "
        "'$nope' specified for the field 'Output/a[0]' returned nothing (undefined)."
    )
    failed = ran.history[2]
    assert (failed.type, failed.previous_event_id) == ("EvaluationFailed", 0)
    assert failed.details is not None
    assert failed.details["location"] == "Output/a[0]"


def test_expressions_of_the_wrong_type() -> None:
    """A condition is a boolean, an error's name a text, items an array."""
    wrong = run({}, C={"Type": "Choice", "Choices": [{"Condition": "{% 5 %}", "Next": "C"}]})
    assert wrong.cause is not None
    assert wrong.cause.endswith("Expected 'boolean', but was 'number' for value: 5")
    wrong = run({}, F={"Type": "Fail", "Error": "{% [1] %}"})
    assert wrong.cause is not None
    assert wrong.cause.endswith("Expected 'string', but was 'array' for value: [1]")


def test_languages_mix() -> None:
    """A state may be JSONata in a JSONPath machine, not the other way round; variables are common to both."""
    jsonata = {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Assign": {"x": "{% $states.input.a + 1 %}"},
        "Next": "P",
    }
    jsonpath = {"Type": "Pass", "Parameters": {"x.$": "$x", "a.$": "$.a"}, "End": True}
    machine = load_definition({"StartAt": "J", "States": {"J": jsonata, "P": jsonpath}})
    assert run_machine(machine, {"a": 1}).output == {"x": 2, "a": 1}
    mixed = {**jsonpath, "QueryLanguage": "JSONPath"}
    with pytest.raises(DefinitionError):
        load_definition({"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": mixed}})
    processor = {"StartAt": "P", "States": {"P": mixed}}
    around = {"Type": "Map", "QueryLanguage": "JSONata", "ItemProcessor": processor, "End": True}
    load_definition({"StartAt": "M", "States": {"M": around}})


def test_numbers_of_tasks() -> None:
    """TimeoutSeconds may be an expression; one that gives no number fails the state."""
    task = {"Type": "Task", "Resource": INVOKE, "TimeoutSeconds": "{% $states.input.t %}", "End": True}
    ran = run({"t": 3}, lambda _task: Returns(1, after_seconds=9), T=task)
    assert (ran.error, ran.history[-1].at) == ("States.Timeout", 3.0)
    for wrong in ("x", "3", -3, 0, 2.5):
        assert run({"t": wrong}, T=task).error == "States.QueryEvaluationError"
