"""`.sync` on the embedded target: executions that are begun and waited for, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from penstock.handlers import on_task
from penstock.pipelines import Function, Pipeline, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:"
NESTED: dict[str, object] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::states:startExecution.sync:2",
    "Parameters": {"StateMachineArn": f"{ARN}inner", "Name": "nested"},
    "End": True,
}


@on_task
def double(value: dict[str, int]) -> int:
    return 2 * value["n"]


@contextmanager
def running(
    state: dict[str, object], base: Path, *, inner_seconds: int = 3600, kind: str = "STANDARD"
) -> Iterator[tuple[Embedded, SFNClient]]:
    """A machine of one state beside the machine `inner`, which waits for an hour."""
    waits = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": inner_seconds, "End": True}}}
    parts = (
        StateMachine("outer", {"StartAt": "A", "States": {"A": state}}),
        StateMachine("inner", waits, kind=kind),  # type: ignore[arg-type]
        Function("double", double),
    )
    with Embedded(Pipeline("test", parts=parts), new_run("test", base=base), clock=VirtualClock()) as run:
        yield run, cast("SFNClient", run.client("stepfunctions"))


def status(client: SFNClient, machine: str, name: str) -> str:
    arn = f"{ARN.replace(':stateMachine:', ':execution:')}{machine}:{name}"
    return client.describe_execution(executionArn=arn)["status"]


def test_a_nested_execution_is_stopped_with_its_parent(tmp_path: Path) -> None:
    """Run a Job (.sync): "if a ... task is aborted, it will call the Step Functions StopExecution API action"."""
    with running(NESTED, tmp_path) as (_run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        assert status(client, "inner", "nested") == "RUNNING"
        client.stop_execution(executionArn=arn)
        assert status(client, "inner", "nested") == "ABORTED"


def test_a_nested_express_execution_is_stopped_too(tmp_path: Path) -> None:
    """Though nobody can ask the API about it by its ARN."""
    with running(NESTED, tmp_path, kind="EXPRESS") as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        client.stop_execution(executionArn=arn)
        assert status(client, "outer", "one") == "ABORTED"
        run.run_until_idle()
        with pytest.raises(ClientError, match="InvalidArn"):
            client.stop_execution(executionArn=arn.replace(":execution:", ":express:"))


def test_a_nested_execution_is_stopped_with_its_branch(tmp_path: Path) -> None:
    """A different branch of the Parallel state fails; one that nobody waits for goes on."""
    fails = {
        "StartAt": "W",
        "States": {
            "W": {"Type": "Wait", "Seconds": 5, "Next": "F"},
            "F": {"Type": "Fail", "Error": "E"},
        },
    }
    task = {name: member for name, member in NESTED.items() if name != "End"}
    for pattern, expected in ((".sync", "ABORTED"), ("", "SUCCEEDED")):
        nested = {**task, "Resource": f"arn:aws:states:::states:startExecution{pattern}", "Next": "Then"}
        waits = {
            "StartAt": "N",
            "States": {"N": nested, "Then": {"Type": "Wait", "Seconds": 60, "End": True}},
        }
        state: dict[str, object] = {"Type": "Parallel", "Branches": [waits, fails], "End": True}
        with running(state, tmp_path / (pattern or "alone")) as (run, client):
            client.start_execution(stateMachineArn=f"{ARN}outer", name="one")
            run.run_until_idle()
            assert status(client, "outer", "one") == "FAILED"
            assert status(client, "inner", "nested") == expected


@pytest.mark.parametrize("resource", ["glue:startJobRun.sync", "ecs:runTask.sync"])
def test_jobs_of_other_services_are_not_waited_for(resource: str, tmp_path: Path) -> None:
    """Nothing would ever end them: the state fails, and its cause says where it can be tried."""
    state: dict[str, object] = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": {"JobName": "j"},
        "End": True,
    }
    with running(state, tmp_path) as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        run.run_until_idle()
        found = client.describe_execution(executionArn=arn)
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert f"does not answer {resource} (it waits for jobs of Step Functions only)" in found["cause"]
    assert "penstock deploy" in found["cause"]


def test_a_job_may_end_its_task_with_a_token(tmp_path: Path) -> None:
    """Run a Job (.sync): the data of SendTaskSuccess completes the task; the job is no longer monitored."""
    parameters = {"StateMachineArn": f"{ARN}inner", "Name": "nested", "Input": {"token.$": "$$.Task.Token"}}
    with running({**NESTED, "Parameters": parameters}, tmp_path) as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        nested = f"{ARN.replace(':stateMachine:', ':execution:')}inner:nested"
        token = json.loads(client.describe_execution(executionArn=nested)["input"])["token"]
        client.send_task_success(taskToken=token, output='{"early": true}')
        found = client.describe_execution(executionArn=arn)
        assert (found["status"], found["output"]) == ("SUCCEEDED", '{"early":true}')
        run.run_until_idle()
        assert status(client, "inner", "nested") == "SUCCEEDED"


@pytest.mark.parametrize("resource", ["http:invoke", "apigateway:invoke", "eks:call"])
def test_actions_of_step_functions_own(resource: str, tmp_path: Path) -> None:
    """What has no API behind it, and is not done here, is an error that says where it can be tried."""
    state: dict[str, object] = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": {"Method": "GET", "ApiEndpoint": "https://example.com"},
        "End": True,
    }
    with running(state, tmp_path) as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        run.run_until_idle()
        found = client.describe_execution(executionArn=arn)
    assert found["error"] == "States.Runtime"
    assert f"the embedded target does not answer {resource}" in found["cause"]


def branch(number: int, resource: str, parameters: dict[str, object]) -> dict[str, object]:
    """Does something after a second, so that it is done in a turn of the engine's own."""
    waits = {"Type": "Wait", "Seconds": 1, "Next": f"Do {number}"}
    task = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return {"StartAt": f"Wait {number}", "States": {f"Wait {number}": waits, f"Do {number}": task}}


