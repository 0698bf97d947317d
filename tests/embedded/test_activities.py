"""Activities: a worker outside asks for a task, works, and answers with its token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from penstock.pipelines import Pipeline, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
ACTIVITY_ARN = "arn:aws:states:us-east-1:123456789012:activity:review"
DEFINITION = {
    "StartAt": "Review",
    "States": {"Review": {"Type": "Task", "Resource": ACTIVITY_ARN, "HeartbeatSeconds": 100, "End": True}},
}


def embedded(base: Path, *, resume: bool = False) -> Embedded:
    folder = last_run("test", base=base) if resume else new_run("test", base=base)
    return Embedded(
        Pipeline("test", parts=(StateMachine("machine", DEFINITION),)), folder, clock=VirtualClock()
    )


def client(run: Embedded) -> SFNClient:
    return cast("SFNClient", run.client("stepfunctions"))


def test_a_worker_takes_a_task_and_answers(tmp_path: Path) -> None:
    """It gets the state's input and a token; a task is given to one worker only."""
    with embedded(tmp_path) as run:
        arn = client(run).create_activity(name="review")["activityArn"]
        assert arn == ACTIVITY_ARN
        execution = client(run).start_execution(stateMachineArn=MACHINE_ARN, input='{"page": 7}')
        task = client(run).get_activity_task(activityArn=arn, workerName="me")
        assert json.loads(task["input"]) == {"page": 7}
        client(run).send_task_success(taskToken=task["taskToken"], output='"good"')
        described = client(run).describe_execution(executionArn=execution["executionArn"])
        assert (described["status"], described["output"]) == ("SUCCEEDED", '"good"')


def test_a_worker_that_finds_nothing_is_told_so_after_a_minute(tmp_path: Path) -> None:
    """GetActivityTask: "waits 60 seconds", then answers without a token."""
    with embedded(tmp_path) as run:
        before = run.scheduler.now()
        task = client(run).get_activity_task(activityArn=ACTIVITY_ARN)
        assert not task.get("taskToken")
        assert run.scheduler.now() == before + 60.0


def test_a_worker_that_is_not_heard_of_loses_its_task(tmp_path: Path) -> None:
    """HeartbeatSeconds without a heartbeat: the task has timed out, and its token is worth nothing."""
    with embedded(tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=MACHINE_ARN)["executionArn"]
        task = client(run).get_activity_task(activityArn=ACTIVITY_ARN)
        run.run_until_idle()
        assert client(run).describe_execution(executionArn=execution)["error"] == "States.Timeout"
        with pytest.raises(ClientError) as caught:
            client(run).send_task_success(taskToken=task["taskToken"], output="1")
    assert caught.value.response["Error"]["Code"] == "TaskTimedOut"


def test_a_task_that_was_taken_before_a_resumption_is_not_given_again(tmp_path: Path) -> None:
    """Its worker, which lives elsewhere, may still answer."""
    with embedded(tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=MACHINE_ARN)["executionArn"]
        token = client(run).get_activity_task(activityArn=ACTIVITY_ARN)["taskToken"]
    with embedded(tmp_path, resume=True) as run:
        assert not client(run).get_activity_task(activityArn=ACTIVITY_ARN).get("taskToken")
        client(run).send_task_success(taskToken=token, output="1")
        assert client(run).describe_execution(executionArn=execution)["status"] == "SUCCEEDED"


def test_an_activity_has_a_name_that_aws_allows(tmp_path: Path) -> None:
    """InvalidName."""
    with embedded(tmp_path) as run, pytest.raises(ClientError) as caught:
        client(run).create_activity(name="a b")
    assert caught.value.response["Error"]["Code"] == "InvalidName"
