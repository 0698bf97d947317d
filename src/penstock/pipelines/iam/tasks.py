"""What a Task state needs of IAM: the call that it makes, with what its definition says of the arguments.

1. What only the input knows is open: `*`. An open name of a bucket, queue, table, ... is every one of that kind in
   the pipeline; a key that is open is every object of its bucket.
2. An integration without a rule is an error that names it.

Source: Step Functions, "IAM policies for integrated services"; what a call needs is `calls`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.errors import DeclarationError
from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.calls import has_table, knows_no_resource, needs_of
from penstock.pipelines.iam.job_needs import JOBS, job_conditions, job_needs
from penstock.pipelines.iam.matching import expression
from penstock.pipelines.iam.needs import Need, arn
from penstock.pipelines.iam.statements import Condition
from penstock.pipelines.resolve import SUBSTITUTION, arn_of, substitutions
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
from penstock.statemachines.service_names import client_name

OPEN: Final = "*"
"""Stands for what only the input knows."""

_OPTIMIZED: Final = {
    "dynamodb": "dynamodb",
    "events": "events",
    "lambda": "lambda",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
}
"""The optimized integrations that there are rules for, and botocore's names of their services."""

_FURTHER: Final = ("apigateway", "athena", "batch", "bedrock:invokeModel", "http")

_SMALL_INITIALS: Final = frozenset({"logs", "stepfunctions"})
"""Services whose parameters begin with a small letter in botocore, and with a capital one in a state."""

_KINDS: Final[Mapping[str, type[Resource]]] = {
    "dynamodb": Table,
    "events": EventBus,
    "kinesis": Stream,
    "lambda": Function,
    "s3": Bucket,
    "sns": Topic,
    "sqs": Queue,
    "states": StateMachine,
}
"""What the calls of a service are on, by the prefix of its actions."""

_ON_EXECUTIONS: Final = frozenset(
    f"states:{name}"
    for name in (
        "DescribeExecution",
        "DescribeStateMachineForExecution",
        "GetExecutionHistory",
        "ListMapRuns",
        "RedriveExecution",
        "StopExecution",
    )
)

_NESTED_RULE: Final = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
"""The rule that Step Functions makes for itself to learn of a nested execution's end."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A machine's definition on the embedded target: what its `${Name}` stand for."""

    machine: StateMachine
    graph: Graph
    texts: Mapping[str, str]

    def filled(self, text: str) -> str:
        """A text with every `${Name}` replaced that has a substitution."""
        return SUBSTITUTION.sub(lambda found: self.texts.get(found.group(1), found.group(0)), text)

    def arguments(self, part: Mapping[str, object]) -> dict[str, object]:
        """The arguments of a state, a reader or a writer, with what only the input knows open."""
        value = self._opened(part.get("Parameters", part.get("Arguments")))
        return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}

    def _opened(self, value: object) -> object:
        if isinstance(value, str):
            return OPEN if value.startswith("{%") else self.filled(value)
        if isinstance(value, Mapping):
            return {
                str(key).removesuffix(".$"): OPEN if str(key).endswith(".$") else self._opened(item)
                for key, item in value.items()
            }
        return [self._opened(item) for item in value] if isinstance(value, list | tuple) else value

    def closed(self, need: Need) -> Iterator[Need]:
        """The same need on every resource of the pipeline that an open name may mean.

        Raises:
            DeclarationError: the pipeline has none.
        """
        action, resource = need
        kind = _KINDS.get(action.partition(":")[0])
        base, separator, rest = _parts(resource, kind)
        if kind is None or OPEN not in base:
            yield need
            return
        pattern = re.compile(expression((base,)))
        found = [
            one for one in self.graph.resources if isinstance(one, kind) and pattern.fullmatch(arn_of(one))
        ]
        if not found:
            raise DeclarationError(
                f'the role of "{self.machine.name}" cannot be planned: the pipeline has no {kind.__name__}',
                at=str(self.machine.declared_at),
                fix=f"declare the {kind.__name__} and write it as a substitution",
            )
        for one in found:
            yield Need(action, f"{_on(action, arn_of(one))}{separator}{rest}")


def definition_of(machine: StateMachine, graph: Graph) -> Definition:
    """What is needed to read the machine's definition."""
    return Definition(machine, graph, substitutions(machine, graph))


