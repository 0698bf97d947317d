"""Deploying, against a CloudFormation that is played: states, what is asked and told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import TargetError, UsageError
from penstock.pipelines import Pipeline, StateMachine
from penstock.pipelines.deploy import Request, deploy, destroy
from tests.unit.pipelines.deploy.deployments import PIPELINE, deployed
from tests.unit.pipelines.deploy.fake_cloudformation import (
    NAME,
    FakeCloudFormation,
    NoUploads,
    destination,
    event,
    terminal,
)


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


def test_a_stack_that_was_only_reviewed() -> None:
    """An earlier command was interrupted before it agreed: a change set of type CREATE does it."""
    cloudformation = FakeCloudFormation(states=["REVIEW_IN_PROGRESS"])
    assert deployed(cloudformation)[1]
    assert cloudformation.calls == ["create CREATE", "execute"]


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


def test_a_template_over_a_megabyte(tmp_path: Path) -> None:
    """Is refused before anything is sent."""
    definition = {"Comment": "x" * 260_000, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    huge = Pipeline("huge", parts=tuple(StateMachine(f"m{number}", definition) for number in range(4)))
    cloudformation = FakeCloudFormation()
    with pytest.raises(TargetError, match="CloudFormation takes 1,000,000"):
        deploy(Request(pipeline=huge), destination(cloudformation), terminal([]))
    assert cloudformation.calls == []


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
