"""Distributed Map states: children, pages, batches, thresholds, results."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from penstock.statemachines import (
    ChildFinished,
    ItemsRead,
    ItemsReadFailed,
    ReadItems,
    RunTask,
    StartChild,
    StopReading,
    WriteResults,
    advance,
    load_definition,
    start,
)
from penstock.statemachines.protocol import ItemsOrigin
from penstock.testing.machines import Answer, MachineRun, Returns, Throws, no_items, no_tasks, run_machine
from penstock.testing.machines import Items as ItemsOf
from penstock.testing.machines import Tasks as TasksOf

INVOKE = "arn:aws:states:::lambda:invoke"
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Parameters": {"Bucket": "b", "Key.$": "$.key"},
}
PASS = {"P": {"Type": "Pass", "End": True}}
TASK = {"P": {"Type": "Task", "Resource": INVOKE, "End": True}}


def definition(states: Mapping[str, object] = PASS, **members: object) -> Mapping[str, object]:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P", "States": states}
    return {
        "StartAt": "M",
        "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True, **members}},
    }


def run(
    described: Mapping[str, object], value: object, tasks: TasksOf = no_tasks, items: ItemsOf = no_items
) -> MachineRun:
    return run_machine(load_definition(described), value, tasks=tasks, items=items)


def test_children_are_executions_of_their_own() -> None:
    """The parent's history has the Map Run only; each child has a whole history and an ARN of its own."""
    ran = run(definition(Label="L"), ["a", "b"])
    assert ran.output == ["a", "b"]
    assert ran.event_types == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    first, second = ran.children
    assert first.arn.startswith("arn:aws:states:us-east-1:123456789012:execution:machine/L:")
    assert first.arn != second.arn
    assert first.history[0].type == "ExecutionStarted"


