"""State machines on LocalStack: JSONPath and JSONata, a function as a task, a Map, a failure that is caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.testing.localstack import LocalStack, eventually
from tests.integration.functions import ROLE, create_function

DOUBLE = """
def handle(event, context):
    if event["n"] < 0:
        raise ValueError("never negative")
    return event["n"] * 2
"""

MACHINE: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Double",
    "States": {
        "Double": {
            "Type": "Map",
            "Items": "{% $states.input.numbers %}",
            "ItemProcessor": {
                "StartAt": "Call",
                "States": {
                    "Call": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Arguments": {
                            "FunctionName": "${Double}",
                            "Payload": {"n": "{% $states.input %}"},
                        },
                        "Output": "{% $states.result.Payload %}",
                        "Catch": [
                            {
                                "ErrorEquals": ["ValueError"],
                                "Output": "{% $parse($states.errorOutput.Cause).errorMessage %}",
                                "Next": "Kept",
                            }
                        ],
                        "End": True,
                    },
                    "Kept": {"Type": "Pass", "End": True},
                },
            },
            "Assign": {"sum": "{% $sum($states.result[$type($) = 'number']) %}"},
            "Next": "Tell",
        },
        "Tell": {
            "Type": "Pass",
            "Output": {"sum": "{% $sum %}", "doubled": "{% $states.input %}"},
            "End": True,
        },
    },
}


@pytest.fixture
def run(localstack: LocalStack, named: Callable[[str], str]) -> Callable[[dict[str, Any], object], Any]:
    """Runs a machine to its end, and gives what DescribeExecution says."""
    client: Any = localstack.client("stepfunctions")

    def start(definition: dict[str, Any], given: object) -> Any:
        text = json.dumps(definition)
        made = client.create_state_machine(name=named("machine"), definition=text, roleArn=ROLE)
        began = client.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(given))

        def ended() -> Any:
            found = client.describe_execution(executionArn=began["executionArn"])
            return None if found["status"] == "RUNNING" else found

        return eventually(ended, of="the execution")

    return start


def test_a_map_over_a_function(
    localstack: LocalStack, named: Callable[[str], str], run: Callable[[dict[str, Any], object], Any]
) -> None:
    """JSONata reads, adds up and writes; an item that fails is caught with its own error."""
    name = named("double")
    create_function(localstack, name, DOUBLE)
    definition = json.loads(json.dumps(MACHINE).replace("${Double}", name))
    found = run(definition, {"numbers": [1, -1, 4]})
    assert found["status"] == "SUCCEEDED", (found.get("error"), found.get("cause"))
    assert json.loads(found["output"]) == {"sum": 10, "doubled": [2, "never negative", 8]}


@pytest.mark.parametrize(
    ("expression", "given", "output"),
    [
        ("$states.input.a & '-' & $string($states.input.b)", {"a": "x", "b": 2}, "x-2"),
        (
            "$map($states.input, function($v) { $v.price * $v.count })",
            [{"price": 2, "count": 3}, {"price": 5, "count": 1}],
            [6, 5],
        ),
        ("$states.input.nothing = null ? 'null' : 'value'", {"nothing": None}, "null"),
        ("$hash('a', 'MD5')", {}, "0cc175b9c0f1b6a831c399e269772661"),
        ("$partition([1..5], 2)", {}, [[1, 2], [3, 4], [5]]),
    ],
)
def test_jsonata_is_evaluated(
    run: Callable[[dict[str, Any], object], Any], expression: str, given: object, output: object
) -> None:
    """Operators, functions of JSONata's and of Step Functions'."""
    state = {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}
    found = run({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": state}}, given)
    assert found["status"] == "SUCCEEDED", (found.get("error"), found.get("cause"))
    assert json.loads(found["output"]) == output


def test_jsonata_that_gives_nothing(run: Callable[[dict[str, Any], object], Any]) -> None:
    """The state fails with States.QueryEvaluationError."""
    state = {"Type": "Pass", "Output": "{% $states.input.absent %}", "End": True}
    found = run({"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": state}}, {})
    assert (found["status"], found["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "returned nothing (undefined)" in found["cause"]
