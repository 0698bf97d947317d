"""What a function's role allows: its log, its traces, its mappings, its destinations, what it calls.

Source: Lambda, "Defining Lambda function permissions with an execution role", and for the mappings the pages
"Using Lambda with Amazon SQS", "... Kinesis", "... DynamoDB".
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.statements import Statement, access, arn_text, merged, target_of
from penstock.pipelines.resolve import name_of
from penstock.pipelines.resources import (
    Access,
    Bucket,
    Function,
    Named,
    QueueMapping,
    Resource,
    Stream,
    StreamMapping,
)

_STREAM_ACTIONS = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
_TABLE_STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)


def function_statements(function: Function, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the function's role."""
    return merged(_statements(function, graph, stage))


def _statements(function: Function, graph: Graph, stage: str) -> Iterator[Statement]:
    log_group = (
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/"
        f"{name_of(function, target_of(stage))}:*"
    )
    yield Statement(("logs:CreateLogStream", "logs:PutLogEvents"), (log_group,))
    # X-Ray knows no ARN for these (Service Authorization Reference, "AWS X-Ray").
    yield Statement(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",))
    for queue_mapping in graph.of(QueueMapping):
        if queue_mapping.function == function:
            yield Statement(
                ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
                (arn_text(queue_mapping.queue, stage),),
            )
    for mapping in graph.of(StreamMapping):
        if mapping.function == function:
            arn = arn_text(mapping.stream, stage)
            if isinstance(mapping.stream, Stream):
                yield Statement(_STREAM_ACTIONS, (arn,))
            else:
                yield Statement(_TABLE_STREAM_ACTIONS, (f"{arn}/stream/*",))
            yield from _destination(mapping.on_failure, graph, stage)
    yield from _destination(function.on_success, graph, stage)
    yield from _destination(function.on_failure, graph, stage)
    yield from _destination(function.dead_letter_queue, graph, stage)
    for call in function.calls:
        used = call if isinstance(call, Access) else Access(call, read=True, write=True)
        resource = graph.follow(used.resource)
        if resource is not None:
            yield from access(resource, stage, read=used.read, write=used.write, prefix=used.prefix)


def _destination(to: Resource | Named | None, graph: Graph, stage: str) -> Iterator[Statement]:
    resource = None if to is None else graph.follow(to)
    if isinstance(resource, Bucket):
        yield Statement(("s3:ListBucket",), (arn_text(resource, stage),))
        yield Statement(("s3:PutObject",), (f"{arn_text(resource, stage)}/*",))
    elif resource is not None:
        yield from access(resource, stage, read=False, write=True)
