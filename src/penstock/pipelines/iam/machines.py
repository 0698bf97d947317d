"""What a state machine's role allows: what its tasks call, its Distributed Maps and their files, its log.

A resource that the definition leaves to the input (`Bucket.$`) is every resource of that kind in the pipeline;
an integration without a rule is an error that names it.
Source: Step Functions, "IAM policies for integrated services", "IAM policies for using Distributed Map states".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from penstock.errors import DeclarationError
from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.statements import Statement, arn_text, because, execution_arn_text
from penstock.pipelines.resolve import SUBSTITUTION, document
from penstock.pipelines.resources import (
    Arn,
    Bucket,
    EventBus,
    Function,
    Queue,
    Resource,
    StateMachine,
    Table,
    Topic,
    Url,
)

_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)

_CALLS: Mapping[str, tuple[str, str, type[Resource]]] = {
    "lambda:invoke": ("lambda:InvokeFunction", "FunctionName", Function),
    "sqs:sendMessage": ("sqs:SendMessage", "QueueUrl", Queue),
    "sns:publish": ("sns:Publish", "TopicArn", Topic),
    "dynamodb:getItem": ("dynamodb:GetItem", "TableName", Table),
    "dynamodb:putItem": ("dynamodb:PutItem", "TableName", Table),
    "dynamodb:updateItem": ("dynamodb:UpdateItem", "TableName", Table),
    "dynamodb:deleteItem": ("dynamodb:DeleteItem", "TableName", Table),
    "states:startExecution": ("states:StartExecution", "StateMachineArn", StateMachine),
    "events:putEvents": ("events:PutEvents", "", EventBus),
    "aws-sdk:s3:getObject": ("s3:GetObject", "Bucket", Bucket),
    "aws-sdk:s3:putObject": ("s3:PutObject", "Bucket", Bucket),
}
"""Integration -> the action, the argument that names the resource, the resource's kind."""


def machine_statements(machine: StateMachine, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the machine's role, each with its reason.

    Raises:
        DeclarationError: a task calls something for which there is no rule.
    """
    return tuple(_statements(machine, graph, stage))


def _statements(machine: StateMachine, graph: Graph, stage: str) -> Iterator[Statement]:
    # Log delivery knows no ARN (Step Functions, "Logging using CloudWatch Logs").
    yield Statement(_LOG_DELIVERY, ("*",), "its log")
    yield Statement(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ("*",), "its traces")
    definition = machine.declared_at if isinstance(machine.definition, Mapping) else machine.definition
    for name, state in _states(document(machine, graph.root)):
        why = f"state {name}, {definition}"
        if state.get("Type") == "Task":
            yield from because(why, _task(name, state, machine, graph, stage))
        elif state.get("Type") == "Map":
            yield from because(why, _map(state, machine, graph, stage))


def _states(value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every state of a definition, whatever it is nested in, in the order of the text."""
    if isinstance(value, Mapping):
        states = value.get("States")
        if isinstance(states, Mapping):
            for name, state in states.items():
                if isinstance(state, Mapping):
                    yield str(name), state
                    for field in ("ItemProcessor", "Iterator", "Branches"):
                        yield from _states(state.get(field))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _states(item)


def _task(
    name: str, state: Mapping[str, object], machine: StateMachine, graph: Graph, stage: str
) -> Iterator[Statement]:
    resource = str(state.get("Resource", ""))
    whole = _substituted(resource, machine, graph)
    if isinstance(whole, Function):
        yield Statement(("lambda:InvokeFunction",), (arn_text(whole, stage),))
        return
    integration = re.sub(r"\.(waitForTaskToken|sync(:2)?)$", "", resource.partition(":states:::")[2])
    rule = _CALLS.get(integration)
    if rule is None or ".sync" in resource:
        raise DeclarationError(
            f'the role of "{machine.name}" cannot be planned: no rule for {resource}',
            at=f"{machine.declared_at}  /States/{name}/Resource",
            fix=f"call it from a function, or take one of {', '.join(sorted(_CALLS))}",
        )
    action, argument, kind = rule
    found = _named(state, argument, kind, machine, graph)
    ending = "/*" if kind is Bucket else ""
    yield Statement((action,), tuple(f"{arn_text(one, stage)}{ending}" for one in found))


def _map(state: Mapping[str, object], machine: StateMachine, graph: Graph, stage: str) -> Iterator[Statement]:
    processor = state.get("ItemProcessor")
    config = processor.get("ProcessorConfig") if isinstance(processor, Mapping) else None
    if not isinstance(config, Mapping) or config.get("Mode") != "DISTRIBUTED":
        return
    yield Statement(("states:StartExecution",), (arn_text(machine, stage),))
    yield Statement(
        ("states:DescribeExecution", "states:StopExecution"), (execution_arn_text(machine, stage),)
    )
    for field, actions in (
        ("ItemReader", ("s3:GetObject",)),
        (
            "ResultWriter",
            ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
        ),
    ):
        part = state.get(field)
        if not isinstance(part, Mapping) or "Resource" not in part:
            continue
        arns = tuple(arn_text(one, stage) for one in _named(part, "Bucket", Bucket, machine, graph))
        if str(part["Resource"]).endswith(":listObjectsV2"):
            yield Statement(("s3:ListBucket",), arns)
        else:
            yield Statement(actions, tuple(f"{arn}/*" for arn in arns))


def _named(
    state: Mapping[str, object], argument: str, kind: type[Resource], machine: StateMachine, graph: Graph
) -> tuple[Resource, ...]:
    """What an argument names; every resource of the kind if only the input knows."""
    arguments = state.get("Parameters", state.get("Arguments"))
    text = arguments.get(argument) if isinstance(arguments, Mapping) else None
    found = _substituted(text, machine, graph) if isinstance(text, str) else None
    if isinstance(found, kind):
        return (found,)
    every = tuple(one for one in graph.resources if isinstance(one, kind))
    if not every:
        raise DeclarationError(
            f'the role of "{machine.name}" cannot be planned: the pipeline has no {kind.__name__}',
            at=str(machine.declared_at),
            fix=f"declare the {kind.__name__} and write it as a substitution",
        )
    return every


def _substituted(text: str, machine: StateMachine, graph: Graph) -> Resource | None:
    """The resource that `${Name}` stands for, if the whole text is one."""
    found = SUBSTITUTION.fullmatch(text)
    value = machine.substitutions.get(found.group(1)) if found is not None else None
    if value is None or isinstance(value, str):
        return None
    return graph.follow(value.resource if isinstance(value, Arn | Url) else value)
