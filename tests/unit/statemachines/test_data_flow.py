"""Which paths can lead to nothing, and which cannot be known."""

from __future__ import annotations

import pytest

from penstock.statemachines.checks import check_definition
from penstock.statemachines.values import JSON

Members = dict[str, JSON]
NUMBER_HAS_NONE = "it is read from number, which has no members"
SQS = "arn:aws:states:::sqs:sendMessage"


def machine(*states: tuple[str, Members], **top: JSON) -> Members:
    return {"StartAt": states[0][0], "States": dict(states), **top}


def told(definition: Members) -> list[tuple[str, str]]:
    return [(one.pointer, one.fix) for one in check_definition(definition) if one.rule == "SM501"]


def after(before: Members, reading: Members, **top: JSON) -> Members:
    """A state that writes, and one that reads."""
    return machine(("A", {**before, "Next": "B"}), ("B", {**reading, "End": True}), **top)


def pass_reading(path: str) -> Members:
    return {"Type": "Pass", "Parameters": {"x.$": path}}


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ({"Type": "Pass"}, "$.anything.at.all"),
        ({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}, "$.anything"),
        ({"Type": "Pass", "Result": {"a": [1, {"b": 2}]}}, "$.a[1].b"),
        ({"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r"}, "$.r.a"),
        ({"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r"}, "$.whatever.was.there"),
        ({"Type": "Pass", "Parameters": {"a": {"b.$": "$.input"}}}, "$.a.b.c"),
        ({"Type": "Pass", "Result": {"a": 1}}, "$..nowhere"),
        ({"Type": "Pass", "Result": {"a": 1}}, "$$.Execution.Name"),
        ({"Type": "Pass", "Result": {"a": 1}, "Assign": {"v": {"w": 1}}}, "$v.w"),
        ({"Type": "Pass", "Parameters": {"a.$": "States.StringToJson($.text)"}}, "$.a.b"),
        ({"Type": "Wait", "Seconds": 1}, "$.a"),
    ],
)
def test_paths_that_may_lead_somewhere(before: Members, path: str) -> None:
    """Are not told of."""
    assert not told(after(before, pass_reading(path)))


@pytest.mark.parametrize(
    ("before", "path", "fix"),
    [
        ({"Type": "Pass", "Result": {"count": 1}}, "$.cuont", 'did you mean "count"?'),
        ({"Type": "Pass", "Result": {"a": 1}}, "$.x.y", "what can be there: a"),
        ({"Type": "Pass", "Result": "text"}, "$.x", "it is read from string, which has no members"),
        ({"Type": "Pass", "Result": [1, 2]}, "$[2]", "what can be there: 0, 1"),
        ({"Type": "Pass", "InputPath": None}, "$.x", "it is read from an empty object"),
        ({"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.r"}, "$.r.b", "what can be there: a"),
        ({"Type": "Pass", "Result": {"a": 1}, "OutputPath": "$.a"}, "$.a", NUMBER_HAS_NONE),
        ({"Type": "Pass", "Result": {"a": 1}}, "$$.Execution.Nam", 'did you mean "Name"?'),
        ({"Type": "Pass", "Assign": {"v": {"wide": 1}}}, "$v.wid", 'did you mean "wide"?'),
        ({"Type": "Pass", "Result": {"a": 1}}, "States.Format('{}', $.b)", "what can be there: a"),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}},
            "$.payload",
            'did you mean "Payload"?',
        ),
    ],
)  # fmt: skip
def test_paths_that_lead_to_nothing(before: Members, path: str, fix: str) -> None:
    """Are told of where they stand, with what can be there."""
    assert told(after(before, pass_reading(path))) == [("/States/B/Parameters/x.$", fix)]


def test_a_member_that_one_way_brings_is_there() -> None:
    """Two ways lead to a state: what either of them brings may be there."""
    definition = machine(
        ("Choose", {"Type": "Choice", "Choices": [rule("$.n", "A")], "Default": "B"}),
        ("A", {"Type": "Pass", "Result": {"a": 1}, "Next": "End"}),
        ("B", {"Type": "Pass", "Result": {"b": 1}, "Next": "End"}),
        ("End", {"Type": "Pass", "Parameters": {"a.$": "$.a", "b.$": "$.b", "c.$": "$.c"}, "End": True}),
    )
    assert told(definition) == [("/States/End/Parameters/c.$", "what can be there: a, b")]


def test_a_loop_brings_back_what_it_adds() -> None:
    """And ends: what grows without end may be anything."""
    definition = machine(
        ("Start", {"Type": "Pass", "Result": {"n": 0}, "Next": "Choose"}),
        ("Choose", {"Type": "Choice", "Choices": [rule("$.added.n", "Done")], "Default": "Add"}),
        ("Add", {"Type": "Pass", "Parameters": {"added.$": "$", "n": 1}, "Next": "Choose"}),
        ("Done", {"Type": "Pass", "Parameters": {"x.$": "$.added.added", "y.$": "$.nothing"}, "End": True}),
    )
    assert [pointer for pointer, _ in told(definition)] == ["/States/Done/Parameters/y.$"]


def test_a_choice_that_asks_first_may_name_anything() -> None:
    """IsPresent is for paths that may lead to nothing."""
    asks = {
        "And": [{"Variable": "$.b", "IsPresent": True}, {"Variable": "$.b", "NumericEquals": 1}],
        "Next": "B",
    }
    for choice, expected in ((asks, []), (rule("$.b", "B"), ["/States/Choose/Choices/0/Variable"])):
        definition = machine(
            ("A", {"Type": "Pass", "Result": {"a": 1}, "Next": "Choose"}),
            ("Choose", {"Type": "Choice", "Choices": [choice], "Default": "B"}),
            ("B", {"Type": "Succeed"}),
        )
        assert [pointer for pointer, _ in told(definition)] == expected


