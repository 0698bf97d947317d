"""Queues with redrive and policies, topics and subscriptions, buses and rules.

A policy lets a service in for one source only: `aws:SourceArn`. A bucket's ARN does not say whose it is, so that S3
has to act for this account as well, `aws:SourceAccount`. (S3, "Granting permissions to publish event notification
messages to a destination"; SNS, "Subscribing an Amazon SQS queue to an Amazon SNS topic"; EventBridge, "Using
resource-based policies".)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from penstock.pipelines.iam import role_statements
from penstock.pipelines.iam.seen import owned
from penstock.pipelines.iam.statements import Condition, arn_text
from penstock.pipelines.plan.credentials import refuse_credentials_in
from penstock.pipelines.plan.planning import (
    SAME_ACCOUNT,
    Planning,
    acting_for,
    attribute,
    conditions,
    logical_id,
    role,
    sub,
)
from penstock.pipelines.resources import (
    Bucket,
    BucketNotification,
    EventBus,
    EventRule,
    Function,
    Queue,
    RuleTarget,
    StateMachine,
    Subscription,
    Topic,
)

_ALARMS: Final = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
"""The account's alarms. A policy takes the place of a topic's default one, which lets them publish (re:Post, "Why
didn't I receive an SNS notification for my CloudWatch alarm trigger?")."""

MOST_REDRIVE_SOURCES: Final = 10
"""Queues that a redrive allow policy can name (SQS, "SetQueueAttributes")."""


def add_queue(planning: Planning, queue: Queue) -> None:
    """A queue; if others redrive to it, only they may; if services send to it, a policy and their ARNs."""
    properties: dict[str, object] = {
        "QueueName": planning.name(queue),
        "VisibilityTimeout": queue.visibility_timeout_seconds,
        "MessageRetentionPeriod": queue.message_retention_seconds,
        "DelaySeconds": queue.delay_seconds,
        **(
            {"SqsManagedSseEnabled": True}
            if queue.kms_key_arn is None
            else {"KmsMasterKeyId": queue.kms_key_arn}
        ),
        "Tags": planning.tags(),
    }
    if queue.fifo:
        properties["FifoQueue"] = True
        properties["ContentBasedDeduplication"] = queue.content_based_deduplication
    dead_letters = None if queue.dead_letter_queue is None else planning.graph.follow(queue.dead_letter_queue)
    if dead_letters is not None:
        properties["RedrivePolicy"] = {
            "deadLetterTargetArn": attribute(logical_id(dead_letters)),
            "maxReceiveCount": queue.max_receive_count,
        }
    sources = [
        planning.arn(one)
        for one in planning.graph.of(Queue)
        if one.dead_letter_queue is not None and planning.graph.follow(one.dead_letter_queue) == queue
    ]
    if len(sources) > MOST_REDRIVE_SOURCES:
        properties["RedriveAllowPolicy"] = {"redrivePermission": "allowAll"}
    elif sources:
        properties["RedriveAllowPolicy"] = {"redrivePermission": "byQueue", "sourceQueueArns": sources}
    name = planning.add(
        logical_id(queue),
        "AWS::SQS::Queue",
        properties,
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )
    planning.outputs[f"{name}Url"] = {"Value": {"Ref": name}}
    statements = _senders(planning, queue)
    if statements:
        planning.add(
            logical_id(queue, "Policy"),
            "AWS::SQS::QueuePolicy",
            {
                "Queues": [{"Ref": name}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            },
        )


def _senders(planning: Planning, queue: Queue) -> list[object]:
    """One statement for each bucket, topic and rule that sends to the queue."""
    graph = planning.graph
    senders: dict[str, tuple[str, str]] = {}
    for notification in graph.of(BucketNotification):
        if notification.to == queue:
            senders[logical_id(notification.bucket)] = ("s3", arn_text(notification.bucket, planning.stage))
    for subscription in graph.of(Subscription):
        letters = subscription.dead_letter_queue
        if subscription.to == queue or (letters is not None and graph.follow(letters) == queue):
            senders[logical_id(subscription.topic)] = ("sns", arn_text(subscription.topic, planning.stage))
    for rule in graph.of(EventRule):
        told = [one.dead_letter_queue for one in rule.targets if one.dead_letter_queue is not None]
        if any(one.to == queue for one in rule.targets) or any(graph.follow(one) == queue for one in told):
            senders[logical_id(rule)] = ("events", arn_text(rule, planning.stage))
    return [
        {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": attribute(logical_id(queue)),
            **conditions((acting_for(arn), SAME_ACCOUNT) if service == "s3" else (acting_for(arn),)),
        }
        for service, arn in senders.values()
    ]


def _may_publish(topic: str, service: str, *only: Condition) -> dict[str, object]:
    """A statement of a topic's policy."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": {"Ref": topic},
        **conditions(only),
    }


def add_topic(planning: Planning, topic: Topic) -> None:
    """A topic and its subscriptions."""
    properties: dict[str, object] = {"TopicName": planning.name(topic), "Tags": planning.tags()}
    if topic.kms_key_arn is not None:
        properties["KmsMasterKeyId"] = topic.kms_key_arn
    if topic.fifo:
        properties["FifoTopic"] = True
    if topic.content_based_deduplication:
        properties["ContentBasedDeduplication"] = True
    name = planning.add(logical_id(topic), "AWS::SNS::Topic", properties)
    planning.outputs[f"{name}Arn"] = {"Value": {"Ref": name}}
    rules = [
        arn_text(rule, planning.stage)
        for rule in planning.graph.of(EventRule)
        if any(one.to == topic for one in rule.targets)
    ]
    buckets = [one.bucket for one in planning.graph.of(BucketNotification) if one.to == topic]
    statements = [
        *([_may_publish(name, "events", acting_for(rules))] if rules else []),
        *(
            _may_publish(name, "s3", acting_for(arn_text(bucket, planning.stage)), SAME_ACCOUNT)
            for bucket in dict.fromkeys(buckets)
        ),
    ]
    if statements:
        statements.append(_may_publish(name, "cloudwatch", acting_for(_ALARMS, "ArnLike"), SAME_ACCOUNT))
        planning.add(
            logical_id(topic, "Policy"),
            "AWS::SNS::TopicPolicy",
            {
                "Topics": [{"Ref": name}],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            },
        )
    for one in planning.graph.of(Subscription):
        if one.topic != topic:
            continue
        entry: dict[str, object] = {
            "TopicArn": {"Ref": name},
            "Protocol": "lambda" if isinstance(one.to, Function) else "sqs",
            "Endpoint": attribute(logical_id(one.to)),
        }
        if one.raw_message_delivery:
            entry["RawMessageDelivery"] = True
        if one.filter_policy is not None:
            entry["FilterPolicy"] = one.filter_policy
            entry["FilterPolicyScope"] = one.filter_policy_scope
        letters = None if one.dead_letter_queue is None else planning.graph.follow(one.dead_letter_queue)
        if letters is not None:
            entry["RedrivePolicy"] = {"deadLetterTargetArn": attribute(logical_id(letters))}
        planning.add(f"{name}To{logical_id(one.to)}", "AWS::SNS::Subscription", entry)


def add_bus(planning: Planning, bus: EventBus) -> None:
    """An event bus."""
    name = planning.add(
        logical_id(bus), "AWS::Events::EventBus", {"Name": planning.name(bus), "Tags": planning.tags()}
    )
    planning.outputs[f"{name}Name"] = {"Value": {"Ref": name}}


def add_rule(planning: Planning, rule: EventRule) -> None:
    """A rule and its targets; state machines and other buses are given events with a role of the rule's own."""
    allowed = role_statements(rule, planning.graph, planning.stage, planning.seen)
    starter = ""
    if allowed:
        by_rule = (acting_for(arn_text(rule, planning.stage)), SAME_ACCOUNT)
        starter = role(planning, rule, "events.amazonaws.com", allowed, on_behalf_of=by_rule)
    targets: list[object] = []
    for number, one in enumerate(rule.targets):
        refuse_credentials_in(rule, {"input": one.input, "input_template": one.input_template})
        arn = {"Ref": logical_id(one.to)} if isinstance(one.to, Topic) else attribute(logical_id(one.to))
        target: dict[str, object] = {"Id": f"target-{number}", "Arn": arn}
        if isinstance(one.to, StateMachine | EventBus):
            target["RoleArn"] = attribute(starter)
        if one.message_group_id is not None:
            target["SqsParameters"] = {"MessageGroupId": one.message_group_id}
        targets.append(target | _target_settings(planning, one))
    properties: dict[str, object] = {
        "Name": planning.name(rule),
        "Targets": targets,
    }
    if rule.pattern is not None:
        properties["EventPattern"] = _as_deployed(planning, rule.pattern)
    if rule.schedule is not None:
        properties["ScheduleExpression"] = rule.schedule
    if rule.bus is not None:
        properties["EventBusName"] = {"Ref": logical_id(rule.bus)}
    properties["Tags"] = planning.tags()
    planning.add(logical_id(rule), "AWS::Events::Rule", properties)


def _as_deployed(planning: Planning, value: object, place: tuple[str, ...] = ()) -> object:
    """A pattern with the names and ARNs of this pipeline's resources as they are on the stage.

    An ARN of the embedded target's account is that of the stack's; a bucket is named in `detail.bucket.name` (S3,
    "EventBridge event message structure").
    """
    if isinstance(value, Mapping):
        return {key: _as_deployed(planning, item, (*place, str(key))) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_deployed(planning, item, place) for item in value]
    if isinstance(value, str):
        if place == ("detail", "bucket", "name"):
            buckets = (one for one in planning.graph.of(Bucket) if one.name == value)
            return next((planning.name(one) for one in buckets), value)
        if value.startswith("arn:"):
            return sub(owned(value, planning.graph, planning.stage) or value)
    return value


def _target_settings(planning: Planning, target: RuleTarget) -> dict[str, object]:
    """What a target is given, and what happens if it does not take it; defaults are left out."""
    found: dict[str, object] = {}
    if target.input is not None:
        found["Input"] = json.dumps(target.input, ensure_ascii=False)
    if target.input_path is not None:
        found["InputPath"] = target.input_path
    if target.input_template is not None:
        transformer: dict[str, object] = {"InputTemplate": target.input_template}
        if target.input_paths:
            transformer["InputPathsMap"] = dict(target.input_paths)
        found["InputTransformer"] = transformer
    if (target.maximum_retry_attempts, target.maximum_event_age_seconds) != (185, 86_400):
        found["RetryPolicy"] = {
            "MaximumEventAgeInSeconds": target.maximum_event_age_seconds,
            "MaximumRetryAttempts": target.maximum_retry_attempts,
        }
    letters = None if target.dead_letter_queue is None else planning.graph.follow(target.dead_letter_queue)
    if letters is not None:
        found["DeadLetterConfig"] = {"Arn": attribute(logical_id(letters))}
    return found
