"""`policy=`: destinations, mappings, rules and pipes deliver what a role allows."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.handlers import on_task
from penstock.pipelines import (
    Bucket,
    EventBus,
    EventRule,
    Function,
    Pipeline,
    Queue,
    QueueMapping,
    RuleTarget,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
)
from penstock.pipelines.iam import policy_of
from penstock.pipelines.pipes import Pipe, PipeTarget
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.summary import summarize
from penstock.testing.plugin import StartPipeline
from tests.embedded.enforcing import PASS, QUEUE, WORK, step, without


@on_task
def fail(value: object) -> None:
    raise RuntimeError("boom")


def asynchronous(**options: Any) -> tuple[Pipeline, str]:
    return Pipeline("test", parts=(Function("work", fail, maximum_retry_attempts=0, **options),)), "work"


@pytest.mark.parametrize(
    ("pipeline", "action"),
    [
        (asynchronous(on_failure=Queue("failed"))[0], "sqs:SendMessage"),
        (asynchronous(dead_letter_queue=Queue("failed"))[0], "sqs:SendMessage"),
        (asynchronous(on_failure=EventBus("failed"))[0], "events:PutEvents"),
        (asynchronous(on_failure=Function("failed", step))[0], "lambda:InvokeFunction"),
    ],
)
def test_a_destination_needs_the_functions_role(
    pipeline: Pipeline, action: str, embedded: StartPipeline
) -> None:
    """Lambda sends the record in the function's name: without the action it is lost, and nobody is told."""
    policy = policy_of(pipeline)
    for enforced in (policy, without(policy, "function work", action)):
        with embedded(pipeline, policy=enforced) as run:
            run.functions.queue_event("work", b"{}", source="test")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
            letters = sum(len(run.queues.find(queue.name).messages) for queue in pipeline.of(Queue))
        if enforced is policy:
            assert not summary.denied
            assert letters == len(pipeline.of(Queue))
    assert [key[:2] for key in summary.denied] == [("work", action)]
    assert letters == 0


CLICKS = Stream("clicks")
CHANGES = Table("items", partition_key="id", stream_view_type="NEW_IMAGE")


