"""The parameters of a deployment: which can be set, to what, and the names of buckets that follow from them."""

from __future__ import annotations

import pytest

from penstock.errors import DeclarationError, UsageError
from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline, Queue, Stream, StreamMapping
from penstock.pipelines.deploy import Request, deploy
from tests.unit.pipelines.deploy.deployments import UPLOADS, deployed
from tests.unit.pipelines.deploy.fake_cloudformation import FakeCloudFormation, destination, terminal


@pytest.mark.parametrize("name", ["Nothing", "CodeBucketName"])
def test_a_parameter_that_cannot_be_set(name: str) -> None:
    """Those that can are named."""
    with pytest.raises(UsageError, match=name):
        deployed(FakeCloudFormation(), parameters={name: "x"})


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
