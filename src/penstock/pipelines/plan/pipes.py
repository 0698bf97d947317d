"""Pipes: AWS::Pipes::Pipe and its role (CloudFormation, "AWS::Pipes::Pipe"; EventBridge, "Permissions for Pipes")."""

from __future__ import annotations

import datetime as dt
import json

from penstock.pipelines.iam import role_statements
from penstock.pipelines.iam.statements import arn_text
from penstock.pipelines.pipes import Pipe
from penstock.pipelines.plan.planning import SAME_ACCOUNT, Planning, acting_for, attribute, logical_id, role
from penstock.pipelines.resources import (
    EventBus,
    Function,
    Queue,
    Resource,
    StateMachine,
    Stream,
    Table,
    Topic,
)


def add_pipe(planning: Planning, pipe: Pipe) -> None:
    """A pipe that runs from the beginning; its role allows what it reads, asks and sends to."""
    allowed = role_statements(pipe, planning.graph, planning.stage, planning.seen)
    properties: dict[str, object] = {
        "Name": planning.name(pipe),
        "RoleArn": attribute(
            role(
                planning,
                pipe,
                "pipes.amazonaws.com",
                allowed,
                on_behalf_of=(acting_for(arn_text(pipe, planning.stage)), SAME_ACCOUNT),
            )
        ),
        "Source": attribute(logical_id(pipe.source), "StreamArn")
        if isinstance(pipe.source, Table)
        else attribute(logical_id(pipe.source)),
        "SourceParameters": _source(planning, pipe),
        "Target": _arn(pipe.to),
    }
    if pipe.enrichment is not None:
        properties["Enrichment"] = _arn(pipe.enrichment)
        if pipe.enrichment_template is not None:
            properties["EnrichmentParameters"] = {"InputTemplate": pipe.enrichment_template}
    target = _target(pipe)
    if target:
        properties["TargetParameters"] = target
    properties["Tags"] = dict(planning.tag_pairs())
    planning.add(logical_id(pipe), "AWS::Pipes::Pipe", properties)


def _arn(resource: Resource) -> object:
    name = logical_id(resource)
    return {"Ref": name} if isinstance(resource, Topic) else attribute(name)


def _source(planning: Planning, pipe: Pipe) -> dict[str, object]:
    found: dict[str, object] = {"BatchSize": pipe.records_in_a_batch}
    if pipe.batching_window_seconds:
        found["MaximumBatchingWindowInSeconds"] = pipe.batching_window_seconds
    name = "SqsQueueParameters"
    if not isinstance(pipe.source, Queue):
        name = "KinesisStreamParameters" if isinstance(pipe.source, Stream) else "DynamoDBStreamParameters"
        found["StartingPosition"] = pipe.starting_position
        if pipe.starting_timestamp is not None:
            moment = dt.datetime.fromtimestamp(pipe.starting_timestamp, dt.UTC)
            found["StartingPositionTimestamp"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        found |= {
            "MaximumRecordAgeInSeconds": pipe.maximum_record_age_seconds,
            "MaximumRetryAttempts": pipe.maximum_retry_attempts,
            "ParallelizationFactor": pipe.parallelization_factor,
        }
        if pipe.automatic_bisect:
            found["OnPartialBatchItemFailure"] = "AUTOMATIC_BISECT"
        letters = None if pipe.dead_letter_queue is None else planning.graph.follow(pipe.dead_letter_queue)
        if letters is not None:
            found["DeadLetterConfig"] = {"Arn": attribute(logical_id(letters))}
    parameters: dict[str, object] = {name: found}
    if pipe.filter_criteria:
        patterns = [{"Pattern": json.dumps(one, ensure_ascii=False)} for one in pipe.filter_criteria]
        parameters["FilterCriteria"] = {"Filters": patterns}
    return parameters


def _target(pipe: Pipe) -> dict[str, object]:
    found: dict[str, object] = {}
    if pipe.input_template is not None:
        found["InputTemplate"] = pipe.input_template
    kind = "REQUEST_RESPONSE" if pipe.waits else "FIRE_AND_FORGET"
    match pipe.to:
        case Function():
            found["LambdaFunctionParameters"] = {"InvocationType": kind}
        case StateMachine():
            found["StepFunctionStateMachineParameters"] = {"InvocationType": kind}
        case Queue() if pipe.message_group_id is not None:
            found["SqsQueueParameters"] = {
                "MessageGroupId": pipe.message_group_id,
                "MessageDeduplicationId": "$.messageId" if isinstance(pipe.source, Queue) else "$.eventID",
            }
        case Stream():
            found["KinesisStreamParameters"] = {"PartitionKey": pipe.partition_key}
        case EventBus() if pipe.detail_type is not None or pipe.event_source is not None:
            given = {"DetailType": pipe.detail_type, "Source": pipe.event_source}
            found["EventBridgeEventBusParameters"] = {
                name: value for name, value in given.items() if value is not None
            }
        case _:
            pass
    return found
