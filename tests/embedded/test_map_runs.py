"""Map Runs on the embedded target: their counts through boto3 and in the journal, also after a resumption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError

from penstock.handlers import on_task
from penstock.pipelines import Bucket, Function, Pipeline, StateMachine
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal_events import Event, MapItemDone, MapItemsCounted, MapRunStarted
from penstock.runtime.state_folder import last_run, new_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
BROKEN = {"numbers": {3}}


@on_task
def work(value: dict[str, object]) -> object:
    numbers = value.get("Items", [value.get("n")])
    if BROKEN["numbers"] & {
        item["n"] if isinstance(item, dict) else item for item in cast("list[object]", numbers)
    }:
        raise RuntimeError("broken")
    return numbers


def machine(**map_fields: object) -> dict[str, object]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Work",
        "States": {"Work": {"Type": "Task", "Resource": "${Work}", "End": True}},
    }
    state = {"Type": "Map", "ItemProcessor": processor, "End": True, "MaxConcurrency": 2, **map_fields}
    return {"StartAt": "Each", "States": {"Each": state}}


READER = {
    "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Parameters": {"Bucket": "penstock-items", "Key": "items.jsonl"},
    }
}


@contextmanager
def running(definition: dict[str, object], base: Path, *, resume: bool = False) -> Iterator[Embedded]:
    function = Function("work", work)
    second = Function("note", note)
    uses = {"Work": function, "Note": second} if "${Note}" in json.dumps(definition) else {"Work": function}
    made = StateMachine("machine", definition, substitutions=uses)
    folder = last_run("test", base=base) if resume else new_run("test", base=base)
    parts = (function, second, made, Bucket("penstock-items"))
    with Embedded(Pipeline("test", parts=parts), folder, clock=VirtualClock()) as run:
        if not resume:
            lines = "".join(f'{{"n": {number}}}\n' for number in range(7))
            run.upload(lines.encode(), bucket="penstock-items", key="items.jsonl")
        yield run


def client(run: Embedded) -> SFNClient:
    return cast("SFNClient", run.client("stepfunctions"))


def only_map_run(run: Embedded, execution: str) -> dict[str, object]:
    (listed,) = client(run).list_map_runs(executionArn=execution)["mapRuns"]
    described = dict(client(run).describe_map_run(mapRunArn=listed["mapRunArn"]))
    assert described["executionArn"] == execution
    assert described["startDate"] == listed["startDate"]
    return described


def counts(described: dict[str, object], member: str) -> dict[str, int]:
    return {name: count for name, count in cast("dict[str, int]", described[member]).items() if count}


def redrive_mended(run: Embedded, execution: str) -> None:
    """Redrive it when nothing is broken any more."""
    BROKEN["numbers"] = set()
    try:
        client(run).redrive_execution(executionArn=execution)
        run.run_until_idle()
    finally:
        BROKEN["numbers"] = {3}


def test_a_map_run_is_described(tmp_path: Path) -> None:
    """Items and child executions are counted by their status; batches hold several items."""
    tolerant = machine(**READER, ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailureCount=5)
    with running(tolerant, tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        described = only_map_run(run, execution)
    assert described["status"] == "SUCCEEDED"
    assert counts(described, "itemCounts") == {"total": 7, "succeeded": 5, "failed": 2}
    assert counts(described, "executionCounts") == {"total": 4, "succeeded": 3, "failed": 1}
    assert (described["maxConcurrency"], described["toleratedFailureCount"]) == (2, 5)


def test_a_map_run_that_fails_stops_its_children(tmp_path: Path) -> None:
    """What had not begun is pending for ever, what was running is aborted."""
    with running(machine(**READER), tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        described = only_map_run(run, execution)
    found = counts(described, "itemCounts")
    assert described["status"] == "FAILED"
    assert found["failed"] == 1
    assert sum(count for name, count in found.items() if name != "total") == found["total"] == 7


def test_children_that_failed_are_told_of(tmp_path: Path) -> None:
    """They are listed with their Map Run, described, and have a history; only the Map Run redrives them."""
    with running(machine(**READER), tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        arn = str(only_map_run(run, execution)["mapRunArn"])
        (failed,) = client(run).list_executions(mapRunArn=arn, statusFilter="FAILED")["executions"]
        child = client(run).describe_execution(executionArn=failed["executionArn"])
        history = client(run).get_execution_history(executionArn=failed["executionArn"])["events"]
        with pytest.raises(client(run).exceptions.ExecutionNotRedrivable, match="the Map Run"):
            client(run).redrive_execution(executionArn=failed["executionArn"])
    assert (child["error"], child["redriveStatus"]) == ("RuntimeError", "REDRIVABLE_BY_MAP_RUN")
    assert [event["type"] for event in history][-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_the_children_that_run_are_listed(tmp_path: Path) -> None:
    """ListExecutions with a Map Run's ARN, while it is under way; a stopped execution aborts it."""
    with running(machine(**READER), tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.scheduler.run_until(
            lambda: (
                bool(counts(only_map_run(run, execution), "executionCounts"))
                if client(run).list_map_runs(executionArn=execution)["mapRuns"]
                else False
            )
        )
        arn = str(only_map_run(run, execution)["mapRunArn"])
        children = client(run).list_executions(mapRunArn=arn)["executions"]
        assert len(children) == 2
        assert {child["mapRunArn"] for child in children} == {arn}
        client(run).stop_execution(executionArn=execution)
        described = only_map_run(run, execution)
        assert described["status"] == "ABORTED"
        assert counts(described, "executionCounts") == {"total": 2, "aborted": 2}


def test_a_redriven_map_run_runs_what_failed(tmp_path: Path) -> None:
    """The failed child runs once more, and what was pending goes on."""
    with running(machine(**READER), tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        redrive_mended(run, execution)
        described = only_map_run(run, execution)
    assert (described["status"], described["redriveCount"]) == ("SUCCEEDED", 1)
    assert counts(described, "itemCounts") == {"total": 7, "succeeded": 7}
    assert counts(described, "executionCounts") == {"total": 7, "succeeded": 7}


NOTED: list[object] = []


@on_task
def note(value: dict[str, object]) -> object:
    NOTED.append(value["n"])
    return value


@pytest.mark.parametrize("resumed", [False, True])
def test_a_redriven_child_goes_on_from_where_it_failed(resumed: bool, tmp_path: Path) -> None:
    """Its first state is not run again, and its RedriveCount is 1; also after a resumption in between."""
    definition = machine(**READER, ToleratedFailureCount=0)
    states = definition["States"]["Each"]["ItemProcessor"]  # type: ignore[index]
    states["StartAt"] = "Note"
    states["States"]["Note"] = {"Type": "Task", "Resource": "${Note}", "Next": "Work"}
    states["States"]["Work"] |= {
        "Parameters": {"n.$": "$.n"},
        "ResultSelector": {"redriven.$": "$$.Execution.RedriveCount"},
    }
    NOTED.clear()
    with running(definition, tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        assert client(run).describe_execution(executionArn=execution)["status"] == "FAILED"
        if not resumed:
            assert outputs_of_redriven(run, execution) == [0, 0, 0, 1]
    if resumed:
        with running(definition, tmp_path, resume=True) as run:
            run.run_until_idle()
            assert outputs_of_redriven(run, execution) == [0, 0, 0, 1]
    assert NOTED.count(3) == 1
    if resumed:
        with running(definition, tmp_path, resume=True) as run:
            found = client(run).describe_execution(executionArn=execution)
            assert found["status"] == "SUCCEEDED"


def outputs_of_redriven(run: Embedded, execution: str) -> list[int]:
    """The redrive counts that the children for the first four items saw, after a redrive of their parent."""
    redrive_mended(run, execution)
    output = json.loads(client(run).describe_execution(executionArn=execution)["output"])
    return [child["redriven"] for child in output[:4]]


def test_a_child_that_failed_in_a_fail_state_fails_again(tmp_path: Path) -> None:
    """Redrive of a Fail state: "Reenters the Fail state and fails again"."""
    definition = machine(**READER)
    states = definition["States"]["Each"]["ItemProcessor"]["States"]  # type: ignore[index]
    states["Work"]["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": "Give up"}]
    states["Give up"] = {"Type": "Fail", "Error": "GivenUp"}
    with running(definition, tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        redrive_mended(run, execution)
        assert only_map_run(run, execution)["status"] == "FAILED"


def test_a_resumed_run_knows_its_map_runs(tmp_path: Path) -> None:
    """The counts follow from the journal."""
    with running(machine(**READER), tmp_path) as run:
        execution = client(run).start_execution(stateMachineArn=ARN)["executionArn"]
        run.run_until_idle()
        before = only_map_run(run, execution)
    with running(machine(**READER), tmp_path, resume=True) as run:
        after = only_map_run(run, execution)
    before.pop("ResponseMetadata")
    after.pop("ResponseMetadata")
    assert after == before


@pytest.mark.parametrize("from_s3", [True, False])
def test_the_journal_tells_a_map_runs_progress(from_s3: bool, tmp_path: Path) -> None:
    """Readers learn the total, wherever the items come from, and each child's items, under one ARN."""
    events: list[Event] = []
    BROKEN["numbers"] = set()
    fields = READER if from_s3 else {"ItemsPath": "$.items"}
    try:
        with running(machine(**fields), tmp_path) as run:
            run.journal.subscribe(events.append)
            value = json.dumps({"items": [{"n": number} for number in range(7)]})
            client(run).start_execution(stateMachineArn=ARN, input=value)
            run.run_until_idle()
    finally:
        BROKEN["numbers"] = {3}
    (started,) = [event for event in events if isinstance(event, MapRunStarted)]
    (counted,) = [event for event in events if isinstance(event, MapItemsCounted)]
    done = [event for event in events if isinstance(event, MapItemDone)]
    assert started.state == "Each"
    assert (counted.total, counted.complete, counted.map_run) == (7, True, started.map_run)
    assert {event.map_run for event in done} == {started.map_run}
    assert sum(event.items for event in done) == 7


def test_a_map_run_that_is_none(tmp_path: Path) -> None:
    """ResourceNotFound, as AWS says."""
    with running(machine(), tmp_path) as run, pytest.raises(ClientError) as caught:
        client(run).describe_map_run(mapRunArn=f"{ARN}/Each:none")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
