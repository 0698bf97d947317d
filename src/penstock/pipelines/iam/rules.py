"""What an event rule's role allows: to start the state machines that are its targets.

Source: EventBridge, "Using identity-based policies": queues and functions have policies of their own instead.
"""

from __future__ import annotations

from penstock.pipelines.iam.statements import Statement, arn_text
from penstock.pipelines.resources import EventRule, StateMachine


def rule_statements(rule: EventRule, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the rule's role; none if it starts nothing."""
    arns = tuple(arn_text(one.to, stage) for one in rule.targets if isinstance(one.to, StateMachine))
    why = f"its targets, {rule.declared_at}"
    return (Statement(("states:StartExecution",), arns, why),) if arns else ()
