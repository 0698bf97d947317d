"""What an event rule's role allows: to start the state machines and to put events on the buses that are its targets.

Source: EventBridge, "Using identity-based policies": queues, topics and functions have policies of their own instead;
"Sending events between event buses in the same account and Region": a rule needs a role for another bus.
"""

from __future__ import annotations

from penstock.pipelines.iam.statements import Statement, arn_text
from penstock.pipelines.resources import EventBus, EventRule, StateMachine


def rule_statements(rule: EventRule, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the rule's role; none if no target needs one."""
    why = f"its targets, {rule.declared_at}"
    machines = tuple(arn_text(one.to, stage) for one in rule.targets if isinstance(one.to, StateMachine))
    buses = tuple(arn_text(one.to, stage) for one in rule.targets if isinstance(one.to, EventBus))
    needs = (("states:StartExecution", machines), ("events:PutEvents", buses))
    return tuple(Statement((action,), arns, why) for action, arns in needs if arns)
