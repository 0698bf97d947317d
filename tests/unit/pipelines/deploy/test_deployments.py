"""Deploying, against a CloudFormation that is played: states, failures, mending, what is asked and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import DeclarationError, TargetError, UsageError
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    Function,
    Pipeline,
    Queue,
    StateMachine,
    Stream,
    StreamMapping,
)
from penstock.pipelines.deploy import Request, deploy, deployed_template, destroy, differences
from penstock.pipelines.deploy.failures import remedy
from penstock.pipelines.plan import plan
from tests.unit.pipelines.deploy.fake_cloudformation import (
    NAME,
    FakeCloudFormation,
    NoUploads,
    destination,
    event,
    terminal,
)

DEAD = Queue("dead-orders")
ORDERS = Queue("orders", dead_letter_queue=DEAD)
PIPELINE = Pipeline(NAME, parts=(ORDERS,))


def deployed(cloudformation: FakeCloudFormation, **request: object) -> tuple[list[str], bool]:
    """What was told, and whether something changed."""
    told: list[str] = []
    done = deploy(Request(pipeline=PIPELINE, **request), destination(cloudformation), terminal(told))  # type: ignore[arg-type]
    assert done is not None
    return told, done.changed


def test_a_first_deployment() -> None:
    """A change set of type CREATE, its events, the outputs; what a failed creation makes would not be kept."""
    cloudformation = FakeCloudFormation(
        states=[None],
        on_execute=(
            ("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
            (event("OrdersQueue", "CREATE_IN_PROGRESS"), event("OrdersQueue", "CREATE_COMPLETE")),
        ),
    )
    told: list[str] = []
    done = deploy(Request(pipeline=PIPELINE, stage="dev"), destination(cloudformation), terminal(told))

    assert done is not None
    assert (done.stack, done.changed, dict(done.outputs)) == (
        f"dev-{NAME}",
        True,
        {"OrdersQueueUrl": "https://queue"},
    )
    assert cloudformation.calls == ["create CREATE", "execute"]
    assert [line.split() for line in told] == [["CREATE_COMPLETE", "AWS::SQS::Queue", "OrdersQueue"]]
    created, executed = cloudformation.requests
    assert {"Key": "penstock:stage", "Value": "dev"} in created["Tags"]
    assert "CAPABILITY_NAMED_IAM" in created["Capabilities"]
    assert executed["RetainExceptOnCreate"] is True


def test_an_update_shows_what_would_change() -> None:
    """Every page of the change set is shown before it is carried out, with what would be replaced."""
    shown: list[str] = []

    def agree(lines: Sequence[str]) -> bool:
        shown.extend(lines)
        return True

    cloudformation = FakeCloudFormation(
        states=["UPDATE_COMPLETE"], on_execute=(("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), ())
    )
    deploy(Request(pipeline=PIPELINE), destination(cloudformation), terminal([], agree))

    assert cloudformation.calls == ["create UPDATE", "execute"]
    assert [line.split() for line in shown] == [
        ["Modify", "AWS::SQS::Queue", name, "(QueueName)", "REPLACED"]
        for name in ("OrdersQueue", "SecondPage")
    ]


@pytest.mark.parametrize("state", [None, "UPDATE_COMPLETE"])
def test_nobody_agrees(state: str | None) -> None:
    """Nothing is carried out; the change set is gone again, and the stack with it if there was none."""
    cloudformation = FakeCloudFormation(states=[state])
    done = deploy(Request(pipeline=PIPELINE), destination(cloudformation), terminal([], lambda lines: False))

    assert done is None
    assert "execute" not in cloudformation.calls
    assert cloudformation.calls[1:] == ["delete change set"] + (["delete stack"] if state is None else [])


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change(reason: str) -> None:
    """An empty change set is no failure."""
    cloudformation = FakeCloudFormation(states=["UPDATE_COMPLETE"], change_set=("FAILED", reason))
    told, changed = deployed(cloudformation)

    assert (told, changed) == ([f"nothing to change in {NAME}"], False)
    assert cloudformation.calls == ["create UPDATE", "delete change set"]


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


def test_a_stack_that_was_only_reviewed() -> None:
    """An earlier command was interrupted before it agreed: a change set of type CREATE does it."""
    cloudformation = FakeCloudFormation(states=["REVIEW_IN_PROGRESS"])
    assert deployed(cloudformation)[1]
    assert cloudformation.calls == ["create CREATE", "execute"]


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


def test_destroying_says_what_is_kept() -> None:
    """Queues are kept by the template; without a stack there is nothing to do."""
    shown: list[str] = []

    def agree(lines: Sequence[str]) -> bool:
        shown.extend(lines)
        return False

    told: list[str] = []
    request = Request(pipeline=PIPELINE, stage="dev")
    assert not destroy(
        request, destination(FakeCloudFormation(states=["CREATE_COMPLETE"])), terminal(told, agree)
    )
    assert destroy(request, destination(FakeCloudFormation(), s3=NoUploads()), terminal(told))
    assert [line.split() for line in shown] == [
        ["delete", "the", "stack", f"dev-{NAME}"],
        ["keep", "queue", "dev-orders"],
        ["keep", "queue", "dev-dead-orders"],
    ]
    assert told == [f"there is no stack dev-{NAME}"]


@pytest.mark.parametrize("name", ["Nothing", "CodeBucketName"])
def test_a_parameter_that_cannot_be_set(name: str) -> None:
    """Those that can are named."""
    with pytest.raises(UsageError, match=name):
        deployed(FakeCloudFormation(), parameters={name: "x"})


UPLOADS = Pipeline("uploads", parts=(BucketNotification(Bucket("incoming"), to=Queue("events")),))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LogRetentionDays", "31", "30 or 60"),
        ("LogRetentionDays", "many", "a number"),
        ("IteratorAgeMilliseconds", "-1", "0 or more"),
        ("Runtime", "nodejs22.x", "python3"),
        ("Architecture", "mips", "arm64 or x86_64"),
        ("BucketNameSuffix", "Mine_", "matches"),
    ],
)
def test_a_value_that_the_template_does_not_allow(name: str, value: str, allowed: str) -> None:
    """What is allowed is said, and nothing is sent: not every endpoint looks at it."""
    parts = (
        StreamMapping(Stream("clicks"), Function("work", "json.dumps")),
        BucketNotification(Bucket("incoming"), to=Queue("events")),
    )
    cloudformation = FakeCloudFormation()
    request = Request(pipeline=Pipeline("everything", parts=parts), parameters={name: value})
    with pytest.raises(UsageError, match=f'{name} cannot be "{value}"') as raised:
        deploy(request, destination(cloudformation), terminal([]))
    assert allowed in (raised.value.fix or "")
    assert cloudformation.requests == []


def test_a_buckets_name_with_its_suffix() -> None:
    """AWS takes 63 characters, the account's number among them."""
    long = Pipeline("long", parts=(Bucket("b" * 51),))
    with pytest.raises(DeclarationError, match="-123456789012"):
        deploy(Request(pipeline=long), destination(FakeCloudFormation()), terminal([]))
    assert deploy(
        Request(pipeline=long, parameters={"BucketNameSuffix": "-x"}),
        destination(FakeCloudFormation()),
        terminal([]),
    )