@pytest.mark.parametrize(
    ("mapping", "actions"),
    [
        (QueueMapping(QUEUE, WORK), ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")),
        (
            StreamMapping(CLICKS, WORK, maximum_retry_attempts=0),
            ("GetRecords", "GetShardIterator", "ListShards", "DescribeStream", "DescribeStreamSummary"),
        ),
        (
            StreamMapping(CHANGES, WORK, maximum_retry_attempts=0),
            ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"),
        ),
    ],
)
def test_a_mapping_polls_with_the_functions_role(
    mapping: QueueMapping | StreamMapping, actions: tuple[str, ...], embedded: StartPipeline
) -> None:
    """Without one of the actions nothing is delivered; each that is missing is named."""
    pipeline = Pipeline("test", parts=(mapping,))
    policy = policy_of(pipeline)
    for name in ("", *actions):
        owner = "function work"
        prefix = {Queue: "sqs", Stream: "kinesis", Table: "dynamodb"}[type(_source(mapping))]
        enforced = without(policy, owner, f"{prefix}:{name}") if name else policy
        with embedded(pipeline, policy=enforced) as run:
            client: Any
            if prefix == "sqs":
                run.queues.send("orders", "1")
            elif prefix == "kinesis":
                client = run.client("kinesis")
                client.put_record(StreamName="clicks", Data=b"1", PartitionKey="1")
            else:
                client = run.client("dynamodb")
                client.put_item(TableName="items", Item={"id": {"S": "1"}})
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        assert [key[1] for key in summary.denied] == ([f"{prefix}:{name}"] if name else [])
        assert summary.invocations == (0 if name else 1)


def _source(mapping: QueueMapping | StreamMapping) -> Queue | Stream | Table:
    return mapping.queue if isinstance(mapping, QueueMapping) else mapping.stream


@pytest.mark.parametrize(
    ("target", "actions"),
    [(Queue("failed"), ("sqs:SendMessage",)), (Bucket("failed"), ("s3:ListBucket", "s3:PutObject"))],
)
def test_discarded_records_are_told_of_with_the_functions_role(
    target: Queue | Bucket, actions: tuple[str, ...], embedded: StartPipeline
) -> None:
    """Without it they are given up untold, which the run's summary calls a failure."""
    mapping = StreamMapping(CLICKS, WORK, maximum_retry_attempts=0, on_failure=target)
    pipeline = Pipeline("test", parts=(mapping,))
    policy = policy_of(pipeline)
    for action in ("", *actions):
        enforced = without(policy, "function work", action) if action else policy
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("kinesis")
            client.put_record(StreamName="clicks", Data=b"1", PartitionKey="1")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        assert (summary.discarded, summary.told_of) == (1, 0 if action else 1)
        assert [key[:2] for key in summary.denied] == ([("work", action)] if action else [])


def test_a_rule_sends_to_another_bus_with_its_own_role(embedded: StartPipeline) -> None:
    """It may do that and nothing else; without it the event is a dead letter that names no permissions."""
    bus, letters, found = EventBus("bus"), Queue("letters"), Queue("found")
    sending = EventRule(
        "sends", pattern={"source": ["app"]}, to=(RuleTarget(bus, dead_letter_queue=letters),)
    )
    pipeline = Pipeline(
        "test", parts=(sending, EventRule("finds", bus=bus, pattern={"source": ["app"]}, to=(found,)))
    )
    policy = policy_of(pipeline)
    for enforced, arrived in ((policy, 1), (without(policy, "rule sends", "events:PutEvents"), 0)):
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("events")
            client.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": "{}"}])
            run.run_until_idle()
            dead = list(run.queues.find("letters").messages.values())
            assert (len(run.queues.find("found").messages), len(dead)) == (arrived, 1 - arrived)
            denied = summarize(read_journal(run.folder.journal)).denied
    assert dead[0].attributes["ERROR_CODE"].string_value == "NO_PERMISSIONS"
    assert [key[:2] for key in denied] == [("rule/sends", "events:PutEvents")]


def test_a_rule_starts_a_machine_with_its_own_role(embedded: StartPipeline) -> None:
    """Without the action the machine is not started."""
    machine = StateMachine("flow", PASS)
    rule = EventRule("every", pattern={"source": ["app"]}, to=(machine,))
    pipeline = Pipeline("test", parts=(rule,))
    policy = policy_of(pipeline)
    entry = {"Source": "app", "DetailType": "a", "Detail": "{}"}
    for enforced in (policy, without(policy, "rule every", "states:StartExecution")):
        with embedded(pipeline, policy=enforced) as run:
            client: Any = run.client("events")
            client.put_events(Entries=[entry])
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
        if enforced is policy:
            assert summary.executions == {"SUCCEEDED": 1}
    assert not summary.executions
    assert [key[:2] for key in summary.denied] == [("rule/every", "states:StartExecution")]


@on_task
def enrich(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"n": 1} for _ in records]


@pytest.mark.parametrize(
    "target",
    [
        Queue("target"),
        Stream("target"),
        EventBus("target"),
        Topic("target"),
        Function("target", enrich),
        StateMachine("target", PASS, kind="EXPRESS"),
    ],
    ids=lambda target: type(target).__name__,
)
def test_a_pipe_works_with_its_own_role(target: PipeTarget, embedded: StartPipeline) -> None:
    """Each action of it matters, of a stream's two the one that is used."""
    key = "1" if isinstance(target, Stream) else None
    pipe = Pipe("copies", QUEUE, to=target, enrichment=Function("enrich", enrich), partition_key=key)
    pipeline = Pipeline("test", parts=(pipe,))
    policy = policy_of(pipeline)
    (role,) = (one for one in policy.roles if one.owner == "pipe copies")
    actions = {one.action for one in role.grants} - {"kinesis:PutRecords"}
    if isinstance(target, Function):
        actions.discard("lambda:InvokeFunction")  # twice: of the enrichment and of the target
    for action in ("", *sorted(actions)):
        with embedded(pipeline, policy=without(policy, role.owner, action) if action else policy) as run:
            run.queues.send("orders", "1")
            run.run_until_idle()
            summary = summarize(read_journal(run.folder.journal))
            left = len(run.queues.find("orders").messages) + len(run.queues.find("dead").messages)
        assert [denied[:2] for denied in summary.denied] == ([("pipe/copies", action)] if action else [])
        assert left == (1 if action else 0)
