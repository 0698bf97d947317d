"""A stack of the name may be another's: neither deploying nor destroying touches it."""

from __future__ import annotations

import pytest

from penstock.errors import TargetError
from penstock.pipelines import Pipeline, Queue
from penstock.pipelines.deploy import Request, deploy, destroy
from penstock.pipelines.plan import plan
from tests.unit.pipelines.deploy.fake_cloudformation import (
    FakeCloudFormation,
    NoUploads,
    destination,
    terminal,
)

ORDERS = Pipeline("orders", parts=(Queue("orders"),))
UPDATED = (("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), ())


@pytest.mark.parametrize(
    ("tags", "template", "whose"),
    [
        ({"penstock:pipeline": "dev-orders"}, None, 'that of the pipeline "dev-orders"'),
        (
            {"penstock:pipeline": "orders", "penstock:stage": "test"},
            None,
            'that of the pipeline "orders", stage "test"',
        ),
        ({"team": "ours"}, {"Description": "Orders, by hand", "Resources": {}}, "not penstock's"),
        ({}, "Resources: !Ref x", "not penstock's"),
    ],
    ids=["another pipeline's", "another stage's", "another tool's", "in YAML"],
)
def test_a_stack_of_the_name_that_is_anothers(tags: dict[str, str], template: object, whose: str) -> None:
    """It is refused with what to do, before anything is asked or done."""
    request = Request(pipeline=ORDERS, stage="dev")
    for operation in (deploy, destroy):
        cloudformation = FakeCloudFormation(states=["CREATE_COMPLETE"], tags=tags, template=template)
        with pytest.raises(TargetError, match=whose) as raised:
            operation(request, destination(cloudformation, s3=NoUploads()), terminal([]))
        assert "another --stage" in str(raised.value.fix)
        assert cloudformation.calls == []


def test_a_stack_without_tags() -> None:
    """An import gives none, and may be interrupted before the update that does: the template says whose it is."""
    cloudformation = FakeCloudFormation(
        states=["UPDATE_ROLLBACK_COMPLETE"], tags={}, template=plan(ORDERS), on_execute=UPDATED
    )
    assert deploy(Request(pipeline=ORDERS), destination(cloudformation), terminal([]))


def test_a_stack_that_has_nothing_yet() -> None:
    """Somebody has only looked at what would be made."""
    cloudformation = FakeCloudFormation(states=["REVIEW_IN_PROGRESS"], tags={})
    assert deploy(Request(pipeline=ORDERS), destination(cloudformation), terminal([]))