def test_calls_that_take_time(tmp_path: Path) -> None:
    """`aws-sdk` tasks wait for StartSyncExecution and Invoke as for any answer, beside each other."""
    sync = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
    machine: dict[str, object] = {"StateMachineArn": f"{ARN}inner", "Input": '{"n":1}'}
    invoke = "arn:aws:states:::aws-sdk:lambda:invoke"
    state: dict[str, object] = {
        "Type": "Parallel",
        "Branches": [
            branch(0, sync, machine),
            branch(1, sync, machine),
            branch(2, invoke, {"FunctionName": "double", "Payload": {"n": 4}}),
        ],
        "ResultSelector": {
            "outputs.$": "$[0:2].Output",
            "third.$": "$[2]",
            "billed.$": "$[0].BillingDetails.BilledDurationInMilliseconds",
        },
        "End": True,
    }
    with running(state, tmp_path, inner_seconds=5, kind="EXPRESS") as (run, client):
        began = run.clock.now()
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        run.run_until_idle()
        found = client.describe_execution(executionArn=arn)
        assert found["status"] == "SUCCEEDED", found["cause"]
        output = json.loads(found["output"])
        assert output.pop("third")["Payload"] == "8"
        assert output == {"outputs": ['{"n":1}'] * 2, "billed": 5000}
        assert run.clock.now() - began == 6


def test_a_call_that_is_refused(tmp_path: Path) -> None:
    """StartSyncExecution of a Standard machine, with the error that the SDK gives."""
    state: dict[str, object] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "Parameters": {"StateMachineArn": f"{ARN}inner"},
        "End": True,
    }
    with running(state, tmp_path) as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        run.run_until_idle()
        assert (
            client.describe_execution(executionArn=arn)["error"]
            == "Sfn.StateMachineTypeNotSupportedException"
        )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Qualifier": "7"}, "Lambda.ResourceNotFoundException"),
        ({"Qualifier": "$LATEST"}, "8"),
        ({"InvocationType": "DryRun"}, "204"),
        ({"InvocationType": "Later"}, "Lambda.InvalidParameterValueException"),
        ({"ClientContext": "e30="}, "States.Runtime"),
    ],
)
def test_the_fields_of_an_invocation(given: dict[str, object], told: str, tmp_path: Path) -> None:
    """`lambda:invoke` passes over none of them: what is not done here is refused."""
    parameters = {"FunctionName": "double", "Payload": {"n": 4}, **given}
    state: dict[str, object] = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": parameters,
        "End": True,
    }
    with running(state, tmp_path) as (run, client):
        arn = client.start_execution(stateMachineArn=f"{ARN}outer", name="one")["executionArn"]
        run.run_until_idle()
        found = client.describe_execution(executionArn=arn)
    output = json.loads(found.get("output", "{}"))
    assert str(found.get("error") or output.get("Payload", output["StatusCode"])) == told
