"""The policy of a pipeline: each role, what it allows, and why.

A role's statements are those that the declaration implies, and then what runs were seen to call that those do not
cover. The plan writes them, the embedded target enforces them, `penstock policy` shows them: from here, all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from penstock.pipelines.delivery_streams import DeliveryStream
from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.delivery_streams import delivery_stream_statements
from penstock.pipelines.iam.functions import function_statements
from penstock.pipelines.iam.keys import key_statements
from penstock.pipelines.iam.machines import machine_statements
from penstock.pipelines.iam.matching import Allowed, concrete
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.pipes import pipe_statements
from penstock.pipelines.iam.rules import rule_statements
from penstock.pipelines.iam.schedules import schedule_statements
from penstock.pipelines.iam.seen import NOTHING_SEEN, Seen, templated
from penstock.pipelines.iam.statements import Statement, merged
from penstock.pipelines.pipeline import Pipeline
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.resolve import name_of
from penstock.pipelines.resources import EventRule, Function, StateMachine
from penstock.pipelines.scheduler import Schedule

HasRole = Function | StateMachine | EventRule | Pipe | DeliveryStream | Schedule


@dataclass(frozen=True, slots=True)
class Grant:
    """One action that is allowed on one resource.

    Attributes:
        resource: an ARN as the plan writes it.
        why: where it follows from: each part of the declaration, or the run that it was seen in.
        seen_in: that run; None if the declaration implies it.
    """

    action: str
    resource: str
    why: tuple[str, ...] = ()
    seen_in: str | None = None

    @property
    def need(self) -> Need:
        """What it allows on the embedded target."""
        return Need(self.action, concrete(self.resource))


@dataclass(frozen=True, slots=True)
class Role:
    """The role of a function, a state machine or a rule."""

    resource: HasRole
    grants: tuple[Grant, ...]

    @property
    def owner(self) -> str:
        """Whose role it is, in words: `function plan-file`."""
        return f"{_KINDS[type(self.resource)]} {self.resource.name}"

    @property
    def caller(self) -> str:
        """How the journal calls the owner: a function's name, `stateMachine/NAME`, `rule/NAME`."""
        return caller_of(self.resource)


@dataclass(frozen=True, slots=True)
class Policy:
    """The roles of a pipeline."""

    pipeline: str
    roles: tuple[Role, ...]


_KINDS: Final = {
    Function: "function",
    StateMachine: "state machine",
    EventRule: "rule",
    Pipe: "pipe",
    DeliveryStream: "delivery stream",
    Schedule: "schedule",
}


def caller_of(resource: HasRole) -> str:
    """How the journal calls what has a role."""
    match resource:
        case Function():
            return name_of(resource)
        case StateMachine():
            return f"stateMachine/{name_of(resource)}"
        case EventRule():
            return f"rule/{name_of(resource)}"
        case Pipe():
            return f"pipe/{name_of(resource)}"
        case DeliveryStream():
            return f"deliverystream/{name_of(resource)}"
        case Schedule():
            return f"schedule/{name_of(resource)}"


def _declared(resource: HasRole, graph: Graph, stage: str) -> tuple[Statement, ...]:
    found = _own(resource, graph, stage)
    return (*found, *key_statements(found, graph, stage))


def _own(resource: HasRole, graph: Graph, stage: str) -> tuple[Statement, ...]:
    match resource:
        case Function():
            return function_statements(resource, graph, stage)
        case StateMachine():
            return machine_statements(resource, graph, stage)
        case EventRule():
            return rule_statements(resource, stage)
        case Pipe():
            return pipe_statements(resource, graph, stage)
        case DeliveryStream():
            return delivery_stream_statements(resource, stage)
        case Schedule():
            return schedule_statements(resource, graph, stage)


def role_statements(
    resource: HasRole, graph: Graph, stage: str = "", seen: Seen = NOTHING_SEEN
) -> tuple[Statement, ...]:
    """The statements of a role as the plan writes them: one for each set of resources.

    Raises:
        DeclarationError: a state machine calls something for which there is no rule.
    """
    declared = _declared(resource, graph, stage)
    also = _also_seen(resource, declared, graph, stage, seen)
    more = tuple(Statement((one.action,), (one.resource,)) for one in also)
    return merged((*declared, *more, *key_statements(more, graph, stage)))


def _also_seen(
    resource: HasRole, declared: Iterable[Statement], graph: Graph, stage: str, seen: Seen
) -> tuple[Grant, ...]:
    """What was seen and the declaration does not cover."""
    needs = seen.of(caller_of(resource))
    if not needs:
        return ()
    # Names differ from stage to stage; the needs are those of the embedded target, which has none.
    unstaged = declared if not stage else _declared(resource, graph, "")
    covered = Allowed(grant.need for grant in _grants(unstaged))
    return tuple(
        Grant(need.action, templated(need.resource, graph, stage), (f"seen in {run}",), run)
        for need, run in sorted(needs.items())
        if not covered.covers(need)
    )


def _grants(statements: Iterable[Statement]) -> tuple[Grant, ...]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for statement in statements:
        why = "; ".join((statement.why, *(f"only if {one}" for one in statement.conditions)))
        for resource in statement.resources:
            for action in statement.actions:
                found.setdefault((action, resource), {})[why] = None
    return tuple(Grant(action, resource, tuple(why)) for (action, resource), why in found.items())


def policy_of(pipeline: Pipeline, *, seen: Seen = NOTHING_SEEN) -> Policy:
    """The policy of a pipeline, without a stage.

    Args:
        seen: what its runs were seen to call; `kept_policy.read_seen` reads what was kept of them.

    Raises:
        DeclarationError: a state machine calls something for which there is no rule.
    """
    roles = (_role(one, pipeline.graph, seen) for one in pipeline.resources if isinstance(one, HasRole))
    return Policy(pipeline.name, tuple(one for one in roles if one.grants))


def _role(resource: HasRole, graph: Graph, seen: Seen) -> Role:
    declared = _declared(resource, graph, "")
    needs = seen.of(caller_of(resource))
    known = (_with_runs(grant, needs) for grant in _grants(declared))
    also = _also_seen(resource, declared, graph, "", seen)
    keys = key_statements((Statement((one.action,), (one.resource,), one.why[0]) for one in also), graph)
    return Role(resource, (*known, *also, *_grants(keys)))


def _with_runs(grant: Grant, needs: Mapping[Need, str]) -> Grant:
    """A declared grant with the runs that were seen to need it."""
    allowed = Allowed((grant.need,)) if needs else None
    runs = sorted({run for need, run in needs.items() if allowed is not None and allowed.covers(need)})
    return replace(grant, why=(*grant.why, *(f"seen in {run}" for run in runs)))


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Something that the declaration implies, and that a policy does not allow."""

    owner: str
    grant: Grant


def uncovered(policy: Policy, pipeline: Pipeline) -> tuple[Uncovered, ...]:
    """What the declaration implies and the policy lacks.

    This finds also what the embedded target never does in a role's name, such as sending traces.
    """
    allowed: Mapping[str, Allowed] = {
        one.owner: Allowed(grant.need for grant in one.grants) for one in policy.roles
    }
    nothing = Allowed(())
    return tuple(
        Uncovered(one.owner, grant)
        for one in policy_of(pipeline).roles
        for grant in one.grants
        if not allowed.get(one.owner, nothing).covers(grant.need)
    )