def test_items_are_read_page_by_page() -> None:
    """A reader is asked for the next page only when its items can be used; MaxItems ends the reading."""
    asked: list[ReadItems] = []

    def items(command: ReadItems) -> Sequence[object]:
        asked.append(command)
        return list(range(2_500))

    ran = run(definition(ItemReader=READER), {"key": "k"}, items=items)
    assert ran.output == list(range(2_500))
    assert asked[0].parameters == {"Bucket": "b", "Key": "k"}
    limited = {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItems": 1_200}}
    assert run(definition(ItemReader=limited), {"key": "k"}, items=items).output == list(range(1_200))


def test_reader_that_fails() -> None:
    """The Map Run fails with States.ItemReaderFailed, which can be caught."""

    def items(_command: ReadItems) -> ItemsReadFailed:
        return ItemsReadFailed(read_id=0, cause="no such key", at=0)

    ran = run(definition(ItemReader=READER), {"key": "k"}, items=items)
    assert (ran.error, ran.cause) == ("States.ItemReaderFailed", "no such key")
    assert ran.event_types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_items_know_their_source() -> None:
    """`$$.Map.Item.Source` is STATE_DATA, or the object that the items are read from."""
    selector = {"from.$": "$$.Map.Item.Source"}
    assert run(definition(ItemSelector=selector), [1]).output == [{"from": "STATE_DATA"}]
    read = run(definition(ItemSelector=selector, ItemReader=READER), {"key": "k"}, items=lambda _: [1])
    assert read.output == [{"from": "S3://b/k"}]


def test_an_object_is_iterated_by_its_members() -> None:
    """A Distributed Map takes an object: each child gets a pair, `Map.Item` has Key and Value apart."""
    pairs = [{"Key": "a", "Value": 1}, {"Key": "b", "Value": [2]}]
    assert run(definition(ItemsPath="$.o"), {"o": {"a": 1, "b": [2]}}).output == pairs
    selector = {"k.$": "$$.Map.Item.Key", "v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}
    selected = [{"k": "a", "v": 1, "i": 0}, {"k": "b", "v": [2], "i": 1}]
    assert run(definition(ItemSelector=selector), {"a": 1, "b": [2]}).output == selected
    described = {**definition(Items="{% $states.input.o %}"), "QueryLanguage": "JSONata"}
    assert run(described, {"o": {"a": 1, "b": [2]}}).output == pairs
    assert run(described, {"o": 1}).error == "States.QueryEvaluationError"


def test_items_of_several_sources() -> None:
    """What a reader says of its items' origins is in `Map.Item`, in batches that hold items of both as well."""
    selector = {"i.$": "$$.Map.Item.Index", "s.$": "$$.Map.Item.Source", "v.$": "$$.Map.Item.Value"}
    machine = load_definition(
        definition(ItemReader=READER, ItemSelector=selector, ItemBatcher={"MaxItemsPerBatch": 2})
    )
    step = start(
        machine, {"key": "k"}, at=0.0, execution_arn="arn:e", state_machine_arn="arn:m", role_arn="arn:r"
    )
    asked = next(one for one in step.commands if isinstance(one, ReadItems))
    inputs: list[object] = []
    pages = [
        ((1, 2, {"Key": "a", "Value": 3}), (ItemsOrigin(first=0, source="S3://b/1"), MEMBERS), False),
        (({"Key": "c", "Value": 4}, 5), (MEMBERS_AT_0, ItemsOrigin(first=1, source="S3://b/3")), True),
    ]
    for items, origins, done in pages:
        page = ItemsRead(read_id=asked.read_id, items=items, done=done, at=0.0, origins=origins)
        step = advance(step.execution, page)
        inputs += [one.input for one in step.commands if isinstance(one, StartChild)]
    assert [item for batch in inputs for item in batch["Items"]] == [  # type: ignore[index]
        {"i": 0, "s": "S3://b/1", "v": 1},
        {"i": 1, "s": "S3://b/1", "v": 2},
        {"i": 2, "s": "S3://b/2", "v": 3},
        {"i": 3, "s": "S3://b/2", "v": 4},
        {"i": 4, "s": "S3://b/3", "v": 5},
    ]


MEMBERS = ItemsOrigin(first=2, source="S3://b/2", members=True)
MEMBERS_AT_0 = ItemsOrigin(first=0, source="S3://b/2", members=True)


def test_batches_by_count_and_bytes() -> None:
    """A batch holds at most MaxItemsPerBatch items and MaxInputBytesPerBatch bytes, and BatchInput."""
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.key"}}
    ran = run(definition(ItemReader=READER, ItemBatcher=batcher), {"key": "k"}, items=lambda _: [1, 2, 3])
    assert ran.output == [
        {"BatchInput": {"k": "k"}, "Items": [1, 2]},
        {"BatchInput": {"k": "k"}, "Items": [3]},
    ]
    small = run(definition(ItemBatcher={"MaxInputBytesPerBatch": 30}), ["x" * 9] * 3)
    assert small.output == [{"Items": ["x" * 9]}] * 3


def test_batches_do_not_depend_on_pages() -> None:
    """A batch may begin in one page and end in the next."""
    batcher = {"MaxItemsPerBatch": 300}
    ran = run(definition(ItemReader=READER, ItemBatcher=batcher), {"key": "k"}, items=lambda _: [0] * 2_100)
    assert isinstance(ran.output, list)
    assert [len(batch["Items"]) for batch in ran.output] == [300] * 7


def failing(*indices: object) -> TasksOf:
    def answer(task: RunTask) -> Answer:
        return Throws("E", "c") if task.parameters in indices else Returns(task.parameters)

    return answer


@pytest.mark.parametrize(
    ("members", "failures", "status"),
    [
        ({}, 0, "SUCCEEDED"),
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 30}, 3, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 30}, 4, "FAILED"),
        ({"ToleratedFailurePercentage": 100}, 10, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 50}, 2, "FAILED"),
    ],
)
def test_tolerated_failures(members: Mapping[str, object], failures: int, status: str) -> None:
    """The Map Run fails once the failed items exceed either threshold; without one, at the first."""
    ran = run(definition(TASK, **members), list(range(10)), failing(*range(failures)))
    assert ran.status == status
    if status == "FAILED":
        assert ran.error == "States.ExceedToleratedFailureThreshold"


