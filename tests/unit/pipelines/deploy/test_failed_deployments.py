"""Deployments that fail, or have failed: what is named, what is mended, what is told to do."""

from __future__ import annotations

import pytest

from penstock.errors import TargetError
from penstock.pipelines import Pipeline, Queue
from penstock.pipelines.deploy import Request, deploy, destroy
from penstock.pipelines.deploy.failures import remedy
from tests.unit.pipelines.deploy.deployments import ORDERS, PIPELINE, UPLOADS, deployed
from tests.unit.pipelines.deploy.fake_cloudformation import (
    NAME,
    FakeCloudFormation,
    destination,
    event,
    terminal,
)


def test_a_template_that_is_refused() -> None:
    """CloudFormation's reason, and what to do."""
    cloudformation = FakeCloudFormation(
        states=[None], change_set=("FAILED", "Unresolved resource dependencies [X]")
    )
    with pytest.raises(TargetError, match=r"Unresolved resource dependencies \[X\]") as raised:
        deployed(cloudformation)
    assert raised.value.fix is not None


def test_the_failing_resource_is_named() -> None:
    """The first failure is the cause; those that were cancelled for it are not failures. Its declaration is shown."""
    cloudformation = FakeCloudFormation(
        states=[None],
        on_execute=(
            ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"),
            (
                event("DeadOrdersQueue", "CREATE_FAILED", "Resource creation cancelled"),
                event("OrdersQueue", "CREATE_FAILED", "A queue already exists with the same name"),
                event(NAME, "ROLLBACK_IN_PROGRESS", "failed", kind="AWS::CloudFormation::Stack"),
            ),
        ),
    )
    with pytest.raises(TargetError, match=r"ROLLBACK_COMPLETE: OrdersQueue .* already exists") as raised:
        deployed(cloudformation)
    assert raised.value.at == str(ORDERS.declared_at)
    assert "--stage" in str(raised.value.fix)


