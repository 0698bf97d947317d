"""Reading definitions: JSON, YAML, substitutions, and errors with their places."""

from __future__ import annotations

import pytest

from penstock.errors import DefinitionError
from penstock.statemachines import load_definition, read_definition
from penstock.statemachines.parse import parse_resource

PASS = {"Type": "Pass", "End": True}


def test_json_and_yaml_mean_the_same() -> None:
    """YAML is JSON written with less; times and `on` stay the texts that they are in ASL."""
    text = "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Timestamp: 2030-01-01T00:00:00Z\n    End: true\n"
    assert read_definition(text) == {
        "StartAt": "A",
        "States": {"A": {"Type": "Wait", "Timestamp": "2030-01-01T00:00:00Z", "End": True}},
    }
    assert load_definition('{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}').flow.start_at == "A"


def test_substitutions_reach_every_string() -> None:
    """`${Name}` stands for its value anywhere; a name without one is an error with its place."""
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Task", "Resource": "arn:${Kind}", "Parameters": ["x-${Kind}"], "End": True}
        },
    }
    source = load_definition(definition, substitutions={"Kind": "k"}).source
    assert source == {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": "arn:k", "Parameters": ["x-k"], "End": True}},
    }
    with pytest.raises(DefinitionError, match="Kind") as caught:
        load_definition(definition, substitutions={})
    assert caught.value.at == "/States/A/Resource"


@pytest.mark.parametrize(
    ("definition", "at"),
    [
        ({"States": {"A": PASS}}, ""),
        ({"StartAt": "B", "States": {"A": PASS}}, "/StartAt"),
        ({"StartAt": "A"}, ""),
        ({"StartAt": "A", "States": {}}, ""),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "/States/A"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "C"}}}, "/States/A/Next"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pas", "End": True}}}, "/States/A/Type"),
        (
            {"StartAt": "a/b", "States": {"a/b": {"Type": "Pass", "InputPath": "$[", "End": True}}},
            "/States/a~1b/InputPath",
        ),
        ({"StartAt": "A", "States": {"A": {"Type": "Wait", "End": True}}}, "/States/A"),
        ({"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": []}}}, "/States/A/Choices"),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": [], "End": True}}},
            "/States/A/Branches",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_its_place(definition: dict[str, object], at: str) -> None:
    """A definition that the engine cannot run is a DefinitionError whose `at` is a JSON pointer; of a
    missing member, to the object that lacks it."""
    with pytest.raises(DefinitionError) as caught:
        load_definition(definition)
    assert caught.value.at == at


def test_near_names_are_suggested() -> None:
    """A misspelt target names the state that was probably meant."""
    with pytest.raises(DefinitionError) as caught:
        load_definition({"StartAt": "Proces", "States": {"Process": PASS}})
    assert caught.value.fix == 'did you mean "Process"?'


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "- a\n- b",
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}, }',
        "a: [",
        "",
    ],
)
def test_unreadable_text(text: str) -> None:
    """Text that is no object in JSON or YAML is refused."""
    with pytest.raises(DefinitionError):
        load_definition(text)


@pytest.mark.parametrize(
    ("resource", "parts"),
    [
        ("arn:aws:states:::lambda:invoke", ("lambda", "invoke", "request_response")),
        (
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            ("sqs", "sendMessage", "waitForTaskToken"),
        ),
        ("arn:aws:states:::states:startExecution.sync:2", ("states", "startExecution", "sync:2")),
        ("arn:aws:states:::batch:submitJob.sync", ("batch", "submitJob", "sync")),
        ("arn:aws:states:::aws-sdk:s3:getObject", ("aws-sdk:s3", "getObject", "request_response")),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", ("lambda", "", "request_response")),
        ("arn:aws:lambda:us-east-1:123456789012:function:f:live", ("lambda", "", "request_response")),
        ("arn:aws:states:us-east-1:123456789012:activity:a", ("activity", "", "request_response")),
    ],
)
def test_resources(resource: str, parts: tuple[str, str, str]) -> None:
    """A Task's Resource is a service, an API and a pattern; or a function, or an activity."""
    assert parse_resource(resource) == parts


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "End": True},
        {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True},
        {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "End": True},
        {
            "Type": "Map",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                "StartAt": "P",
                "States": {"P": PASS},
            },
            "End": True,
        },
    ],
)
def test_express_machines_do_not_wait(state: dict[str, object]) -> None:
    """An Express machine has no `.sync`, no task token, no activity and no Distributed Map, however deep."""
    outer = {
        "Type": "Parallel",
        "Branches": [{"StartAt": "A", "States": {"A": state}}],
        "End": True,
    }
    for name, definition in (("A", {"A": state}), ("O", {"O": outer})):
        whole: dict[str, object] = {"StartAt": name, "States": definition}
        load_definition(whole)
        with pytest.raises(DefinitionError, match="Express"):
            load_definition(whole, kind="EXPRESS")


@pytest.mark.parametrize(
    "resource",
    ["arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:::states:startExecution.sync"],
)
def test_express_children_do_not_wait(resource: str) -> None:
    """What an Express machine cannot have, the Express children of a Distributed Map cannot have either."""
    task = {"Type": "Task", "Resource": resource, "End": True}

    def definition(kind: str) -> dict[str, object]:
        config = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
        processor = {"ProcessorConfig": config, "StartAt": "T", "States": {"T": task}}
        return {
            "StartAt": "M",
            "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True}},
        }

    load_definition(definition("STANDARD"))
    with pytest.raises(DefinitionError, match="Express") as caught:
        load_definition(definition("EXPRESS"))
    assert caught.value.at == "/States/M/ItemProcessor/States/T/Resource"