def test_concurrency_bounds_the_children() -> None:
    """No more than MaxConcurrency children run at once."""
    described = definition(TASK, MaxConcurrency=4)
    ran = run(described, list(range(10)), lambda _task: Returns(0, after_seconds=1))
    assert ran.ended_at == 3.0


def test_failing_stops_children_and_reader() -> None:
    """When the threshold is passed, running children and the reader are stopped, and late news is ignored."""
    machine = load_definition(definition(TASK, ItemReader=READER, MaxConcurrency=2))
    arn = "arn:aws:states:us-east-1:123456789012"
    step = start(
        machine,
        {"key": "k"},
        execution_arn=f"{arn}:execution:m:e",
        state_machine_arn=f"{arn}:stateMachine:m",
        role_arn="r",
        at=0,
    )
    (read,) = step.commands
    assert isinstance(read, ReadItems)
    step = advance(step.execution, ItemsRead(read_id=read.read_id, items=(1, 2, 3), done=False, at=1))
    one, two = [command for command in step.commands if isinstance(command, StartChild)]
    step = advance(step.execution, ChildFinished(child_id=one.child_id, status="FAILED", at=2))
    assert [type(command).__name__ for command in step.commands] == ["CancelChild", "StopReading", "Finished"]
    assert StopReading(read_id=read.read_id) in step.commands
    after = advance(step.execution, ChildFinished(child_id=two.child_id, status="SUCCEEDED", at=3))
    assert after.commands == ()


