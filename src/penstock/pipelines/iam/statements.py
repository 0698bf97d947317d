"""One statement of a policy, and the actions that reading or writing a resource takes.

1. Actions are those of AWS's "Service Authorization Reference", resources are ARNs with CloudFormation's
   pseudo parameters (`${AWS::Region}`), made for `Fn::Sub`.
2. A kind of resource without a rule is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import NamedTuple

from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.resolve import Target, arn_of, name_of
from penstock.pipelines.resources import (
    Bucket,
    EventBus,
    Function,
    Queue,
    Resource,
    StateMachine,
    Stream,
    Table,
    Topic,
)


class Condition(NamedTuple):
    """What a request must be like for a statement to hold (IAM, "IAM JSON policy elements: Condition").

    Attributes:
        values: one of them, as `Fn::Sub` takes them.
    """

    operator: str
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} is {' or '.join(self.values)}"


@dataclass(frozen=True, slots=True)
class Statement:
    """Actions that are allowed on resources (ARNs as `Fn::Sub` takes them).

    Attributes:
        why: where it follows from. It is no part of the value.
        conditions: all of them.
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str = field(default="", compare=False)
    conditions: tuple[Condition, ...] = ()


def because(why: str, statements: Iterable[Statement]) -> Iterator[Statement]:
    """The same statements, with their reason."""
    return (replace(one, why=why) for one in statements)


def target_of(stage: str) -> Target:
    """The account and region that the stack is made in, as CloudFormation's pseudo parameters."""
    return Target(account_id="${AWS::AccountId}", region="${AWS::Region}", stage=stage)


def arn_text(resource: Resource, stage: str) -> str:
    """The ARN of a resource for `Fn::Sub`: made of its name, so that it makes no circular dependency."""
    text = arn_of(resource, target_of(stage)).replace("arn:aws:", "arn:${AWS::Partition}:", 1)
    return f"{text}${{BucketNameSuffix}}" if isinstance(resource, Bucket) else text


def execution_arn_text(machine: StateMachine, stage: str) -> str:
    """The ARN of every execution of one machine, for `Fn::Sub`."""
    name = name_of(machine, target_of(stage))
    return f"arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:execution:{name}:*"


@singledispatch
def access(
    resource: Resource, stage: str, *, read: bool, write: bool, prefix: str = ""
) -> Iterator[Statement]:
    """What it takes to read or write `resource`."""
    raise TypeError(f"{type(resource).__name__} is no resource that access() knows")


def _one(arn: str, *, read: tuple[str, ...] | None, write: tuple[str, ...] | None) -> Iterator[Statement]:
    actions = (*(read or ()), *(write or ()))
    if actions:
        yield Statement(actions, (arn,))


@access.register
def _(resource: Bucket, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    arn = arn_text(resource, stage)
    if read:
        yield Statement(
            ("s3:ListBucket", *(("s3:ListBucketVersions",) if resource.versioned else ())), (arn,)
        )
    yield from _one(
        f"{arn}/{prefix}*",
        read=("s3:GetObject", *(("s3:GetObjectVersion",) if resource.versioned else ())) if read else None,
        write=("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject") if write else None,
    )


@access.register
def _(resource: Queue, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    yield from _one(
        arn_text(resource, stage),
        read=(
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        )
        if read
        else None,
        write=("sqs:SendMessage",) if write else None,
    )


@access.register
def _(resource: Stream, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    yield from _one(
        arn_text(resource, stage),
        read=(
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        )
        if read
        else None,
        write=("kinesis:PutRecord", "kinesis:PutRecords") if write else None,
    )


@access.register
def _(
    resource: DeliveryStream, stage: str, *, read: bool, write: bool, prefix: str = ""
) -> Iterator[Statement]:
    yield from _one(
        arn_text(resource, stage),
        read=("firehose:DescribeDeliveryStream",) if read else None,
        write=("firehose:PutRecord", "firehose:PutRecordBatch") if write else None,
    )


@access.register
def _(resource: Table, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    yield from _one(
        arn_text(resource, stage),
        read=("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan")
        if read
        else None,
        write=("dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
        if write
        else None,
    )


@access.register
def _(resource: Function, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    yield Statement(("lambda:InvokeFunction",), (arn_text(resource, stage),))


@access.register
def _(
    resource: StateMachine, stage: str, *, read: bool, write: bool, prefix: str = ""
) -> Iterator[Statement]:
    if write:
        yield Statement(("states:StartExecution",), (arn_text(resource, stage),))
    if resource.kind == "EXPRESS":
        # There is no asking after its executions (Step Functions, "DescribeExecution"), but waiting for the answer.
        if read and write:
            yield Statement(("states:StartSyncExecution",), (arn_text(resource, stage),))
    elif read:
        executions = execution_arn_text(resource, stage)
        yield Statement(("states:DescribeExecution", "states:ListMapRuns"), (executions,))
        map_runs = arn_text(resource, stage).replace(":stateMachine:", ":mapRun:")
        yield Statement(("states:DescribeMapRun",), (f"{map_runs}/*",))


@access.register
def _(resource: EventBus, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    if write:
        yield Statement(("events:PutEvents",), (arn_text(resource, stage),))


@access.register
def _(resource: Topic, stage: str, *, read: bool, write: bool, prefix: str = "") -> Iterator[Statement]:
    if write:
        yield Statement(("sns:Publish",), (arn_text(resource, stage),))


def merged(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """One statement for each set of resources and conditions, in the order of their first mention, actions sorted."""
    found: dict[tuple[tuple[str, ...], tuple[Condition, ...]], set[str]] = {}
    for statement in statements:
        found.setdefault((statement.resources, statement.conditions), set()).update(statement.actions)
    return tuple(
        Statement(tuple(sorted(actions)), resources, conditions=conditions)
        for (resources, conditions), actions in found.items()
    )