def test_failures_before_this_operation_do_not_count() -> None:
    """The events of an earlier deployment are neither told nor taken for a reason."""
    cloudformation = FakeCloudFormation(
        states=["UPDATE_ROLLBACK_COMPLETE"],
        events=[event("OrdersQueue", "UPDATE_FAILED", "long ago")],
        on_execute=(("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), (event("OrdersQueue", "UPDATE_COMPLETE"),)),
    )
    told, changed = deployed(cloudformation)
    assert changed
    assert len(told) == 1


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_that_takes_no_update_is_made_anew(state: str) -> None:
    """The command mends it: deleted, then created."""
    cloudformation = FakeCloudFormation(states=[state])
    told, changed = deployed(cloudformation)

    assert changed
    assert told[0] == f"the stack {NAME} is {state}: it is removed and made anew"
    assert cloudformation.calls == ["delete stack", "create CREATE", "execute"]


def test_an_interrupted_deployment_is_waited_for() -> None:
    """CloudFormation went on by itself; the command waits, tells what happens, and goes on."""
    cloudformation = FakeCloudFormation(
        states=["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"],
        on_execute=(("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), ()),
    )
    told, _ = deployed(cloudformation)

    assert told[0] == f"the stack {NAME} is CREATE_IN_PROGRESS: waiting until that is over"
    assert cloudformation.calls == ["create UPDATE", "execute"]


def test_a_rollback_that_failed_is_continued() -> None:
    """Then the stack is updated; if it fails again, what to mend is named."""
    cloudformation = FakeCloudFormation(
        states=["UPDATE_ROLLBACK_FAILED"], change_set=("FAILED", "No updates are to be performed.")
    )
    deployed(cloudformation)
    assert cloudformation.calls[:2] == ["continue rollback", "create UPDATE"]

    cloudformation = FakeCloudFormation(
        states=["UPDATE_ROLLBACK_FAILED"],
        on_continue=(
            ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"),
            (event("OrdersQueue", "UPDATE_FAILED", "the queue is gone"),),
        ),
    )
    with pytest.raises(TargetError, match="cannot be finished") as raised:
        deployed(cloudformation)
    assert "OrdersQueue (AWS::SQS::Queue): the queue is gone" in str(raised.value.at)


def test_a_deletion_that_fails_names_the_resource() -> None:
    """Run again, it is deleted after all."""
    failed = (
        ("DELETE_IN_PROGRESS", "DELETE_FAILED"),
        (event("OrdersBucket", "DELETE_FAILED", "The bucket is not empty", kind="AWS::S3::Bucket"),),
    )
    cloudformation = FakeCloudFormation(
        states=["CREATE_COMPLETE"], on_delete=(failed, (("DELETE_IN_PROGRESS", None), ()))
    )
    here, request = destination(cloudformation, s3=NoBucket()), Request(pipeline=PIPELINE)
    with pytest.raises(TargetError, match="could not be deleted") as raised:
        destroy(request, here, terminal([]))
    assert "OrdersBucket (AWS::S3::Bucket): The bucket is not empty" in str(raised.value.at)

    told: list[str] = []
    assert destroy(request, here, terminal(told))
    assert told == [
        f"deleted the stack {NAME}",
        "what it has kept is taken over by `penstock deploy --import-kept`",
    ]


class NoBucket:
    """S3 without any uploads."""

    def get_paginator(self, operation: str) -> NoBucket:
        return self

    def paginate(self, **_: object) -> list[dict[str, object]]:
        return [{}]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("orders already exists in stack arn:aws:x", "--stage"),
        ("You must wait 60 seconds after deleting a queue", "60 seconds"),
        ("User: arn:x is not authorized to perform: iam:CreateRole", "allow the action"),
        ("Specified ReservedConcurrentExecutions for function decreases", "reserved_concurrency"),
        ("Unzipped size must be smaller than 262144000 bytes", "penstock package"),
        ("Limit exceeded for resource", "quota"),
        ("Something else", "run the command again"),
    ],
)
def test_remedies(reason: str, words: str) -> None:
    """What to do follows from CloudFormation's reason."""
    assert words in remedy(reason)


ELSEWHERE = "Validation failed with 1 error(s). Call DescribeEvents to retrieve the full list of issues"


def found_early(reason: str, *, operation: str = "2") -> dict[str, object]:
    """An event of an early validation; those of an operation before it stand with it."""
    return {
        "EventType": "VALIDATION_ERROR",
        "OperationId": operation,
        "Timestamp": int(operation),
        "LogicalResourceId": "OrdersQueue",
        "ResourceType": "AWS::SQS::Queue",
        "ValidationFailureMode": "FAIL",
        "ValidationStatusReason": reason,
    }


def test_what_is_found_early_is_named() -> None:
    """The stack's event only says where its reasons are; those of an operation before are not told."""
    cloudformation = FakeCloudFormation(
        on_execute=(
            ("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"),
            [event(NAME, "CREATE_FAILED", ELSEWHERE, "AWS::CloudFormation::Stack")],
        ),
        validations=[found_early("orders already exists."), found_early("another", operation="1")],
    )
    with pytest.raises(
        TargetError, match=r"OrdersQueue \(AWS::SQS::Queue\) failed: orders already"
    ) as raised:
        deploy(
            Request(pipeline=Pipeline(NAME, parts=(Queue("orders"),))),
            destination(cloudformation),
            terminal([]),
        )
    assert "the name is taken" in str(raised.value.fix)


def test_a_change_set_that_is_found_faulty_early() -> None:
    """Its reason is told with the resource; without details, CloudFormation's own words are."""
    request = Request(pipeline=Pipeline(NAME, parts=(Queue("orders"),)))
    cloudformation = FakeCloudFormation(
        change_set=("FAILED", ELSEWHERE), validations=[found_early("orders already exists.")]
    )
    with pytest.raises(
        TargetError, match=r"OrdersQueue \(AWS::SQS::Queue\): orders already exists"
    ) as raised:
        deploy(request, destination(cloudformation), terminal([]))
    assert "the name is taken" in str(raised.value.fix)
    with pytest.raises(TargetError, match="Call DescribeEvents"):
        deploy(request, destination(FakeCloudFormation(change_set=("FAILED", ELSEWHERE))), terminal([]))


def test_what_a_failed_deployment_was_given_lasts() -> None:
    """A parameter that was given to a deployment that was rolled back is that of the next one."""
    cloudformation = FakeCloudFormation(
        states=["ROLLBACK_COMPLETE"], parameters={"BucketNameSuffix": "-mine"}
    )
    deploy(Request(pipeline=UPLOADS), destination(cloudformation), terminal([]))
    assert cloudformation.requests[0]["Parameters"] == [
        {"ParameterKey": "BucketNameSuffix", "ParameterValue": "-mine"}
    ]
