"""What a function's role allows: its log, its traces, its mappings, its destinations, what it calls.

Source: Lambda, "Defining Lambda function permissions with an execution role", and for the mappings the pages
"Using Lambda with Amazon SQS", "... Kinesis", "... DynamoDB".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.statements import Statement, access, arn_text, because, target_of
from penstock.pipelines.idempotency import IDEMPOTENCY_ACTIONS, idempotency_table
from penstock.pipelines.resolve import document, name_of, undecodable_queues
from penstock.pipelines.resources import (
    Access,
    Bucket,
    Function,
    Named,
    Queue,
    QueueMapping,
    Resource,
    StateMachine,
    Stream,
    StreamMapping,
)
from penstock.statemachines.nested_states import nested_states

QUEUE_ACTIONS = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
STREAM_ACTIONS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
CONSUMER_ACTIONS = ("kinesis:SubscribeToShard",)
TABLE_STREAM_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
"""What a mapping does in the function's name, by its source."""

LIST_STREAMS = "dynamodb:ListStreams"
"""A mapping of a table's stream does it as well; it knows no ARN (Service Authorization Reference)."""

CALLBACK_ACTIONS = ("states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess")
"""What whoever writes to a machine answers its waiting tasks with (Step Functions, "Discover service integration
patterns": "Wait for a Callback with Task Token"); a token names no ARN (Service Authorization Reference)."""


def function_statements(function: Function, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the function's role, each with its reason."""
    return tuple(_statements(function, graph, stage))


def _statements(function: Function, graph: Graph, stage: str) -> Iterator[Statement]:
    log_group = (
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/"
        f"{name_of(function, target_of(stage))}:*"
    )
    yield Statement(("logs:CreateLogStream", "logs:PutLogEvents"), (log_group,), "its log")
    # X-Ray knows no ARN for these (Service Authorization Reference, "AWS X-Ray").
    yield Statement(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",), "its traces")
    for queue_mapping in graph.of(QueueMapping):
        if queue_mapping.function == function:
            yield Statement(
                QUEUE_ACTIONS,
                (arn_text(queue_mapping.queue, stage),),
                f"its mapping, {queue_mapping.declared_at}",
            )
    for source, dead_letters in undecodable_queues(function, graph).items():
        if isinstance(source, Queue):
            why = f"records of {source.name} that it cannot decode, {source.declared_at}"
            yield from because(why, _destination(dead_letters, graph, stage))
    for mapping in graph.of(StreamMapping):
        if mapping.function == function:
            arn = arn_text(mapping.stream, stage)
            why = f"its mapping, {mapping.declared_at}"
            if isinstance(mapping.stream, Stream):
                yield Statement(STREAM_ACTIONS, (arn,), why)
                if mapping.consumer is not None:
                    yield Statement(
                        CONSUMER_ACTIONS, (f"{arn}/consumer/{mapping.consumer}:*",), f"its consumer, {why}"
                    )
            else:
                yield Statement(TABLE_STREAM_ACTIONS, (f"{arn}/stream/*",), why)
                yield Statement((LIST_STREAMS,), ("*",), why)
            yield from because(f"on_failure of {why}", _destination(mapping.on_failure, graph, stage))
    for field in ("on_success", "on_failure", "dead_letter_queue"):
        why = f"{field}, {function.declared_at}"
        yield from because(why, _destination(getattr(function, field), graph, stage))
    table = idempotency_table(function, graph)
    if table is not None:
        why = f"what it has done, {table.declared_at}"
        yield Statement(IDEMPOTENCY_ACTIONS, (arn_text(table, stage),), why)
    for call in function.calls:
        yield from _call(call, function, graph, stage)


def _call(
    call: Resource | Named | Access, function: Function, graph: Graph, stage: str
) -> Iterator[Statement]:
    used = call if isinstance(call, Access) else Access(call, read=True, write=True)
    resource = graph.follow(used.resource)
    if resource is None:
        return
    verb = "uses" if used.read and used.write else "reads" if used.read else "writes"
    of = f"{resource.name}, {used.prefix}" if used.prefix else resource.name
    place = (call if isinstance(call, Access) else function).declared_at
    allowed = access(resource, stage, read=used.read, write=used.write, prefix=used.prefix)
    yield from because(f"calls: {verb}({of}), {place}", allowed)
    if used.write and isinstance(resource, StateMachine) and waits_for_callbacks(resource, graph.root):
        yield Statement(CALLBACK_ACTIONS, ("*",), f"calls: {verb}({of}), whose tasks wait for it, {place}")


def waits_for_callbacks(machine: StateMachine, root: Path) -> bool:
    """Whether a task of the machine waits for an answer with its token."""
    return any(
        str(state.members.get("Resource", "")).endswith(".waitForTaskToken")
        for state in nested_states(document(machine, root))
    )


def _destination(to: Resource | Named | None, graph: Graph, stage: str) -> Iterator[Statement]:
    resource = None if to is None else graph.follow(to)
    if isinstance(resource, Bucket):
        yield Statement(("s3:ListBucket",), (arn_text(resource, stage),))
        yield Statement(("s3:PutObject",), (f"{arn_text(resource, stage)}/*",))
    elif resource is not None:
        yield from access(resource, stage, read=False, write=True)
