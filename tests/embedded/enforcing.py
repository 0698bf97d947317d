"""For the tests of enforced roles: refusals as AWS words them, roles that lack something, and a few parts."""

from __future__ import annotations

import dataclasses
from typing import Any

from penstock.handlers import on_task
from penstock.pipelines import Function, Queue
from penstock.pipelines.iam import Policy

HERE = "us-east-1:123456789012"
PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
USER = "arn:aws:sts::123456789012:assumed-role/WorkFunctionRole/work"

DEAD = Queue("dead")
QUEUE = Queue("orders", visibility_timeout_seconds=180, dead_letter_queue=DEAD, max_receive_count=1)
WORK = Function("work", "json.dumps")  # fails: it takes one argument


def refused(action: str, resource: str) -> str:
    return (
        f"User: {USER} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def regional(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{HERE}:{rest}"


def without(policy: Policy, owner: str, action: str) -> Policy:
    """The policy without an action of one role."""
    roles = []
    for role in policy.roles:
        kept = tuple(one for one in role.grants if role.owner != owner or one.action != action)
        roles.append(dataclasses.replace(role, grants=kept))
    assert any(len(old.grants) != len(new.grants) for old, new in zip(policy.roles, roles, strict=True))
    return dataclasses.replace(policy, roles=tuple(roles))


@on_task
def step(value: dict[str, Any]) -> dict[str, Any]:
    return value


def task(resource: str, **parameters: object) -> dict[str, object]:
    state: dict[str, object] = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    return {"StartAt": "A", "States": {"A": state}}
