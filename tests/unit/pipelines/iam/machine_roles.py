"""The role of a state machine of one task, in a pipeline that has a little of everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.pipelines import Bucket, EventBus, Function, Pipeline, Queue, StateMachine, Table, Topic
from penstock.pipelines.iam import Need, policy_of
from penstock.pipelines.resources import Part, Value
from tests.unit.pipelines.iam.test_service_authorization import action_of, is_known

HERE = "us-east-1:123456789012"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
Case = tuple[str, dict[str, Any], set[tuple[str, str]]]
"""What a state is, the state, and what its machine's role has to allow: actions and ARNs."""

PARTS: tuple[Part, ...] = (
    Bucket("files"),
    Bucket("others"),
    Queue("orders"),
    Queue("letters"),
    Table("items", partition_key="id"),
    EventBus("bus"),
    Topic("news"),
    StateMachine("inner", PASS),
    Function("work", "json.dumps"),
)


def regional(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{HERE}:{rest}"


def allowed(state: dict[str, Any], **substitutions: Value) -> set[tuple[str, str]]:
    """What the role of a machine of one state allows, besides its log and its traces."""
    definition = {"StartAt": "A", "States": {"A": {**state, "End": True}}}
    machine = StateMachine("flow", definition, substitutions=substitutions)
    policy = policy_of(Pipeline("test", parts=(machine, *PARTS)))
    (role,) = (one for one in policy.roles if one.owner == "state machine flow")
    return {
        (grant.action, grant.need.resource)
        for grant in role.grants
        if not grant.action.startswith(("logs:", "xray:"))
    }


def task(resource: str, **parameters: object) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters}


def waiting(rule: str) -> set[tuple[str, str]]:
    """What it takes to learn of a job's end by a rule of Step Functions' own."""
    actions = ("events:DescribeRule", "events:PutRule", "events:PutTargets")
    return {(action, regional("events", f"rule/{rule}")) for action in actions}


def unknown(cases: Iterable[Case]) -> set[Need]:
    """The needs of cases that AWS has no such action for, or not on an ARN of that kind."""
    known_elsewhere = {
        "states:InvokeHTTPEndpoint",  # Step Functions, "Call HTTPS APIs"; the copy has it without a resource
        regional("glue", "catalog"),  # the copy has `catalog/...` only
    }
    needs = {Need(*one) for _, _, needs in cases for one in needs if known_elsewhere.isdisjoint(one)}
    return {need for need in needs if action_of(need) is None or not is_known(need)}
