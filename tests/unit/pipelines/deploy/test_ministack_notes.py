"""What MiniStack takes otherwise is said before anything is deployed, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from penstock.errors import TargetError
from penstock.pipelines import (
    Bucket,
    EventRule,
    Function,
    Part,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Topic,
)
from penstock.pipelines.deploy import Request, planned_for
from penstock.pipelines.deploy.ministack import for_ministack
from penstock.pipelines.plan import plan
from pipelines.file_processing import pipeline as file_processing
from tests.unit.pipelines.deploy.fake_cloudformation import FakeCloudFormation, destination

WORK = Function("work", "json.dumps")


def notes(*parts: Part) -> tuple[str, ...]:
    return for_ministack(plan(Pipeline("some", parts=parts)))


def machine(**fields: object) -> StateMachine:
    """One Distributed Map."""
    children: Mapping[str, object] = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Do",
        "States": {"Do": {"Type": "Pass", "End": True}},
    }
    each = {"Type": "Map", "ItemProcessor": children, "End": True, **fields}
    return StateMachine("flow", {"StartAt": "Each", "States": {"Each": each}})


def test_nothing_is_said_of_what_is_the_same() -> None:
    """Queues and their mappings, a machine, a rule."""
    rule = EventRule("r", pattern={"source": ["s"]}, to=(Queue("told"),))
    assert notes(QueueMapping(Queue("in", visibility_timeout_seconds=180), WORK), machine(), rule) == ()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (StreamMapping(Stream("clicks"), WORK), ["for ever"]),
        (
            StreamMapping(Stream("clicks"), WORK, tumbling_window_seconds=60),
            ["no tumbling windows", "for ever"],
        ),
        (Pipe("carry", Queue("from-here"), to=Queue("to-there")), ["tables only"]),
        (Topic("lines.fifo", fifo=True), ["standard topic"]),
        (
            EventRule(
                "r", pattern={"source": ["s"]}, to=(RuleTarget(Queue("in"), dead_letter_queue=Queue("d")),)
            ),
            ["dead-letter queue"],
        ),
        (Function("told", "json.dumps", on_success=Queue("successes")), ["of a success"]),
        (Function("told", "json.dumps", on_failure=Bucket("all-failures")), ["no bucket"]),
    ],
    ids=["a stream", "windows", "a pipe", "a FIFO topic", "a rule's dead letters", "successes", "failures"],
)
def test_what_is_passed_over_is_said(part: Part, words: list[str]) -> None:
    """A line for each, with the resource."""
    found = notes(part)
    assert len(found) == len(words)
    assert all(word in note for word, note in zip(words, found, strict=True))


def test_a_batcher_is_refused() -> None:
    """Each child would get one item."""
    with pytest.raises(TargetError, match="ItemBatcher") as raised:
        notes(machine(ItemBatcher={"MaxItemsPerBatch": 2}))
    assert str(raised.value.at) == "FlowStateMachine  /States/Each"


def test_a_result_writer_whose_result_is_used_is_refused() -> None:
    """The state's result would be the results; where nobody reads it, a line says that none are written."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
    with pytest.raises(TargetError, match="ResultWriter"):
        notes(machine(ResultWriter=writer))
    (note,) = notes(machine(ResultWriter=writer, ResultPath=None))
    assert note == "FlowStateMachine  /States/Each: MiniStack writes no results"


def test_the_template_is_the_plan() -> None:
    """The reference pipeline goes there as to AWS, with one line."""
    there = replace(destination(FakeCloudFormation()), endpoint_url="http://127.0.0.1:4566", ministack=True)
    template, found = planned_for(Request(pipeline=file_processing), there)
    assert template == plan(file_processing)
    assert [note.partition(":")[2] for note in found] == [" MiniStack writes no results"]