def test_results_go_to_the_writer() -> None:
    """With a ResultWriter the output says where the manifest is; the records describe every child."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "p"}}
    described = definition(TASK, ResultWriter=writer, ToleratedFailureCount=1)
    ran = run(described, [0, 1], failing(1))
    assert isinstance(ran.output, dict)
    folder = ran.written[0].folder
    assert ran.output["ResultWriterDetails"] == {"Bucket": "out", "Key": f"p/{folder}/manifest.json"}
    records = [record for page in ran.written for record in page.records]
    assert {record["Status"] for record in records} == {"SUCCEEDED", "FAILED"}
    assert ran.written[-1].last


@pytest.mark.parametrize("transformation", [None, "COMPACT", "FLATTEN", "NONE"])
def test_failures_that_are_tolerated_stand_in_the_output(transformation: str | None) -> None:
    """ResultWriter (Map): of a child that failed the result is unchanged, as if Transformation were NONE."""
    writer = (
        {}
        if transformation is None
        else {"ResultWriter": {"WriterConfig": {"Transformation": transformation}}}
    )
    ran = run(definition(TASK, ToleratedFailureCount=1, **writer), [[0], [1]], failing([1]))
    assert isinstance(ran.output, list)
    assert ran.output[-1] == {
        "ExecutionArn": ran.children[1].arn,
        "Input": "[1]",
        "InputDetails": {"Included": True},
        "Name": ran.children[1].name,
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE_BY_MAP_RUN",
        "StartDate": "1970-01-01T00:00:00.000Z",
        "StateMachineArn": ran.children[1].state_machine_arn,
        "Status": "FAILED",
        "StopDate": "1970-01-01T00:00:00.000Z",
        "Error": "E",
        "Cause": "c",
    }
    assert len(ran.output) == 2


@pytest.mark.parametrize("batcher", [{}, {"ItemBatcher": {"MaxItemsPerBatch": 5}}])
def test_the_input_of_a_child_has_the_size_of_a_payload(batcher: dict[str, Any]) -> None:
    """An item may be larger, if ItemSelector makes it smaller; else no child can be started with it."""
    items = [{"text": "x", "n": 0}, {"text": "x" * 300_000, "n": 1}]
    ran = run(definition(ItemReader=READER, **batcher), {"key": "k"}, items=lambda _: items)
    assert ran.error == "States.DataLimitExceeded"
    assert "item 1 exceeds" in (ran.cause or "")
    selector = {"n.$": "$$.Map.Item.Value.n"}
    described = definition(ItemReader=READER, ItemSelector=selector, **batcher)
    assert run(described, {"key": "k"}, items=lambda _: items).status == "SUCCEEDED"


def test_large_results_need_a_writer() -> None:
    """Outputs over 256 KiB together fail the state, as any output does."""
    ran = run(definition(TASK), list(range(30)), lambda _task: Returns("x" * 10_000))
    assert ran.error == "States.DataLimitExceeded"


def test_results_may_be_flattened() -> None:
    """WriterConfig without a resource shapes the state's output: FLATTEN joins arrays."""
    described = definition(ResultWriter={"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}})
    assert run(described, [[1, 2], [3]]).output == [1, 2, 3]


def test_children_that_are_aborted_stand_in_the_results() -> None:
    """The files of a Map Run that fails have every child that was begun (Step Functions, "ResultWriter (Map)")."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}}
    arn = "arn:aws:states:us-east-1:123456789012"
    step = start(
        load_definition(definition(ResultWriter=writer)),
        [1, 2, 3],
        execution_arn=f"{arn}:execution:m:e",
        state_machine_arn=f"{arn}:stateMachine:m",
        role_arn="r",
        at=0,
    )
    begun = [command for command in step.commands if isinstance(command, StartChild)]
    step = advance(
        step.execution, ChildFinished(child_id=begun[1].child_id, status="FAILED", error="E", at=1)
    )
    (written,) = (command for command in step.commands if isinstance(command, WriteResults))
    assert written.last
    assert [(one["Input"], one["Status"]) for one in written.records] == [
        ("2", "FAILED"),
        ("1", "ABORTED"),
        ("3", "ABORTED"),
    ]


def test_a_child_costs_the_same_whatever_their_number() -> None:
    """Per child the parent holds no memory once it is over, if a writer takes the results."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}}
    machine = load_definition(definition(ItemReader=READER, ResultWriter=writer, MaxConcurrency=10))

    def peak(count: int) -> int:
        arn = "arn:aws:states:us-east-1:123456789012"
        step = start(
            machine,
            {"key": "k"},
            execution_arn=f"{arn}:execution:m:e",
            state_machine_arn=f"{arn}:stateMachine:m",
            role_arn="r",
            at=0,
        )
        waiting = deque(step.commands)
        read = 0
        tracemalloc.start()
        while waiting:
            command = waiting.popleft()
            if isinstance(command, ReadItems):
                size = min(command.limit, count - read)
                read += size
                page = tuple({"n": n} for n in range(size))
                step = advance(
                    step.execution,
                    ItemsRead(read_id=command.read_id, items=page, done=read == count, at=1),
                )
            elif isinstance(command, StartChild):
                ended = ChildFinished(child_id=command.child_id, status="SUCCEEDED", output=1, at=1)
                step = advance(step.execution, ended)
            else:
                assert isinstance(command, WriteResults)
                continue
            waiting.extend(step.commands)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(8_000) < 1.3 * peak(4_000)


def test_the_percentage_is_known_with_the_last_page() -> None:
    """Children that end before the last page is there count too, even if that page holds nothing."""
    described = definition(
        {"P": {"Type": "Fail", "Error": "E"}}, ItemReader=READER, ToleratedFailurePercentage=10
    )
    machine = load_definition(described)
    step = start(
        machine, {"key": "k"}, at=0.0, execution_arn="arn:e", state_machine_arn="arn:m", role_arn="arn:r"
    )
    asked = next(one for one in step.commands if isinstance(one, ReadItems))
    step = advance(step.execution, ItemsRead(read_id=asked.read_id, items=(1, 2), done=False, at=0.0))
    for child in [one for one in step.commands if isinstance(one, StartChild)]:
        ended = ChildFinished(child_id=child.child_id, status="FAILED", error="E", at=1.0)
        step = advance(step.execution, ended)
    step = advance(step.execution, ItemsRead(read_id=asked.read_id, items=(), done=True, at=2.0))
    assert step.execution.error == "States.ExceedToleratedFailureThreshold"
