"""`penstock diff`: what differs between a plan and a stack."""

from __future__ import annotations

import json

import pytest

from penstock.errors import TargetError
from penstock.pipelines import Pipeline, Queue
from penstock.pipelines.deploy import deployed_template, differences
from penstock.pipelines.plan import plan
from tests.unit.pipelines.deploy.fake_cloudformation import NAME, FakeCloudFormation, destination


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
