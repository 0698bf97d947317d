"""What a schedule's role allows: to give its target what it is for, and its dead letters to their queue.

Source: EventBridge Scheduler, "Setting up EventBridge Scheduler", "Set up the execution role".
"""

from __future__ import annotations

from penstock.pipelines.graph import Graph
from penstock.pipelines.iam.statements import Statement, arn_text
from penstock.pipelines.resources import Function, Queue, StateMachine
from penstock.pipelines.scheduler import Schedule


def schedule_statements(schedule: Schedule, graph: Graph, stage: str = "") -> tuple[Statement, ...]:
    """The statements of the schedule's role."""
    match schedule.to:
        case Queue():
            action = "sqs:SendMessage"
        case Function():
            action = "lambda:InvokeFunction"
        case StateMachine():
            action = "states:StartExecution"
        case _:
            action = "sns:Publish"
    target = Statement((action,), (arn_text(schedule.to, stage),), f"its target, {schedule.declared_at}")
    letters = None if schedule.dead_letter_queue is None else graph.follow(schedule.dead_letter_queue)
    if letters is None:
        return (target,)
    why = f"its dead-letter queue, {schedule.declared_at}"
    return (target, Statement(("sqs:SendMessage",), (arn_text(letters, stage),), why))
