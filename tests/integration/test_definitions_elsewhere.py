"""Definitions on other interpreters: what they come to there is what the engine says.

On LocalStack, on MiniStack, and on Step Functions Local (`docker compose --profile stepfunctions up --wait`, its
URL in `PENSTOCK_STEPFUNCTIONS_LOCAL`), which needs Docker.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any, Final

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from penstock.statemachines import load_definition
from penstock.testing.localstack import LocalStack, eventually
from penstock.testing.machines import run_machine
from tests.contracts.gaps import MINISTACK_DEFINITIONS, expect
from tests.integration.conftest import ENDPOINTS
from tests.integration.functions import ROLE

CHOICE: dict[str, Any] = {
    "StartAt": "Weigh",
    "States": {
        "Weigh": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Variable": "$.kg", "NumericGreaterThan": 30},
                        {"Not": {"Variable": "$.to", "StringMatches": "DE-*"}},
                    ],
                    "Next": "Freight",
                },
                {"Variable": "$.kg", "NumericLessThanEqualsPath": "$.limit", "Next": "Letter"},
            ],
            "Default": "Parcel",
        },
        "Freight": {"Type": "Pass", "Result": "freight", "End": True},
        "Letter": {
            "Type": "Pass",
            "Result": "letter",
            "ResultPath": "$.as",
            "OutputPath": "$.as",
            "End": True,
        },
        "Parcel": {"Type": "Fail", "Error": "NoParcels", "Cause": "today"},
    },
}

INTRINSICS: dict[str, Any] = {
    "StartAt": "Compute",
    "States": {
        "Compute": {
            "Type": "Pass",
            "Parameters": {
                "text.$": "States.Format('{} of {}', $.n, States.ArrayLength($.all))",
                "parts.$": "States.ArrayPartition($.all, 2)",
                "once.$": "States.ArrayUnique($.all)",
                "sum.$": "States.MathAdd($.n, -1)",
                "coded.$": "States.Base64Encode($.name)",
                "hash.$": "States.Hash($.name, 'SHA-1')",
                "merged.$": "States.JsonMerge($.left, $.right, false)",
                "second.$": "States.ArrayGetItem($.all, 1)",
                "read.$": "States.StringToJson($.json)",
                "last.$": "$.all[-1:]",
            },
            "End": True,
        }
    },
}

EACH: dict[str, Any] = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemSelector": {"number.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value", "of.$": "$.of"},
            "ItemProcessor": {
                "StartAt": "Keep",
                "States": {
                    "Keep": {
                        "Type": "Pass",
                        "Parameters": {"text.$": "States.Format('{}{}: {}', $.of, $.number, $.value)"},
                        "OutputPath": "$.text",
                        "End": True,
                    }
                },
            },
            "ResultSelector": {"texts.$": "$[*]"},
            "ResultPath": "$.done",
            "End": True,
        }
    },
}

BRANCHES: dict[str, Any] = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Result": 1, "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Succeed", "OutputPath": "$.right"}}},
            ],
            "ResultPath": "$.both",
            "End": True,
        }
    },
}

CAUGHT: dict[str, Any] = {
    "StartAt": "Try",
    "States": {
        "Try": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "No", "Cause": "never"}}}
            ],
            "Retry": [{"ErrorEquals": ["Other"], "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["No"], "ResultPath": "$.failure", "Next": "Tell"}],
            "End": True,
        },
        "Tell": {
            "Type": "Pass",
            "Parameters": {"why.$": "$.failure.Cause", "given.$": "$.n"},
            "End": True,
        },
    },
}

COMPUTED = {
    "n": 3,
    "all": [1, 2, 2, 5],
    "name": "penstock",
    "left": {"a": 1, "b": 1},
    "right": {"b": 2},
    "json": '{"x": [1]}',
}

CASES: Final = [
    pytest.param(CHOICE, {"kg": 40, "to": "FR-1", "limit": 1}, id="choice rules"),
    pytest.param(CHOICE, {"kg": 1, "to": "DE-1", "limit": 1}, id="choice rules that compare with a path"),
    pytest.param(CHOICE, {"kg": 40, "to": "DE-1", "limit": 1}, id="a default that fails"),
    pytest.param(INTRINSICS, COMPUTED, id="intrinsic functions"),
    pytest.param(EACH, {"of": "no. ", "items": ["a", "b", "c"]}, id="Map with selectors"),
    pytest.param(EACH, {"of": "no. ", "items": []}, id="Map over nothing"),
    pytest.param(BRANCHES, {"right": {"x": None}}, id="Parallel"),
    pytest.param(CAUGHT, {"n": 7}, id="Retry and Catch"),
]


def step_functions_local() -> Any:
    """A client for Step Functions Local; without it the test is skipped with the reason."""
    url = os.environ.get("PENSTOCK_STEPFUNCTIONS_LOCAL")
    if url is None:
        docker = shutil.which("docker")
        if docker is None:
            pytest.skip("Step Functions Local needs Docker, which is not installed")
        if subprocess.run([docker, "info"], capture_output=True, timeout=30, check=False).returncode:
            pytest.skip("Step Functions Local needs Docker, whose daemon does not answer")
        pytest.skip("Step Functions Local is not up: `make test-docker` starts it")
    import boto3

    session = boto3.session.Session("none", "none", region_name="us-east-1")
    client: Any = session.client("stepfunctions", endpoint_url=url)
    eventually(lambda: _answers(client), of="Step Functions Local")  # its container has no health check
    return client


def _answers(client: Any) -> bool:
    try:
        client.list_state_machines()
    except (EndpointConnectionError, ConnectionClosedError):
        return False
    return True


@pytest.fixture(params=[*ENDPOINTS, "step-functions-local"])
def client(request: pytest.FixtureRequest) -> Any:
    """Where the definitions are run."""
    if request.param == "step-functions-local":
        return step_functions_local()
    found: LocalStack = request.getfixturevalue(request.param)
    if request.param == "ministack":
        expect(request, MINISTACK_DEFINITIONS.get(request.node.callspec.id.removeprefix("ministack-")))
    return found.client("stepfunctions")


@pytest.mark.parametrize(("definition", "given"), CASES)
def test_a_definition_comes_to_what_the_engine_says(
    client: Any, named: Callable[[str], str], definition: dict[str, Any], given: dict[str, Any]
) -> None:
    """Status and output; error and cause of an execution that fails."""
    expected = run_machine(load_definition(definition), given)
    made = client.create_state_machine(
        name=named("definition"), definition=json.dumps(definition), roleArn=ROLE
    )
    began = client.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(given))

    def ended() -> Any:
        found = client.describe_execution(executionArn=began["executionArn"])
        return None if found["status"] == "RUNNING" else found

    found = eventually(ended, of="the execution")
    assert (found["status"], found.get("error"), found.get("cause")) == (
        expected.status,
        expected.error,
        expected.cause,
    )
    assert json.loads(found.get("output") or "null") == expected.output