@pytest.mark.parametrize(
    ("old", "given", "expected"),
    [
        ({}, {}, "-123456789012"),
        ({}, {"BucketNameSuffix": "-x"}, "-x"),
        ({"BucketNameSuffix": "-old"}, {}, "-old"),
        ({"BucketNameSuffix": "-old"}, {"BucketNameSuffix": ""}, ""),
    ],
)
def test_the_suffix_of_buckets(old: dict[str, str], given: dict[str, str], expected: str) -> None:
    """At AWS the account's number; later the value that the stack has, unless another is given."""
    cloudformation = FakeCloudFormation(
        states=["UPDATE_COMPLETE" if old else None],
        parameters=old,
        on_execute=(("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), ()),
    )
    deploy(Request(pipeline=UPLOADS, parameters=given), destination(cloudformation), terminal([]))

    (sent,) = cloudformation.requests[0]["Parameters"]
    assert sent == {"ParameterKey": "BucketNameSuffix", "ParameterValue": expected}


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


def test_differences_between_plan_and_stack() -> None:
    """A changed field, a resource that is new, one that is gone; none if nothing differs."""
    before = plan(Pipeline(NAME, parts=(Queue("orders", visibility_timeout_seconds=30), Queue("gone"))))
    cloudformation = FakeCloudFormation(states=["CREATE_COMPLETE"], template=before)
    found = deployed_template(destination(cloudformation), NAME)
    after = plan(Pipeline(NAME, parts=(Queue("orders", visibility_timeout_seconds=60), Queue("new"))))

    assert differences(found, before) == ()
    assert differences(found, after) == (
        "~ Resources.OrdersQueue.Properties.VisibilityTimeout: 30 -> 60",
        "- Resources.GoneQueue (AWS::SQS::Queue)",
        "+ Resources.NewQueue (AWS::SQS::Queue)",
        "- Outputs.GoneQueueUrl",
        "+ Outputs.NewQueueUrl",
    )


def test_differences_within_a_definition() -> None:
    """A definition is text in the template; what differs is shown by its place in the document."""
    from pipelines.file_processing import pipeline

    template = plan(pipeline)
    changed = json.loads(json.dumps(template).replace(r"\"MaxConcurrency\":1000", r"\"MaxConcurrency\":7"))

    (line,) = differences(changed, template)
    assert line.startswith(
        "~ Resources.ProcessFileStateMachine.Properties.DefinitionString.States.ProcessChunks"
    )
    assert line.endswith("MaxConcurrency: 7 -> 1000")


def test_no_stack_differs_in_everything() -> None:
    """A stack that is not there is an empty template."""
    assert deployed_template(destination(FakeCloudFormation()), NAME) == {}


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_without_resources_differs_in_everything(state: str) -> None:
    """One that was planned only, or whose creation was taken back, has a template, and none of its resources."""
    template = plan(Pipeline(NAME, parts=(Queue("orders"),)))
    assert deployed_template(destination(FakeCloudFormation([state], template=template)), NAME) == {}


def test_what_another_tool_deployed() -> None:
    """A template in YAML was not penstock's."""
    with pytest.raises(TargetError, match="not JSON"):
        deployed_template(
            destination(FakeCloudFormation(["CREATE_COMPLETE"], template="Resources: !Ref x")), NAME
        )


def test_a_template_over_a_megabyte(tmp_path: Path) -> None:
    """Is refused before anything is sent."""
    definition = {"Comment": "x" * 260_000, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    huge = Pipeline("huge", parts=tuple(StateMachine(f"m{number}", definition) for number in range(4)))
    cloudformation = FakeCloudFormation()
    with pytest.raises(TargetError, match="CloudFormation takes 1,000,000"):
        deploy(Request(pipeline=huge), destination(cloudformation), terminal([]))
    assert cloudformation.calls == []


def test_what_a_failed_deployment_was_given_lasts() -> None:
    """A parameter that was given to a deployment that was rolled back is that of the next one."""
    cloudformation = FakeCloudFormation(
        states=["ROLLBACK_COMPLETE"], parameters={"BucketNameSuffix": "-mine"}
    )
    deploy(Request(pipeline=UPLOADS), destination(cloudformation), terminal([]))
    assert cloudformation.requests[0]["Parameters"] == [
        {"ParameterKey": "BucketNameSuffix", "ParameterValue": "-mine"}
    ]


def test_a_state_from_before_the_operation() -> None:
    """Right after it has begun, CloudFormation may still tell the old state: the first event is waited for."""
    cloudformation = Late(
        states=["UPDATE_COMPLETE"],
        on_execute=(
            ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
            (event("OrdersQueue", "UPDATE_FAILED", "it is wrong"),),
        ),
    )
    with pytest.raises(TargetError, match=r"UPDATE_ROLLBACK_COMPLETE: OrdersQueue .* it is wrong"):
        deploy(Request(pipeline=PIPELINE), destination(cloudformation), terminal([]))


class Late(FakeCloudFormation):
    """Tells the old state, and no event, for two looks after the operation has begun."""

    looks = 0

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        if not self.late:
            return super().describe_stacks(StackName=StackName)
        old = FakeCloudFormation(states=["UPDATE_COMPLETE"])
        return old.describe_stacks(StackName=StackName)

    def pages_of(self, operation: str) -> list[dict[str, Any]]:
        self.looks += operation == "describe_stack_events"
        return [{"StackEvents": []}] if self.late else super().pages_of(operation)

    @property
    def late(self) -> bool:
        return "execute" in self.calls and self.looks < 4


def test_nobody_can_be_asked() -> None:
    """The change set does not stay behind if asking fails."""

    def ask(lines: Sequence[str]) -> bool:
        raise UsageError("nobody is here")

    cloudformation = FakeCloudFormation(states=["CREATE_COMPLETE"])
    with pytest.raises(UsageError):
        deploy(Request(pipeline=PIPELINE), destination(cloudformation), terminal([], ask))
    assert cloudformation.calls == ["create UPDATE", "delete change set"]
