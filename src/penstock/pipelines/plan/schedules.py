"""Schedules: AWS::Scheduler::Schedule and its role (CloudFormation, "AWS::Scheduler::Schedule")."""

from __future__ import annotations

import json

from penstock.pipelines.iam import role_statements
from penstock.pipelines.plan.credentials import refuse_credentials_in
from penstock.pipelines.plan.planning import SAME_ACCOUNT, Planning, acting_for, attribute, logical_id, role
from penstock.pipelines.resources import Topic
from penstock.pipelines.scheduler import Schedule


def add_schedule(planning: Planning, schedule: Schedule) -> None:
    """A schedule; its role allows what it invokes, and its dead letters."""
    refuse_credentials_in(schedule, {"input": schedule.input})
    allowed = role_statements(schedule, planning.graph, planning.stage, planning.seen)
    name = logical_id(schedule.to)
    # "Do not scope the aws:SourceArn statement to a specific schedule" (Scheduler, "Confused deputy prevention").
    group = acting_for(
        "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
    )
    allowed_to = role(
        planning, schedule, "scheduler.amazonaws.com", allowed, on_behalf_of=(group, SAME_ACCOUNT)
    )
    target: dict[str, object] = {
        "Arn": {"Ref": name} if isinstance(schedule.to, Topic) else attribute(name),
        "RoleArn": attribute(allowed_to),
    }
    if schedule.input is not None:
        target["Input"] = json.dumps(schedule.input, ensure_ascii=False)
    if (schedule.maximum_retry_attempts, schedule.maximum_event_age_seconds) != (185, 86_400):
        target["RetryPolicy"] = {
            "MaximumEventAgeInSeconds": schedule.maximum_event_age_seconds,
            "MaximumRetryAttempts": schedule.maximum_retry_attempts,
        }
    if schedule.dead_letter_queue is not None:
        letters = planning.graph.follow(schedule.dead_letter_queue)
        if letters is not None:
            target["DeadLetterConfig"] = {"Arn": attribute(logical_id(letters))}
    if schedule.message_group_id is not None:
        target["SqsParameters"] = {"MessageGroupId": schedule.message_group_id}
    window: dict[str, object] = {"Mode": "OFF"}
    if schedule.flexible_window_minutes:
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": schedule.flexible_window_minutes}
    properties: dict[str, object] = {
        "Name": planning.name(schedule),
        "ScheduleExpression": schedule.expression,
        "FlexibleTimeWindow": window,
        "Target": target,
    }
    if schedule.timezone != "UTC":
        properties["ScheduleExpressionTimezone"] = schedule.timezone
    if schedule.start is not None:
        properties["StartDate"] = schedule.start
    if schedule.end is not None:
        properties["EndDate"] = schedule.end
    planning.add(logical_id(schedule), "AWS::Scheduler::Schedule", properties)
