"""The roles of a pipeline's policy as the embedded target enforces them."""

from __future__ import annotations

from penstock.pipelines.iam import Policy, Role
from penstock.pipelines.iam.matching import expressions
from penstock.pipelines.plan.planning import logical_id
from penstock.pipelines.resolve import EMBEDDED, name_of
from penstock.runtime.access import Authority, Principal


def authority_of(policy: Policy) -> Authority:
    """Judges by this policy and nothing else."""
    return Authority({role.caller: _principal(role) for role in policy.roles})


def _principal(role: Role) -> Principal:
    """The role as the plan names it; Lambda's session bears the function's name."""
    name = logical_id(role.resource, "Role")
    user = f"arn:aws:sts::{EMBEDDED.account_id}:assumed-role/{name}/{name_of(role.resource)}"
    return Principal(user=user, allowed=expressions(grant.need for grant in role.grants))
