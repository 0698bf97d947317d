"""For whom services may act: conditions of roles, of what roles pass on, and of the policies of queues and topics."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    DeliveryStream,
    EventBus,
    EventRule,
    Function,
    Pipe,
    Pipeline,
    Queue,
    Schedule,
    StateMachine,
    Subscription,
    Topic,
)
from penstock.pipelines.iam import policy_of
from penstock.pipelines.plan import plan, written
from penstock.pipelines.resources import Part
from tests.linting import faults

PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
HERE = "${AWS::Region}:${AWS::AccountId}"
ACCOUNT = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def resources(*parts: Part, stage: str = "") -> dict[str, Any]:
    """The resources of a pipeline, which cfn-lint takes."""
    text = written(plan(Pipeline("p", parts=parts), stage=stage), "json")
    assert faults(text) == []
    return json.loads(text)["Resources"]  # type: ignore[no-any-return]


def of_arn(service: str, rest: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{HERE}:{rest}"}


ROLES: list[tuple[Part, str, dict[str, Any] | None]] = [
    (Function("work", "json.dumps"), "WorkFunctionRole", {"StringEquals": ACCOUNT}),
    (
        StateMachine("flow", PASS),
        "FlowStateMachineRole",
        {
            "ArnLike": {
                "aws:SourceArn": [
                    of_arn("states", "stateMachine:dev-flow"),
                    of_arn("states", "stateMachine:dev-flow/*"),
                ]
            },
            "StringEquals": ACCOUNT,
        },
    ),
    (
        EventRule("hear", bus=EventBus("b"), pattern={"source": ["x"]}, to=(StateMachine("flow", PASS),)),
        "HearEventRuleRole",
        {"ArnEquals": {"aws:SourceArn": of_arn("events", "rule/dev-b/dev-hear")}, "StringEquals": ACCOUNT},
    ),
    (
        Pipe("carry", Queue("in"), to=Queue("out")),
        "CarryPipeRole",
        {"ArnEquals": {"aws:SourceArn": of_arn("pipes", "pipe/dev-carry")}, "StringEquals": ACCOUNT},
    ),
    (
        Schedule("nightly", expression="rate(1 day)", to=Queue("in")),
        "NightlyScheduleRole",
        {
            "ArnEquals": {"aws:SourceArn": of_arn("scheduler", "schedule-group/default")},
            "StringEquals": ACCOUNT,
        },
    ),
    (DeliveryStream("kept", Bucket("files")), "KeptDeliveryStreamRole", None),
]


@pytest.mark.parametrize(("part", "role", "condition"), ROLES, ids=[role for _, role, _ in ROLES])
def test_whom_a_service_acts_for(part: Part, role: str, condition: dict[str, Any] | None) -> None:
    """A role is there for one resource of this account; Scheduler's page wants the group, Firehose's nothing."""
    properties = resources(part, stage="dev")[role]["Properties"]
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust.get("Condition") == condition


def senders(policy: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions of a policy's statements, by who may send."""
    return {
        one["Principal"]["Service"]: one["Condition"]
        for one in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def test_who_sends_to_a_queue() -> None:
    """Each for its own source; a bucket's ARN does not say whose it is, so its account is asked for."""
    queue, topic = Queue("in"), Topic("news")
    found = resources(
        BucketNotification(Bucket("files"), to=queue),
        Subscription(topic, to=queue),
        EventRule("hear", pattern={"source": ["x"]}, to=(queue,)),
    )
    bucket = {"Fn::Sub": "arn:${AWS::Partition}:s3:::files${BucketNameSuffix}"}
    assert senders(found["InQueuePolicy"]) == {
        "s3.amazonaws.com": {"ArnEquals": {"aws:SourceArn": bucket}, "StringEquals": ACCOUNT},
        "sns.amazonaws.com": {"ArnEquals": {"aws:SourceArn": of_arn("sns", "news")}},
        "events.amazonaws.com": {"ArnEquals": {"aws:SourceArn": of_arn("events", "rule/hear")}},
    }


@pytest.mark.parametrize("by", ["a rule", "a bucket"])
def test_alarms_reach_a_topic_that_has_a_policy(by: str) -> None:
    """A policy takes the place of the default one, which lets the account's alarms publish."""
    topic = Topic("news")
    part: Part = (
        EventRule("hear", pattern={"source": ["x"]}, to=(topic,))
        if by == "a rule"
        else BucketNotification(Bucket("files"), to=topic)
    )
    found = senders(resources(part)["NewsTopicPolicy"])
    assert found["cloudwatch.amazonaws.com"] == {
        "ArnLike": {"aws:SourceArn": of_arn("cloudwatch", "alarm:*")},
        "StringEquals": ACCOUNT,
    }


def test_a_topic_with_nobody_to_let_in_keeps_its_default_policy() -> None:
    """Which has the alarms."""
    assert "NewsTopicPolicy" not in resources(Subscription(Topic("news"), to=Queue("in")))


def machine(resource: str, **parameters: object) -> StateMachine:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "End": True,
    }
    return StateMachine("flow", {"StartAt": "A", "States": {"A": state}})


