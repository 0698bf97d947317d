"""EventBridge's pipes on the embedded target: filter, enrichment, target, failures, dead letters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import on_task
from penstock.pipelines import (
    EventBus,
    EventRule,
    Function,
    Part,
    Pipe,
    Pipeline,
    Queue,
    StateMachine,
    Stream,
    Subscription,
    Table,
    Topic,
)
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import letters_in
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import BatchSettled
from penstock.runtime.state_folder import hold, new_run
from penstock.testing.faults import refusing, unreachable
from penstock.testing.plugin import StartPipeline

SEEN: list[Any] = []


@on_task
def take(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Fails where a record asks for it, and names the failed ones where they ask for that."""
    SEEN.append(records)
    bodies = [json.loads(one["body"]) if "body" in one else one for one in records]
    if any(one.get("breaks") for one in bodies):
        raise RuntimeError("no")
    failed = [
        one.get("messageId") or one["eventID"]
        for one, body in zip(records, bodies, strict=True)
        if body.get("fails")
    ]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


@on_task
def enrich(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two for one; nothing for those that ask for nothing."""
    return [{"n": one["n"], "copy": copy} for one in records if one["n"] >= 0 for copy in (1, 2)]


@on_task
def count_in_stream(records: list[dict[str, Any]]) -> dict[str, Any]:
    SEEN.append([one["sequenceNumber"] for one in records])
    raise RuntimeError("never")


@on_task
def images(records: list[dict[str, Any]]) -> None:
    SEEN.extend(one["dynamodb"]["NewImage"] for one in records)


LETTERS = Queue("gone")
SOURCE = Queue("source", visibility_timeout_seconds=600, dead_letter_queue=LETTERS, max_receive_count=2)
Starts = Callable[..., Embedded]


@pytest.fixture
def starts(embedded: StartPipeline) -> Starts:
    SEEN.clear()

    def start(*parts: Part) -> Embedded:
        return embedded(Pipeline("piped", parts=parts))

    return start


def bodies(run: Embedded, queue: str) -> list[Any]:
    return [json.loads(one.body) for one in run.queues.find(queue).messages.values()]


def send(run: Embedded, *given: object) -> None:
    for one in given:
        run.queues.send("source", json.dumps(one))
    run.run_until_idle()


def test_from_a_queue_through_a_filter_and_an_enrichment_to_a_queue(starts: Starts) -> None:
    """Templates are filled in for each record; what the enrichment returns may be more; nothing ends the batch."""
    target = Queue("target")
    pipe = Pipe(
        "copies",
        SOURCE,
        to=target,
        batch_size=5,
        filter_criteria=({"body": {"n": [{"exists": True}]}},),
        enrichment=Function("enrich", enrich),
        enrichment_template='{"n": <$.body.n>}',
        input_template='{"n": <$.n>, "copy": "copy <$.copy> of <aws.pipes.pipe-name>"}',
    )
    with starts(pipe) as run:
        send(run, {"n": 1}, {"other": 1}, {"n": 2})
        send(run, {"n": -1})
        assert [one["n"] for one in bodies(run, "target")] == [1, 1, 2, 2]
        assert bodies(run, "target")[1]["copy"] == "copy 2 of copies"
        assert bodies(run, "source") == bodies(run, "gone") == []


def test_a_function_names_the_records_that_failed(starts: Starts) -> None:
    """EventBridge Pipes, "Partial batch failure": those come again, and end in the queue's dead-letter queue."""
    with starts(Pipe("orders", SOURCE, to=Function("take", take), batch_size=3)) as run:
        send(run, {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
        assert [len(one) for one in SEEN] == [3, 1]
        assert bodies(run, "gone") == [{"n": 2, "fails": True}]
        assert set(SEEN[0][0]) >= {"messageId", "body", "attributes", "eventSourceARN"}


def test_a_batch_whose_target_fails_comes_again_as_a_whole(starts: Starts) -> None:
    """Until the source queue has enough of it."""
    with starts(Pipe("orders", SOURCE, to=Function("take", take), batch_size=2)) as run:
        send(run, {"n": 1, "breaks": True}, {"n": 2})
        assert {one["n"] for one in bodies(run, "gone")} >= {1}
        assert len(SEEN) >= 2


def test_an_unreachable_target_uses_up_no_receive(starts: Starts) -> None:
    """An internal error is tried again until it passes; a refusal is the customer's own error."""
    target = Queue("target")
    with starts(Pipe("orders", SOURCE, to=target, batch_size=1)) as run:
        with unreachable(run, target, seconds=7200) as fault:
            send(run, {"n": 1})
        assert fault.failed > 100
        assert len(bodies(run, "target")) == 1
        assert bodies(run, "gone") == []
        with refusing(run, target):
            send(run, {"n": 2})
        assert [one["n"] for one in bodies(run, "gone")] == [2]


def test_from_a_stream_with_retries_and_a_dead_letter_queue(starts: Starts) -> None:
    """In order, bisected, given up after its attempts, and told with the pipe's own context."""
    clicks = Stream("clicks")
    pipe = Pipe(
        "clicks",
        clicks,
        to=Function("count", count_in_stream),
        batch_size=4,
        maximum_retry_attempts=1,
        automatic_bisect=True,
        dead_letter_queue=LETTERS,
    )
    with starts(pipe) as run:
        kinesis: Any = run.client("kinesis")
        for number in range(4):
            kinesis.put_record(StreamName="clicks", PartitionKey="k", Data=f'{{"n": {number}}}')
        run.run_until_idle()
        told = bodies(run, "gone")
        assert [one["KinesisBatchInfo"]["batchSize"] for one in told] == [1, 1, 1, 1]
        assert told[0]["context"] == {
            "partnerResourceArn": "arn:aws:pipes:us-east-1:123456789012:pipe/clicks",
            "condition": "RetryAttemptsExhausted",
        }
        assert "requestContext" not in told[0]
        assert sum(len(one) == 4 for one in SEEN) == 1
        assert sum(len(one) == 2 for one in SEEN) == 2
        with letters_in(run.client("sqs"), "gone") as letters:
            assert letters[0].reason() == "RetryAttemptsExhausted"
            assert letters[0].origin is not None


def test_from_a_tables_stream_to_a_stream_with_a_key(starts: Starts) -> None:
    """Paths find the key in the record."""
    table = Table("items", partition_key="id", stream_view_type="NEW_IMAGE")
    copies = Stream("copies")
    pipe = Pipe(
        "changes",
        table,
        to=copies,
        partition_key="$.dynamodb.Keys.id.S",
        input_template='{"id": <$.dynamodb.NewImage.id.S>}',
        batch_size=10,
    )
    other = Pipe("images", table, to=Function("images", images), filter_criteria=({"eventName": ["INSERT"]},))
    with starts(pipe, other) as run:
        client: Any = run.client("dynamodb")
        for identifier in ("a", "b"):
            client.put_item(TableName="items", Item={"id": {"S": identifier}})
        client.put_item(TableName="items", Item={"id": {"S": "a"}, "x": {"S": "y"}})
        run.run_until_idle()
        (shard,) = run.streams.find("copies").shards
        records = run.streams.read("copies", shard, 0, 10)
        assert [(one.partition_key, one.data) for one in records] == [
            ("a", b'{"id": "a"}'),
            ("b", b'{"id": "b"}'),
            ("a", b'{"id": "a"}'),
        ]
        assert SEEN == [{"id": {"S": "a"}}, {"id": {"S": "b"}}]


def test_to_buses_topics_and_fifo_queues(starts: Starts) -> None:
    """Each record by itself, in the target's own form."""
    bus, news, line = EventBus("bus"), Topic("news"), Queue("line.fifo", fifo=True)
    second, third = Queue("second"), Queue("third")
    run = starts(
        Pipe("to-bus", SOURCE, to=bus, input_template="<$.body>"),
        Pipe("to-news", second, to=news, input_template="<$.body.text> and more"),
        Pipe("to-line", third, to=line, message_group_id="$.body.who"),
        EventRule("all", bus=bus, pattern={"source": [{"prefix": "Pipe "}]}, to=(Queue("events"),)),
        Subscription(news, to=Queue("readers"), raw_message_delivery=True),
    )
    with run:
        run.queues.send("second", json.dumps({"text": "hello"}))
        run.queues.send("third", json.dumps({"who": "me"}))
        send(run, {"n": 1})
        (event,) = bodies(run, "events")
        assert (event["detail-type"], event["source"], event["detail"]) == (
            "Event from aws:sqs",
            "Pipe to-bus",
            {"n": 1},
        )
        (read,) = run.queues.find("readers").messages.values()
        assert read.body == '"hello" and more'
        (message,) = run.queues.find("line.fifo").messages.values()
        assert message.group_id == "me"


def test_state_machines_enrich_and_are_started(starts: Starts) -> None:
    """An express one is waited for; a standard one is started with the whole batch."""
    passes: dict[str, object] = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    fails: dict[str, object] = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Broken"}}}
    express = StateMachine("express", passes, kind="EXPRESS")
    standard = StateMachine("standard", passes)
    broken = StateMachine("broken", fails, kind="EXPRESS")
    second = Queue(
        "second", visibility_timeout_seconds=60, dead_letter_queue=Queue("dead"), max_receive_count=1
    )
    with starts(
        Pipe("runs", SOURCE, enrichment=express, enrichment_template="<$.body>", to=standard),
        Pipe("breaks", second, to=broken),
    ) as run:
        run.queues.send("second", "{}")
        send(run, {"n": 1})
        client: Any = run.client("stepfunctions")
        machine = "arn:aws:states:us-east-1:123456789012:stateMachine:standard"
        (execution,) = client.list_executions(stateMachineArn=machine)["executions"]
        found = client.describe_execution(executionArn=execution["executionArn"])
        assert json.loads(found["input"]) == [{"n": 1}]
        assert len(run.queues.find("dead").messages) == 1
    run.journal.close()
    errors = [one.error for one in read_journal(run.folder.journal) if isinstance(one, BatchSettled)]
    assert sorted(str(one) for one in errors) == ["Broken", "None"]


def test_a_run_that_was_cut_off_delivers_again(tmp_path: Path) -> None:
    """What was in the pipe is read again; nothing is lost."""
    SEEN.clear()
    target = Queue("target")
    pipeline = Pipeline("piped", parts=(Pipe("orders", SOURCE, to=target),))
    folder = new_run("piped", base=tmp_path)
    with Embedded(pipeline, folder, clock=VirtualClock()) as run:
        unreachable(run, target)
        run.queues.send("source", '{"n": 1}')
        run.scheduler.run_for(30)
        run.journal.flush()
    with Embedded(pipeline, hold(folder.path), clock=VirtualClock()) as again:
        again.run_until_idle()
        assert len(bodies(again, "target")) == 1
        assert bodies(again, "source") == []
