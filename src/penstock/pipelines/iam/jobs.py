"""An action of an optimized integration: what it needs of IAM, as a value.

Source: Step Functions, "IAM policies for integrated services"; the tables are in `job_needs` and `cluster_jobs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.pipelines.iam.needs import ANY, Need, Parameters, arn
from penstock.pipelines.iam.statements import Condition
from penstock.pipelines.resolve import EMBEDDED

OPEN: Final = "*"

Resource = Callable[[Parameters], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An action of an optimized integration.

    Attributes:
        actions: what the call itself takes.
        on: the ARN that they are on.
        waiting: what `.sync` takes besides, on the same ARN.
        waiting_on: what `.sync` takes besides, each with its ARN.
        besides: what the call takes on other ARNs.
        rule: the rule by which Step Functions learns of the end.
        roles: where a role stands which the job gets, `Outer.Inner`.
        passed_to: the services that may get these roles.
        execution_role: the parameter of a role that is not passed on, and the action's condition key for it.
        linked: a service, and the role linked to it that the first call of an account makes.
        only_own: actions on jobs that Step Functions has made, and tagged.
        always: what the call takes on `*`.
    """

    actions: tuple[str, ...]
    on: Resource
    waiting: tuple[str, ...] = ()
    waiting_on: tuple[tuple[str, str | Resource], ...] = ()
    besides: tuple[tuple[str, Resource], ...] = ()
    rule: str | None = None
    roles: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    passed_to: tuple[str, ...] = ()
    execution_role: tuple[str, str] | None = None
    linked: tuple[str, str] | None = None
    only_own: tuple[str, ...] = ()

    def needs(self, given: Parameters, *, waits: bool) -> Iterator[Need]:
        """What it needs with these arguments."""
        resource = self.on(given)
        for action in (*self.actions, *(self.waiting if waits else ())):
            yield Need(action, resource)
        for action in self.always:
            yield Need(action, ANY)
        for path in self.roles:
            role = at(given, path)
            if role is not None:
                yield Need("iam:PassRole", role_arn(role))
        for action, on in self.besides:
            yield Need(action, on(given))
        if self.linked is not None:
            yield Need("iam:CreateServiceLinkedRole", role_arn(f"aws-service-role/{'/'.join(self.linked)}"))
        if waits:
            for action, where in self.waiting_on:
                yield Need(action, where if isinstance(where, str) else where(given))
            if self.rule is not None:
                yield from ruled(self.rule)

    def conditions(self, given: Parameters) -> dict[str, tuple[Condition, ...]]:
        """Under which conditions its actions are allowed."""
        found: dict[str, tuple[Condition, ...]] = {}
        if self.passed_to:
            like = any(one.endswith("*") for one in self.passed_to)
            operator = "StringLike" if like else "StringEquals"
            found["iam:PassRole"] = (Condition(operator, "iam:PassedToService", self.passed_to),)
        if self.linked is not None:
            found["iam:CreateServiceLinkedRole"] = (
                Condition("StringEquals", "iam:AWSServiceName", self.linked[:1]),
            )
        for action in self.only_own:
            found[action] = (
                Condition("StringEquals", "aws:ResourceTag/ManagedByService", ("AWSStepFunctions",)),
            )
        if self.execution_role is not None:
            parameter, key = self.execution_role
            role = Condition("StringEquals", key, (role_arn(given.get(parameter, OPEN)),))
            found |= dict.fromkeys(self.actions, (role,))
        return found


def ruled(rule: str) -> Iterator[Need]:
    """What it takes to keep a rule by which Step Functions learns of the end of jobs."""
    for action in ("events:DescribeRule", "events:PutRule", "events:PutTargets"):
        yield Need(action, arn("events", f"rule/{rule}"))


def at(given: Parameters, path: str) -> object:
    """What stands at `Outer.Inner`; None if nothing does."""
    found: object = given
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def role_arn(name: object) -> str:
    """The ARN of a role by its name or ARN."""
    text = str(name)
    return text if text.startswith("arn:") else f"arn:aws:iam::{EMBEDDED.account_id}:role/{text}"


def named(service: str, kind: str, parameter: str, end: str = "") -> Resource:
    """The ARN of what one parameter names, by name or by ARN."""

    def resource(given: Parameters) -> str:
        text = str(given.get(parameter) or OPEN)
        return (
            text if text.startswith("arn:") else arn(service, f"{kind}/{text}{'' if text == OPEN else end}")
        )

    return resource
