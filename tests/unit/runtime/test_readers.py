"""What the journal tells: progress, summary, cost, from events that a test has made."""

from __future__ import annotations

import pytest

from penstock.runtime.journal_events import (
    CallMade,
    Event,
    ExecutionFinished,
    ExecutionStarted,
    FeedAdvanced,
    Happened,
    InvocationFinished,
    MapItemDone,
    MapItemsCounted,
    MessageDeadLettered,
    MessagesDeleted,
    MessageSent,
    RunFinished,
    RunResumed,
    RunStarted,
    StateEntered,
    StateRetried,
)
from penstock.runtime.readers.cost import EXPRESS_DURATION, PRICES, Cost
from penstock.runtime.readers.progress import Progress
from penstock.runtime.readers.summary import summarize
from penstock.runtime.s3.objects import ObjectWritten, StoredObject
from penstock.statemachines import TaskFailed


def invocation(seconds: float, *, memory_mb: int = 1024, error: str | None = None, attempt: int = 1) -> Event:
    return InvocationFinished(
        at=1.0,
        request_id="r",
        function="f",
        attempt=attempt,
        duration_seconds=seconds,
        billed_seconds=seconds,
        memory_mb=memory_mb,
        error=error,
    )


def sent(queue: str) -> Event:
    return MessageSent(at=1.0, queue=queue, message_id="m", body="b", visible_at=1.0)


def written(bucket: str, caller: str | None, size_bytes: int) -> Event:
    stored = StoredObject(key="k", data="1", size_bytes=size_bytes, etag="e", last_modified=1, sequencer=1)
    return ObjectWritten(
        bucket=bucket, object=stored, staged="s", event_name="ObjectCreated:Put", at=1.0, caller=caller
    )


def test_progress_counts_items_and_names_the_state() -> None:
    """A Map that still reads its items has a growing total; several Maps add up."""
    progress = Progress()
    for event in (
        ExecutionStarted(
            at=1.0, execution="e", state_machine="m", name="n", kind="STANDARD", input={}, seed=1
        ),
        StateEntered(at=1.0, execution="e", state="Map"),
        MapItemsCounted(at=1.0, map_run="r1", total=10, complete=False),
        MapItemsCounted(at=1.0, map_run="r1", total=15, complete=True),
        MapItemsCounted(at=1.0, map_run="r2", total=3, complete=True),
        MapItemDone(at=1.0, map_run="r1", index=0, status="SUCCEEDED"),
        MapItemDone(at=1.0, map_run="r1", index=1, status="FAILED"),
    ):
        assert progress.read(event)
    assert (progress.items_total, progress.items_done, progress.items_failed) == (18, 2, 1)
    assert (progress.state, progress.executions_running) == ("Map", 1)
    assert not progress.read(RunFinished(at=2.0))


def test_a_summary_counts_what_happened() -> None:
    """Chunks, retries, letters, failures, the time without a pause between a kill and a resumption."""
    summary = summarize(
        [
            RunStarted(at=100.0, run_id="run-0001", pipeline="p", seed=0, clock="real", workers=4),
            written("inbox", None, 1000),
            written("inbox", "f", 5),
            written("other", None, 7),
            sent("letters"),
            sent("work"),
            MessageDeadLettered(
                at=101.0, queue="work", dead_letter_queue="letters", message_id="m", receive_count=3
            ),
            sent("work"),
            MessagesDeleted(at=102.0, queue="work", message_ids=("m",)),
            invocation(0.1),
            invocation(0.1, attempt=2),
            Happened(execution="e", happening=TaskFailed(task_id=1, error="E", at=103.0)),
            StateRetried(at=103.0, execution="e", due_at=104.0),
            Happened(execution="e", happening=TaskFailed(task_id=2, error="F", at=103.0)),
            MapItemDone(at=103.0, map_run="r", index=0, status="SUCCEEDED"),
            MapItemDone(at=103.0, map_run="r", index=1, status="FAILED", error="E"),
            RunResumed(at=1000.0),
            ExecutionFinished(
                at=1002.0, execution="arn:e", state_machine="m", status="FAILED", error="E", cause="why"
            ),
            RunFinished(at=1002.0),
        ],
        input_bucket="inbox",
    )
    assert (summary.run_id, summary.workers, summary.input_bytes) == ("run-0001", 4, 1000)
    assert (summary.chunks_done, summary.chunks_failed) == (2, 1)
    assert (summary.retries, summary.invocations, summary.resumptions) == (2, 2, 1)
    assert summary.dead_letters(["letters", "work"]) == {"letters": 2}
    assert summary.seconds == pytest.approx(5.0)
    assert not summary.succeeded
    (failure,) = summary.failures
    assert (failure.execution, failure.error, failure.cause) == ("e", "E", "why")


def cost_of(*events: Event) -> dict[str, float]:
    cost = Cost()
    for event in events:
        cost.read(event)
    return {line.name: line.quantity for line in cost.lines}


def test_cost_counts_what_aws_bills() -> None:
    """GB-seconds of billed time, requests, state transitions with retries and children."""
    assert cost_of(invocation(2.0, memory_mb=512)) == {"Lambda duration (x86)": 1.0, "Lambda requests": 1.0}
    assert cost_of(
        StateEntered(at=1.0, execution="e", state="A"),
        Happened(execution="e", happening=TaskFailed(task_id=1, at=1.0)),
        StateRetried(at=1.0, execution="e", due_at=2.0),
        Happened(execution="e", happening=TaskFailed(task_id=2, at=1.0)),
        MapItemDone(at=1.0, map_run="r", index=0, status="SUCCEEDED"),
    ) == {"Step Functions (Standard)": 4.0}
    assert cost_of(sent("q"), sent("q.fifo")) == {"SQS standard queues": 1.0, "SQS FIFO queues": 1.0}
    read = CallMade(at=1.0, function="f", service="s3", operation="GetObject", count=3)
    assert cost_of(read, written("b", "f", 1)) == {"S3 reads": 3.0, "S3 writes and lists": 1.0}


def test_services_without_a_price_are_named() -> None:
    """A sum that leaves something out says so."""
    cost = Cost()
    for service in ("s3", "sqs", "dynamodb", "dynamodb", "ssm"):
        cost.read(CallMade(at=1.0, function="f", service=service, operation="GetItem"))
    cost.read(FeedAdvanced(at=1.0, stream="clicks", count=3))
    assert cost.unpriced == ("DynamoDB", "Kinesis", "ssm")


def test_express_executions_are_billed_by_request() -> None:
    """Not by their transitions; their duration is named as left out."""
    execution = "arn:aws:states:us-east-1:123456789012:express:fast:one:uuid"
    events: list[Event] = [
        ExecutionStarted(
            at=1.0, execution=execution, state_machine="fast", name="one", kind="EXPRESS", input={}, seed=1
        ),
        StateEntered(at=1.0, execution=execution, state="A"),
        StateRetried(at=1.0, execution=execution, due_at=2.0),
    ]
    assert cost_of(*events) == {"Step Functions (Express)": 1.0}
    cost = Cost()
    for event in events:
        cost.read(event)
    assert cost.unpriced == (EXPRESS_DURATION,)


def test_the_sum_is_the_sum_of_the_lines() -> None:
    """A thousand state transitions are 2.5 cents, a million Lambda requests 20."""
    cost = Cost()
    for _ in range(1000):
        cost.read(StateEntered(at=1.0, execution="e", state="A"))
    assert cost.usd == pytest.approx(0.025)
    assert all(price.source.startswith("https://aws.amazon.com/") for price in PRICES)