@pytest.mark.parametrize(
    "choices",
    [
        [
            {
                "And": [{"Variable": "$.b", "IsPresent": True}, {"Variable": "$.b.c", "NumericEquals": 1}],
                "Next": "B",
            }
        ],
        [
            {"Variable": "$.b", "IsPresent": False, "Next": "B"},
            {"Variable": "$.b", "NumericEquals": 1, "Next": "B"},
        ],
        [
            {
                "Or": [{"Variable": "$.b", "IsPresent": False}, {"Variable": "$.b[0]", "IsNull": True}],
                "Next": "B",
            }
        ],
    ],
)
def test_what_any_rule_asks_for_may_be_missing(choices: list[JSON]) -> None:
    """Whatever lies below it as well: the rules are looked at one after another."""
    definition = machine(
        ("A", {"Type": "Pass", "Result": {"a": 1}, "Next": "Choose"}),
        ("Choose", {"Type": "Choice", "Choices": choices, "Default": "B"}),
        ("B", {"Type": "Succeed"}),
    )
    assert not told(definition)


def test_the_log_of_an_invocation_may_be_read() -> None:
    """With LogType Tail, lambda:invoke has LogResult."""
    invoke: Members = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "LogType": "Tail"},
    }
    assert not told(after(invoke, pass_reading("$.LogResult")))


def test_names_that_jsonata_binds_are_no_variables() -> None:
    """`@$x` and `#$i` give names to what a path goes through."""
    definition = machine(
        ("A", {"Type": "Pass", "Output": "{% $states.input.a@$x#$i.($x & $i) %}", "End": True}),
        QueryLanguage="JSONata",
    )
    assert not check_definition(definition)


def test_a_catcher_brings_the_error() -> None:
    """Beside the state's own input, where ResultPath says."""
    task: Members = {
        "Type": "Task",
        "Resource": SQS,
        "Parameters": {"QueueUrl": "q", "MessageBody": "m"},
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "B"}],
    }
    first: Members = {"Type": "Pass", "Result": {"a": 1}, "Next": "Work"}
    reading: Members = {"Type": "Pass", "Parameters": {"x.$": "$.failure.Cause", "y.$": "$.failure.Reason"}}
    definition = machine(("A", first), ("Work", {**task, "Next": "B"}), ("B", {**reading, "End": True}))
    assert told(definition) == [("/States/B/Parameters/y.$", "what can be there: Error, Cause")]


def test_a_map_hands_on_its_items() -> None:
    """An item of a literal array is known, and so is what the selector makes of it; results are an array."""
    inner = machine(("In", {"Type": "Pass", "Parameters": {"n.$": "$.value.n", "m.$": "$.m"}, "End": True}))
    fan_out: Members = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Indx"},
        "ItemProcessor": inner,
    }
    definition = machine(
        ("A", {"Type": "Pass", "Result": {"items": [{"n": 1}, {"n": 2}]}, "Next": "Map"}),
        ("Map", {**fan_out, "Next": "B"}),
        ("B", {"Type": "Pass", "Parameters": {"x.$": "$[0].n", "y.$": "$[0].o", "z.$": "$.n"}, "End": True}),
    )
    assert told(definition) == [
        ("/States/Map/ItemProcessor/States/In/Parameters/m.$", "what can be there: value, index"),
        ("/States/B/Parameters/y.$", "what can be there: n, m"),
        ("/States/B/Parameters/z.$", "it is read from array, which has no members"),
    ]


def test_a_parallel_state_gives_one_result_for_each_branch() -> None:
    """In the order of the branches."""
    branches = [
        machine(("One", {"Type": "Pass", "Result": {"a": 1}, "End": True})),
        machine(("Two", {"Type": "Pass", "Result": {"b": 1}, "End": True})),
    ]
    reading = {"Type": "Pass", "Parameters": {"x.$": "$[1].b", "y.$": "$[0].b", "z.$": "$[2]"}, "End": True}
    definition = machine(("P", {"Type": "Parallel", "Branches": branches, "Next": "B"}), ("B", reading))
    assert told(definition) == [
        ("/States/B/Parameters/y.$", "what can be there: a"),
        ("/States/B/Parameters/z.$", "what can be there: 0, 1"),
    ]


def test_a_result_path_into_a_text_is_told_of() -> None:
    """It would fail with States.ResultPathMatchFailure."""
    before: Members = {"Type": "Pass", "Result": "text"}
    definition = after(before, {"Type": "Pass", "Result": 1, "ResultPath": "$.r"})
    assert told(definition) == [
        ("/States/B/ResultPath", "it is read from string, which has no members"),
    ]


def test_plain_paths_of_jsonata_are_followed() -> None:
    """Into $states and variables; any other expression may give anything."""
    assigned: Members = {"Assign": {"v": {"w": 1}}, "Next": "B"}
    definition = machine(
        ("A", {"Type": "Pass", "Output": {"count": 1, "any": "{% $sum([1]) %}"}, **assigned}),
        (
            "B",
            {
                "Type": "Pass",
                "Output": {
                    "a": "{% $states.input.count %}",
                    "b": "{% $states.input.any.more %}",
                    "c": "{% $states.input.cuont %}",
                    "d": "{% $v.x %}",
                    "e": "{% $exists($states.input.nothing) %}",
                },
                "End": True,
            },
        ),
        QueryLanguage="JSONata",
    )  # fmt: skip
    assert told(definition) == [
        ("/States/B/Output/c", 'did you mean "count"?'),
        ("/States/B/Output/d", "what can be there: w"),
    ]


def rule(path: str, following: str) -> Members:
    return {"Variable": path, "NumericEquals": 1, "Next": following}
