"""What runs were seen to need: kept so that it holds for the next run and for every stage."""

from __future__ import annotations

import pytest

from penstock.pipelines import Bucket, Pipeline, Queue, StateMachine, Table
from penstock.pipelines.iam.matching import Allowed, concrete
from penstock.pipelines.iam.needs import Need
from penstock.pipelines.iam.seen import MOST_KEYS, Seen, kept, templated

PASS: dict[str, object] = {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}}
HERE = "us-east-1:123456789012"
PSEUDO = "${AWS::Region}:${AWS::AccountId}"

PIPELINE = Pipeline(
    "test",
    parts=(
        Bucket("files"),
        Queue("orders"),
        Queue("orders-2"),
        StateMachine("flow", PASS),
        Table("items", partition_key="id", stream_view_type="NEW_IMAGE"),
    ),
)


@pytest.mark.parametrize(
    ("seen", "stays"),
    [
        ("arn:aws:s3:::files/jobs/17/part-3", "arn:aws:s3:::files/jobs/*"),
        ("arn:aws:s3:::files/config.json", "arn:aws:s3:::files/config.json"),
        ("arn:aws:s3:::files", "arn:aws:s3:::files"),
        (f"arn:aws:states:{HERE}:execution:flow:run-1", f"arn:aws:states:{HERE}:execution:flow:*"),
        (f"arn:aws:states:{HERE}:mapRun:flow/Map:1234", f"arn:aws:states:{HERE}:mapRun:flow/*"),
        (f"arn:aws:states:{HERE}:stateMachine:flow", f"arn:aws:states:{HERE}:stateMachine:flow"),
        (
            f"arn:aws:dynamodb:{HERE}:table/items/stream/2026",
            f"arn:aws:dynamodb:{HERE}:table/items/stream/*",
        ),
        (f"arn:aws:logs:{HERE}:log-group:/app:log-stream:1", f"arn:aws:logs:{HERE}:log-group:/app:*"),
        (
            f"arn:aws:secretsmanager:{HERE}:secret:key-Ab3dEf",
            f"arn:aws:secretsmanager:{HERE}:secret:key-??????",
        ),
        ("*", "*"),
    ],
)
def test_what_stays_the_same_is_kept(seen: str, stays: str) -> None:
    """An ARN that is known is kept as it is; only what another run would call otherwise is left open."""
    assert kept([Need("a:B", seen)]) == (Need("a:B", stays),)


def test_many_keys_are_the_whole_bucket() -> None:
    """Keys without a folder stand one by one up to a limit, for each action."""
    keys = [Need("s3:PutObject", f"arn:aws:s3:::files/{number}") for number in range(MOST_KEYS)]
    assert set(kept(keys)) == set(keys)
    one_more = [
        *keys,
        Need("s3:PutObject", "arn:aws:s3:::files/last"),
        Need("s3:GetObject", "arn:aws:s3:::files/0"),
    ]
    assert kept(one_more) == (
        Need("s3:GetObject", "arn:aws:s3:::files/0"),
        Need("s3:PutObject", "arn:aws:s3:::files/*"),
    )


@pytest.mark.parametrize(
    ("arn", "written"),
    [
        (f"arn:aws:sqs:{HERE}:orders", f"arn:${{AWS::Partition}}:sqs:{PSEUDO}:dev-orders"),
        (f"arn:aws:sqs:{HERE}:orders-2", f"arn:${{AWS::Partition}}:sqs:{PSEUDO}:dev-orders-2"),
        ("arn:aws:s3:::files/jobs/*", "arn:${AWS::Partition}:s3:::dev-files${BucketNameSuffix}/jobs/*"),
        ("arn:aws:s3:::others/jobs/*", "arn:${AWS::Partition}:s3:::others/jobs/*"),
        (
            f"arn:aws:states:{HERE}:execution:flow:*",
            f"arn:${{AWS::Partition}}:states:{PSEUDO}:execution:dev-flow:*",
        ),
        (
            f"arn:aws:states:{HERE}:mapRun:flow/*",
            f"arn:${{AWS::Partition}}:states:{PSEUDO}:mapRun:dev-flow/*",
        ),
        (f"arn:aws:ssm:{HERE}:parameter/app", f"arn:${{AWS::Partition}}:ssm:{PSEUDO}:parameter/app"),
        (
            "arn:aws:sqs:eu-west-1:999999999999:orders",
            "arn:${AWS::Partition}:sqs:eu-west-1:999999999999:orders",
        ),
        ("*", "*"),
    ],
)
def test_an_arn_is_written_for_a_stage(arn: str, written: str) -> None:
    """What the pipeline declares has its name on the stage; account and region are left to the stack."""
    assert templated(arn, PIPELINE.graph, "dev") == written
    assert concrete(templated(arn, PIPELINE.graph, "")) == arn


def test_matching_is_iams() -> None:
    """`*` is anything, slashes and line ends included; `?` is one character; all else is itself."""
    allowed = Allowed(
        [Need("s3:GetObject", "arn:aws:s3:::a.b/*"), Need("s3:GetObject", "arn:aws:s3:::c/k-??")]
    )
    assert allowed.covers(Need("s3:GetObject", "arn:aws:s3:::a.b/x/y\nz"))
    assert allowed.covers(Need("s3:GetObject", "arn:aws:s3:::c/k-12"))
    assert not allowed.covers(Need("s3:GetObject", "arn:aws:s3:::c/k-123"))
    assert not allowed.covers(Need("s3:GetObject", "arn:aws:s3:::aXb/x"))
    assert not allowed.covers(Need("s3:PutObject", "arn:aws:s3:::a.b/x"))


def test_the_first_run_that_saw_it_stays() -> None:
    """A need that was kept before keeps its run, so that the file changes only when the policy does."""
    need, other = Need("sqs:SendMessage", "a"), Need("sqs:SendMessage", "b")
    before = Seen({"f": {need: "run-0001"}})
    assert before.joined(Seen({"f": {need: "run-0002", other: "run-0002"}, "g": {need: "run-0002"}})) == Seen(
        {"f": {need: "run-0001", other: "run-0002"}, "g": {need: "run-0002"}}
    )