def task_needs(name: str, state: Mapping[str, object], definition: Definition) -> Iterator[Need]:
    """What one Task state needs, on the embedded target.

    Raises:
        DeclarationError: there is no rule for the task, or the pipeline has nothing of the kind that it names.
    """
    resource = definition.filled(str(state.get("Resource", "")))
    if ":function:" in resource:
        yield Need("lambda:InvokeFunction", resource)
        return
    if ":activity:" in resource:
        return
    integration, _, pattern = resource.partition(":states:::")[2].partition(".")
    if not integration.startswith("aws-sdk:"):
        name_of_service, _, action = integration.partition(":")
        started = job_needs(
            name_of_service,
            action,
            definition.arguments(state),
            waits=pattern.startswith("sync"),
            machine_arn=arn_of(definition.machine),
        )
        if started is not None:
            conditions = task_conditions(state, definition)
            roles = [*started, *_roles_of(conditions)]
            if isinstance(state.get("Arguments"), str) and "iam:PassRole" in conditions:
                roles.append(Need("iam:PassRole", OPEN))  # an expression for all of them, the role too
            _refuse_open_roles(roles, name, definition)
            yield from started
            return
    service, operation = _call(integration)
    nested = (service, operation) == ("stepfunctions", "StartExecution")
    if service is None or (pattern.startswith("sync") and not nested):
        raise DeclarationError(
            f'the role of "{definition.machine.name}" cannot be planned: no rule for {resource}',
            at=f"{definition.machine.declared_at}  /States/{name}/Resource",
            fix="call it from a function, or through its API, `aws-sdk:...`; there are rules for "
            f"{', '.join(sorted({*_OPTIMIZED, *(one for one, _ in JOBS), *_FURTHER}))}",
        )
    given = definition.arguments(state)
    if service in _SMALL_INITIALS:
        given = {f"{key[:1].lower()}{key[1:]}": value for key, value in given.items()}
    needs = needs_of(service, operation, given)
    if not needs and service in _KINDS:
        needs = (Need(f"{service}:{operation}", OPEN),)  # all its entries come from the input
    for need in needs:
        known = (need,) if knows_no_resource(service, operation) else tuple(definition.closed(need))
        yield from known
        if nested and pattern.startswith("sync"):
            yield from _of_waiting(known)


def task_conditions(
    state: Mapping[str, object], definition: Definition
) -> Mapping[str, tuple[Condition, ...]]:
    """Under which conditions a Task state's actions are allowed, by action."""
    resource = definition.filled(str(state.get("Resource", "")))
    service, _, action = resource.partition(":states:::")[2].partition(".")[0].partition(":")
    return job_conditions(service, action, definition.arguments(state))


def _roles_of(conditions: Mapping[str, tuple[Condition, ...]]) -> Iterator[Need]:
    """The roles that conditions name, as if they were passed on."""
    for each in conditions.values():
        for one in each:
            if one.key.endswith("RoleArn"):
                yield from (Need("iam:PassRole", value) for value in one.values)


def _refuse_open_roles(needs: Iterable[Need], name: str, definition: Definition) -> None:
    """A machine that may pass any role may do anything.

    Raises:
        DeclarationError: only the input knows the role.
    """
    for action, resource in needs:
        if action == "iam:PassRole" and OPEN in resource:
            raise DeclarationError(
                f'the role of "{definition.machine.name}" cannot be planned: only the input knows which role '
                "the job gets",
                at=f"{definition.machine.declared_at}  /States/{name}",
                fix="write the role's ARN in the definition, or as a substitution",
            )


def _call(integration: str) -> tuple[str | None, str]:
    """botocore's names of the service and the operation; no service if there is no rule for it."""
    *before, action = integration.split(":")
    operation = f"{action[:1].upper()}{action[1:]}"
    match before:
        case ["aws-sdk", service]:
            own = {"cloudwatchlogs": "logs", "eventbridge": "events", "sfn": "stepfunctions"}.get(
                service, service
            )
            return own if has_table(own) else client_name(service), operation
        case [service]:
            return _OPTIMIZED.get(service), operation
        case _:
            return None, operation


def _of_waiting(started: Iterable[Need]) -> Iterator[Need]:
    """Step Functions, "IAM policies for nested executions": `.sync` also asks how far it is, and may stop it."""
    for need in started:
        executions = f"{need.resource.replace(':stateMachine:', ':execution:')}:*"
        yield Need("states:DescribeExecution", executions)
        yield Need("states:StopExecution", executions)
        for action in ("events:DescribeRule", "events:PutRule", "events:PutTargets"):
            yield Need(action, arn("events", f"rule/{_NESTED_RULE}"))


def _parts(resource: str, kind: type[Resource] | None) -> tuple[str, str, str]:
    """An ARN as that of a resource of the pipeline, and what follows it: an object's key, an index."""
    if kind is Bucket:
        return resource.partition("/")
    if kind is Table:
        table, separator, rest = resource.partition("/index/")
        return table, separator, rest
    return resource, "", ""


def _on(action: str, machine_or_other: str) -> str:
    if action not in _ON_EXECUTIONS:
        return machine_or_other
    return f"{machine_or_other.replace(':stateMachine:', ':execution:')}:*"
