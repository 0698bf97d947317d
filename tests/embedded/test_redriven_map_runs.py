"""What is kept of a Map Run for its redrive, and what is not: the same live and after a resumption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from penstock.pipelines import Bucket, Pipeline, Queue, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
FAILS: dict[str, object] = {"Fail": {"Type": "Fail", "Error": "Broken"}}


def each(states: dict[str, object], **fields: object) -> dict[str, object]:
    """A Distributed Map whose children begin at the first of these states."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": next(iter(states)), "States": states}
    state = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 2, "ItemsPath": "$.items", **fields}
    return {"StartAt": "Each", "States": {"Each": {"End": True} | state}}


@contextmanager
def running(definition: dict[str, object], base: Path, *, resume: bool = False) -> Iterator[Embedded]:
    folder = last_run("test", base=base) if resume else new_run("test", base=base)
    parts = (StateMachine("machine", definition), Bucket("penstock-items"), Queue("done"))
    with Embedded(Pipeline("test", parts=parts), folder, clock=VirtualClock()) as run:
        yield run


def client(run: Embedded) -> SFNClient:
    return cast("SFNClient", run.client("stepfunctions"))


def started(run: Embedded, value: object) -> str:
    arn = client(run).start_execution(stateMachineArn=ARN, input=json.dumps(value))["executionArn"]
    run.run_until_idle()
    return arn


def redriven(run: Embedded, execution: str) -> str:
    client(run).redrive_execution(executionArn=execution)
    run.run_until_idle()
    return client(run).describe_execution(executionArn=execution)["status"]


def counts(run: Embedded, execution: str) -> dict[str, object]:
    (listed,) = client(run).list_map_runs(executionArn=execution)["mapRuns"]
    found = client(run).describe_map_run(mapRunArn=listed["mapRunArn"])["executionCounts"]
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("resumed", [False, True])
def test_a_child_that_succeeded_as_its_map_run_failed_is_not_done_again(
    resumed: bool, tmp_path: Path
) -> None:
    """Both end in the first turn; a redrive tries the one that failed, and asks the other for its end."""
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl.$": "$.url", "MessageBody": "x"},
        "End": True,
    }
    definition = each({"Send": send})
    with running(definition, tmp_path) as run:
        url = run.client("sqs").get_queue_url(QueueName="done")["QueueUrl"]
        execution = started(run, {"items": [{"url": f"{url}-absent"}, {"url": url}]})
        live = counts(run, execution)
        assert live == {"total": 2, "failed": 1, "aborted": 1}
        if not resumed:
            assert redriven(run, execution) == "FAILED"
            assert counts(run, execution) == {"total": 2, "failed": 1, "succeeded": 1}
            assert len(run.queues.find("done").messages) == 1
    if resumed:
        with running(definition, tmp_path, resume=True) as run:
            assert counts(run, execution) == live
            assert redriven(run, execution) == "FAILED"
            assert len(run.queues.find("done").messages) == 1


def test_a_field_that_failed_is_evaluated_anew(tmp_path: Path) -> None:
    """MaxItems below zero: the redrive fails in the same way, and the run can be resumed."""
    reader = {
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "ReaderConfig": {"MaxItemsPath": "$.most"},
        "Parameters": {"Bucket": "penstock-items"},
    }
    definition = each(FAILS, ItemReader=reader)
    del definition["States"]["Each"]["ItemsPath"]  # type: ignore[index]
    with running(definition, tmp_path) as run:
        execution = started(run, {"most": -5})
        assert redriven(run, execution) == "FAILED"
        found = client(run).describe_execution(executionArn=execution)
        assert (found["error"], found["cause"]) == (
            "States.ItemReaderFailed",
            "field MaxItems must be positive",
        )
    with running(definition, tmp_path, resume=True) as run:
        assert client(run).describe_execution(executionArn=execution)["redriveCount"] == 1


@pytest.mark.parametrize("resumed", [False, True])
def test_files_that_could_not_be_written_name_no_failure_of_another_attempt(
    resumed: bool, tmp_path: Path
) -> None:
    """The bucket comes late: by then the child that had failed succeeds, and stands in one file."""
    head = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:headBucket",
        "Parameters": {"Bucket": "penstock-late"},
        "End": True,
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "penstock-late", "Prefix": "out"},
    }
    definition = each({"Head": head}, ResultWriter=writer, ToleratedFailureCount=5)
    with running(definition, tmp_path) as run:
        execution = started(run, {"items": [1, 2]})
        found = client(run).describe_execution(executionArn=execution)
        assert found["error"] == "States.ResultWriterFailed"
        if not resumed:
            files = files_of_redriven(run, execution)
    if resumed:
        with running(definition, tmp_path, resume=True) as run:
            files = files_of_redriven(run, execution)
    assert sorted(files) == ["SUCCEEDED_0.json", "manifest.json"]


def files_of_redriven(run: Embedded, execution: str) -> list[str]:
    s3 = run.s3_client()
    s3.create_bucket(Bucket="penstock-late")
    assert redriven(run, execution) == "SUCCEEDED"
    return [one["Key"].rpartition("/")[2] for one in s3.list_objects_v2(Bucket="penstock-late")["Contents"]]


def test_tolerated_failures_are_let_go(tmp_path: Path) -> None:
    """Nobody redrives the children of a Map Run that has succeeded: they are not kept while the execution goes on."""
    definition = each(FAILS, ToleratedFailurePercentage=100, End=False, Next="Wait")
    definition["States"]["Wait"] = {"Type": "Wait", "Seconds": 10, "End": True}  # type: ignore[index]
    with running(definition, tmp_path) as run:
        api = client(run)
        arn = api.start_execution(stateMachineArn=ARN, input='{"items": [1, 2]}')["executionArn"]
        (listed,) = api.list_map_runs(executionArn=arn)["mapRuns"]
        assert api.describe_execution(executionArn=arn)["status"] == "RUNNING"
        assert api.describe_map_run(mapRunArn=listed["mapRunArn"])["status"] == "SUCCEEDED"
        assert api.list_executions(mapRunArn=listed["mapRunArn"])["executions"] == []
