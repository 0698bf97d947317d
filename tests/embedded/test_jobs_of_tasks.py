"""`.sync` on the embedded target: executions that are begun and waited for, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from penstock.pipelines import Pipeline, StateMachine
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


@contextmanager
def running(state: dict[str, object], base: Path) -> Iterator[tuple[Embedded, SFNClient]]:
    """A machine of one state beside the machine `inner`, which waits for an hour."""
    parts = (
        StateMachine("outer", {"StartAt": "A", "States": {"A": state}}),
        StateMachine(
            "inner", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
        ),
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
