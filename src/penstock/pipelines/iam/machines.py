"""What a state machine's role allows: what its tasks call, its Distributed Maps and their files, its log.

A resource that the definition leaves to the input (`Bucket.$`) is every resource of that kind in the pipeline;
an integration without a rule is an error that names it.
Source: Step Functions, "IAM policies for integrated services", "IAM policies for using Distributed Map states".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.s3_needs import bucket_arn, object_arn
from penstock.pipelines.iam.seen import templated
from penstock.pipelines.iam.statements import Condition, Statement, arn_text, because, execution_arn_text
from penstock.pipelines.iam.tasks import OPEN, Definition, definition_of, task_conditions, task_needs
from penstock.pipelines.resolve import document
from penstock.pipelines.resources import StateMachine
from penstock.statemachines.nested_states import nested_states

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

_TRACING = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""Step Functions samples by the account's rules (Step Functions, "IAM policies for AWS X-Ray")."""

_WRITING = ("AbortMultipartUpload", "GetObject", "ListMultipartUploadParts", "PutObject")
"""What a `ResultWriter` does to the objects under its prefix."""


def machine_statements(machine: StateMachine, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the machine's role, each with its reason.

    Raises:
        DeclarationError: a task calls something for which there is no rule.
    """
    return tuple(_statements(machine, graph, stage))


def _statements(machine: StateMachine, graph: Graph, stage: str) -> Iterator[Statement]:
    # Log delivery knows no ARN (Step Functions, "Logging using CloudWatch Logs").
    yield Statement(_LOG_DELIVERY, ("*",), "its log")
    yield Statement(_TRACING, ("*",), "its traces")
    told = definition_of(machine, graph)
    definition = machine.declared_at if isinstance(machine.definition, Mapping) else machine.definition
    for nested in nested_states(document(machine, graph.root)):
        name, state = nested.name, nested.members
        why = f"state {name}, {definition}"
        if state.get("Type") == "Task":
            needs = tuple(task_needs(name, state, told))
            yield from because(why, _written(needs, graph, stage, task_conditions(state, told)))
        elif state.get("Type") == "Map":
            yield from because(why, _map(state, told, stage))


def _written(
    needs: Iterable[Need],
    graph: Graph,
    stage: str,
    conditions: Mapping[str, tuple[Condition, ...]] = MappingProxyType({}),
) -> Iterator[Statement]:
    """Needs of the embedded target as statements of a stage, those of one action together."""
    resources: dict[str, dict[str, None]] = {}
    for action, resource in needs:
        resources.setdefault(action, {})[templated(resource, graph, stage)] = None
    return (
        Statement(
            (action,),
            tuple(found),
            conditions=tuple(_condition(one, graph, stage) for one in conditions.get(action, ())),
        )
        for action, found in resources.items()
    )


def _condition(one: Condition, graph: Graph, stage: str) -> Condition:
    return one._replace(
        values=tuple(
            templated(value, graph, stage) if value.startswith("arn:") else value for value in one.values
        )
    )


def _map(state: Mapping[str, object], told: Definition, stage: str) -> Iterator[Statement]:
    machine, graph = told.machine, told.graph
    processor = state.get("ItemProcessor")
    config = processor.get("ProcessorConfig") if isinstance(processor, Mapping) else None
    if not isinstance(config, Mapping) or config.get("Mode") != "DISTRIBUTED":
        return
    yield Statement(("states:StartExecution",), (arn_text(machine, stage),))
    executions = execution_arn_text(machine, stage)
    yield Statement(("states:DescribeExecution", "states:StopExecution"), (executions,))
    # A redriven execution redrives its Map Runs' children, `execution:MACHINE/LABEL:ID` (the same page).
    yield Statement(("states:RedriveExecution",), (f"{executions.removesuffix(':*')}/*",))
    for field, needs in (("ItemReader", _reader_needs), ("ResultWriter", _writer_needs)):
        part = state.get(field)
        if isinstance(part, Mapping) and "Resource" in part:
            found = (one for need in needs(part, told) for one in told.closed(need))
            yield from _written(found, graph, stage)


def _reader_needs(part: Mapping[str, object], told: Definition) -> Iterator[Need]:
    """Step Functions, "ItemReader (Map)": one object; what a manifest names; the objects under a prefix."""
    given = told.arguments(part)
    bucket, prefix = given.get("Bucket", OPEN), given.get("Prefix", "")
    config = part.get("ReaderConfig")
    config = config if isinstance(config, Mapping) else {}
    if str(part["Resource"]).endswith(":listObjectsV2"):
        yield Need("s3:ListBucket", bucket_arn(bucket))
        if config.get("Transformation") == "LOAD_AND_FLATTEN":
            yield Need("s3:GetObject", object_arn(bucket, f"{str(prefix).removesuffix(OPEN)}*"))
    elif config.get("InputType") == "MANIFEST" or "ManifestType" in config:
        yield Need("s3:GetObject", object_arn(bucket, "*"))
    else:
        yield Need("s3:GetObject", object_arn(bucket, given.get("Key", OPEN)))


def _writer_needs(part: Mapping[str, object], told: Definition) -> Iterator[Need]:
    """Step Functions, "ResultWriter (Map)": everything is under the prefix."""
    given = told.arguments(part)
    prefix = str(given.get("Prefix", "")).strip("/")
    key = "*" if prefix in ("", OPEN) else f"{prefix}/*"
    for action in _WRITING:
        yield Need(f"s3:{action}", object_arn(given.get("Bucket", OPEN), key))