ROLE = "arn:aws:iam::123456789012:role/job"
PASSED: list[tuple[str, dict[str, object], str, dict[str, object]]] = [
    (
        "sagemaker:createTrainingJob",
        {"TrainingJobName": "fit", "RoleArn": ROLE},
        "iam:PassRole",
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    ),
    (
        "ecs:runTask",
        {"TaskDefinition": "a", "Overrides": {"TaskRoleArn": ROLE}},
        "iam:PassRole",
        {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    ),
    (
        "elasticmapreduce:createCluster",
        {"Name": "c", "ServiceRole": ROLE},
        "iam:PassRole",
        {
            "StringLike": {
                "iam:PassedToService": [
                    "application-autoscaling.amazonaws.com*",
                    "ec2.amazonaws.com*",
                    "elasticmapreduce.amazonaws.com*",
                ]
            }
        },
    ),
    (
        "eks:createCluster",
        {"Name": "c", "RoleArn": ROLE},
        "iam:PassRole",
        {"StringEquals": {"iam:PassedToService": "eks.amazonaws.com"}},
    ),
    (
        "emr-serverless:createApplication",
        {"Name": "a"},
        "iam:CreateServiceLinkedRole",
        {"StringEquals": {"iam:AWSServiceName": "ops.emr-serverless.amazonaws.com"}},
    ),
    (
        "emr-containers:startJobRun",
        {"VirtualClusterId": "v", "ExecutionRoleArn": ROLE},
        "emr-containers:StartJobRun",
        {
            "StringEquals": {
                "emr-containers:ExecutionRoleArn": {
                    "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/job"
                }
            }
        },
    ),
    (
        "mediaconvert:createJob.sync",
        {"Role": ROLE, "Settings": {}},
        "mediaconvert:CancelJob",
        {"StringEquals": {"aws:ResourceTag/ManagedByService": "AWSStepFunctions"}},
    ),
]


@pytest.mark.parametrize(
    ("resource", "parameters", "action", "condition"), PASSED, ids=[f"{one[0]} {one[2]}" for one in PASSED]
)
def test_what_a_machine_may_pass_on(
    resource: str, parameters: dict[str, object], action: str, condition: dict[str, object]
) -> None:
    """A role only to the service that runs the job; other jobs' roles and jobs not at all."""
    found = resources(machine(resource, **parameters))["FlowStateMachineRole"]["Properties"]["Policies"]
    (statement,) = (one for one in found[0]["PolicyDocument"]["Statement"] if action in one["Action"])
    assert statement["Condition"] == condition


def test_conditions_are_shown() -> None:
    """`penstock policy` tells them with the reason."""
    part = machine("sagemaker:createTrainingJob", TrainingJobName="fit", RoleArn=ROLE)
    (role,) = policy_of(Pipeline("p", parts=(part,))).roles
    (grant,) = (one for one in role.grants if one.action == "iam:PassRole")
    assert grant.why[0].endswith("; only if iam:PassedToService is sagemaker.amazonaws.com")


@pytest.mark.parametrize(
    "state",
    [
        {
            "Resource": "arn:aws:states:::emr-containers:startJobRun",
            "Parameters": {"VirtualClusterId": "v", "ExecutionRoleArn.$": "$.role"},
        },
        {
            "Resource": "arn:aws:states:::mediaconvert:createJob",
            "QueryLanguage": "JSONata",
            "Arguments": "{% $states.input %}",
        },
    ],
    ids=["a parameter", "an expression for all"],
)
def test_a_role_that_comes_from_the_input(state: dict[str, Any]) -> None:
    """Whoever starts the machine could take any role."""
    flow = StateMachine("flow", {"StartAt": "A", "States": {"A": {"Type": "Task", "End": True, **state}}})
    with pytest.raises(DeclarationError, match="only the input knows which role"):
        plan(Pipeline("p", parts=(flow,)))
