"""The pipelines that the tests of this folder deploy, and a deployment of one."""

from __future__ import annotations

from penstock.pipelines import Bucket, BucketNotification, Pipeline, Queue
from penstock.pipelines.deploy import Request, deploy
from tests.unit.pipelines.deploy.fake_cloudformation import NAME, FakeCloudFormation, destination, terminal

DEAD = Queue("dead-orders")
ORDERS = Queue("orders", dead_letter_queue=DEAD)
PIPELINE = Pipeline(NAME, parts=(ORDERS,))
UPLOADS = Pipeline("uploads", parts=(BucketNotification(Bucket("incoming"), to=Queue("events")),))


def deployed(cloudformation: FakeCloudFormation, **request: object) -> tuple[list[str], bool]:
    """What was told, and whether something changed."""
    told: list[str] = []
    done = deploy(Request(pipeline=PIPELINE, **request), destination(cloudformation), terminal(told))  # type: ignore[arg-type]
    assert done is not None
    return told, done.changed
