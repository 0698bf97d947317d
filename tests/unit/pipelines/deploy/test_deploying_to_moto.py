"""Deploying for real as far as moto goes: S3, change sets, stacks. It has no states in between and no rollback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from penstock.errors import TargetError, UsageError
from penstock.pipelines import Bucket, Function, Pipeline, Queue, QueueMapping
from penstock.pipelines.deploy import (
    Destination,
    Request,
    code_differences,
    connect,
    deploy,
    deployed_template,
    destroy,
    differences,
)
from penstock.pipelines.deploy.kept import delete_kept
from penstock.pipelines.deploy.uploading import MOST_DIRECT_TEMPLATE_BYTES, code_bucket_name
from penstock.pipelines.packaging import Package, archive
from penstock.pipelines.plan import plan, written
from tests.unit.pipelines.deploy.fake_cloudformation import terminal

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse")  # kinds that moto leaves out


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Destination]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield connect(None, "eu-central-1")


def pipeline(timeout: int = 30) -> Pipeline:
    worker = Function("worker", "json.dumps", timeout_seconds=timeout)
    return Pipeline("jobs", parts=(QueueMapping(Queue("jobs", visibility_timeout_seconds=600), worker),))


class Building:
    """Packages without wheels."""

    def __init__(self, text: bytes = b"1") -> None:
        self.text = text
        self.asked: list[tuple[str, str]] = []

    def __call__(self, pipeline: Pipeline, *, runtime: str, architecture: str) -> dict[str, Package]:
        self.asked.append((runtime, architecture))
        package = Package(
            content=archive({"x.py": self.text}),
            digest=hashlib.sha256(self.text).hexdigest(),
            unzipped_bytes=1,
            parts=(),
        )
        return {function.name: package for function in pipeline.of(Function)}


def changed(what: Pipeline, aws: Destination, told: list[str], build: Building | None = None) -> bool:
    """Deploy; whether that changed something."""
    done = deploy(Request(pipeline=what), aws, terminal(told), build or Building())
    return done is not None and done.changed


def test_code_is_compared_by_its_digest(aws: Destination) -> None:
    """Built for the runtime and the processor that the stack has; nothing is said where nothing is deployed."""
    request = Request(pipeline=pipeline(), parameters={"Runtime": "python3.12"})
    assert code_differences(request, aws, Building()) == ()
    deploy(request, aws, terminal([]), Building(b"1"))
    same, other = Building(b"1"), Building(b"2")
    later = Request(pipeline=pipeline())
    assert code_differences(later, aws, same) == ()
    assert same.asked == [("python3.12", "arm64")]
    assert code_differences(later, aws, other) == ("~ Code of worker: 6b86b273ff34 -> d4735e3a265e",)


def test_the_code_bucket_is_made_and_private(aws: Destination) -> None:
    """The code lies there under its hash; the function has it; the bucket is closed to the public."""
    told: list[str] = []
    assert changed(pipeline(), aws, told)

    s3, functions = boto3.client("s3", "eu-central-1"), boto3.client("lambda", "eu-central-1")
    (stored,) = s3.list_objects_v2(Bucket="penstock-code-123456789012-eu-central-1")["Contents"]
    access = s3.get_public_access_block(Bucket=code_bucket_name(aws))["PublicAccessBlockConfiguration"]
    assert stored["Key"] == f"jobs/{hashlib.sha256(b'1').hexdigest()}.zip"
    assert set(access.values()) == {True}
    assert functions.get_function_configuration(FunctionName="worker")["Timeout"] == 30
    assert "jobs/, 0.0 MB sent" in told[0]


def test_again_is_nothing_to_change(aws: Destination) -> None:
    """The second run uploads nothing and changes nothing; new code is a change."""
    deploy(Request(pipeline=pipeline()), aws, terminal([]), Building())
    told: list[str] = []
    assert not changed(pipeline(), aws, told)
    assert told[-1] == "nothing to change in jobs"

    assert changed(pipeline(), aws, [], Building(b"2"))


def test_parameters_choose_what_is_built(aws: Destination) -> None:
    """The runtime and architecture that the functions get are those that their code is for; they last."""
    build = Building()
    request = Request(pipeline=pipeline(), parameters={"Runtime": "python3.12", "Architecture": "x86_64"})
    deploy(request, aws, terminal([]), build)
    deploy(Request(pipeline=pipeline(60)), aws, terminal([]), build)

    assert build.asked == [("python3.12", "x86_64")] * 2


def test_difference_and_destruction(aws: Destination) -> None:
    """`diff` sees the changed timeout; `destroy` leaves neither the stack nor the code."""
    deploy(Request(pipeline=pipeline()), aws, terminal([]), Building())
    assert differences(deployed_template(aws, "jobs"), plan(pipeline())) == ()
    assert differences(deployed_template(aws, "jobs"), plan(pipeline(60))) == (
        "~ Resources.WorkerFunction.Properties.Timeout: 30 -> 60",
    )

    assert destroy(Request(pipeline=pipeline()), aws, terminal([]))
    assert deployed_template(aws, "jobs") == {}
    assert "Contents" not in boto3.client("s3", "eu-central-1").list_objects_v2(Bucket=code_bucket_name(aws))


def test_deleting_the_data(aws: Destination) -> None:
    """Only what bears the pipeline's tags is deleted, and only if it is wanted."""
    sqs: Any = boto3.client("sqs", "eu-central-1")
    sqs.create_queue(QueueName="jobs", tags={"penstock:pipeline": "another"})
    with pytest.raises(TargetError, match="not deleted: queue jobs"):
        destroy(Request(pipeline=pipeline()), aws, terminal([]), delete_data=True)

    sqs.tag_queue(
        QueueUrl=sqs.get_queue_url(QueueName="jobs")["QueueUrl"], Tags={"penstock:pipeline": "jobs"}
    )
    told: list[str] = []
    assert destroy(Request(pipeline=pipeline()), aws, terminal(told), delete_data=True)
    assert told == ["  deleted queue jobs"]
    assert "QueueUrls" not in sqs.list_queues()
    assert destroy(Request(pipeline=pipeline()), aws, terminal([]), delete_data=True)


def test_a_large_template_goes_through_s3(aws: Destination) -> None:
    """CloudFormation takes 51,200 bytes in a request, and a megabyte from S3."""
    large = Pipeline("large", parts=tuple(Queue(f"queue-{number}") for number in range(120)))
    assert len(written(plan(large), "json")) > MOST_DIRECT_TEMPLATE_BYTES
    assert changed(large, aws, [])

    (stored,) = boto3.client("s3", "eu-central-1").list_objects_v2(Bucket=code_bucket_name(aws))["Contents"]
    assert stored["Key"].startswith("large/")
    assert stored["Key"].endswith(".template.json")


def test_a_named_bucket_that_is_missing(aws: Destination) -> None:
    """A code bucket that the user names is never made."""
    with pytest.raises(TargetError, match='there is no bucket "mine"'):
        deploy(Request(pipeline=pipeline(), code_bucket="mine"), aws, terminal([]), Building())


def keys_in(bucket: str) -> list[str]:
    found = boto3.client("s3", "eu-central-1").list_objects_v2(Bucket=bucket)
    return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture
def mine(aws: Destination) -> str:
    """A bucket of the user's, with something under the stack's name that is not code."""
    s3 = boto3.client("s3", "eu-central-1")
    s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for key in ("jobs/2026/data.csv", "jobs/report.zip"):
        s3.put_object(Bucket="mine", Key=key, Body=b"precious")
    return "mine"


def test_what_else_is_in_a_named_bucket_stays(aws: Destination, mine: str) -> None:
    """Only the code and the templates are deleted, which bear their hash as their name."""
    request = Request(pipeline=pipeline(), code_bucket=mine)
    deploy(request, aws, terminal([]), Building())
    assert len(keys_in(mine)) == 3
    assert destroy(request, aws, terminal([]))
    assert keys_in(mine) == ["jobs/2026/data.csv", "jobs/report.zip"]


def test_a_named_bucket_lasts(aws: Destination, mine: str) -> None:
    """Later deployments put the code there, too, and the stack's end takes it away there."""
    deploy(Request(pipeline=pipeline(), code_bucket=mine), aws, terminal([]), Building(b"1"))
    later = Request(pipeline=pipeline())
    assert changed(later.pipeline, aws, [], Building(b"2"))
    assert len(keys_in(mine)) == 4
    assert [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]] == [mine]

    assert destroy(later, aws, terminal([]))
    assert keys_in(mine) == ["jobs/2026/data.csv", "jobs/report.zip"]


def test_a_destruction_that_was_interrupted(aws: Destination) -> None:
    """The stack is gone, its code is not yet: the same command takes it away."""
    deploy(Request(pipeline=pipeline()), aws, terminal([]), Building())
    boto3.client("cloudformation", "eu-central-1").delete_stack(StackName="jobs")
    assert len(keys_in(code_bucket_name(aws))) == 1
    assert destroy(Request(pipeline=pipeline()), aws, terminal([]))
    assert keys_in(code_bucket_name(aws)) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("BucketNameSufix", "-x", "no parameter"), ("BucketNameSuffix", "_X", "cannot be")],
)
def test_a_parameter_that_destroying_has_no_use_for(
    name: str, value: str, words: str, aws: Destination
) -> None:
    """It says which buckets are deleted: a slip is told of, not passed over."""
    uploads = Pipeline("uploads", parts=(Bucket("uploads"),))
    with pytest.raises(UsageError, match=words):
        destroy(Request(pipeline=uploads, parameters={name: value}), aws, terminal([]), delete_data=True)


def test_a_stack_that_another_tool_made(aws: Destination) -> None:
    """It is neither deployed over nor destroyed, and keeps what it has."""
    precious = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "precious"}}
    template = json.dumps({"Resources": {"Precious": precious}})
    boto3.client("cloudformation", "eu-central-1").create_stack(StackName="jobs", TemplateBody=template)
    with pytest.raises(TargetError, match="not penstock's"):
        deploy(Request(pipeline=pipeline()), aws, terminal([]), Building())
    with pytest.raises(TargetError, match="not penstock's"):
        destroy(Request(pipeline=pipeline()), aws, terminal([]), delete_data=True)
    assert len(boto3.client("sqs", "eu-central-1").list_queues()["QueueUrls"]) == 1


def test_an_object_that_cannot_be_deleted(aws: Destination) -> None:
    """S3 tells of it in an answer that is otherwise a success, stubbed here: it is named, with the reason."""
    uploads = Pipeline("uploads", parts=(Bucket("uploads"),))
    deploy(Request(pipeline=uploads), aws, terminal([]))
    (name,) = (one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"])
    s3 = boto3.client("s3", "eu-central-1")
    stub = Stubber(s3)
    stub.add_response("head_bucket", {})
    tags = [{"Key": "penstock:pipeline", "Value": "uploads"}]
    stub.add_response("get_bucket_tagging", {"TagSet": tags})
    stub.add_response("list_object_versions", {"Versions": [{"Key": "held.csv", "VersionId": "1"}]})
    errors = [
        {"Key": "held.csv", "VersionId": "1", "Code": "AccessDenied", "Message": "protected by object lock"}
    ]
    stub.add_response("delete_objects", {"Errors": errors})
    held = replace(aws, client=lambda service: s3 if service == "s3" else aws.client(service))
    with stub, pytest.raises(TargetError, match="object lock") as raised:
        delete_kept(held, uploads, "", "-123456789012", print)
    assert 'does not delete "held.csv" (AccessDenied)' in str(raised.value)
    assert name in str(raised.value.at)


@pytest.mark.parametrize("how", ["it is forbidden", "its name is taken"])
def test_the_bucket_of_another_account(how: str, aws: Destination) -> None:
    """S3's own two answers, stubbed, for moto has one account: the bucket is named, with what to do."""
    s3 = boto3.client("s3", "eu-central-1")
    stub = Stubber(s3)
    if how == "it is forbidden":
        stub.add_client_error("head_bucket", "403")
    else:
        stub.add_client_error("head_bucket", "404")
        stub.add_client_error("create_bucket", "BucketAlreadyExists")
    theirs = replace(aws, client=lambda service: s3 if service == "s3" else aws.client(service))
    with stub, pytest.raises(TargetError, match="is not this account") as raised:
        deploy(Request(pipeline=pipeline()), theirs, terminal([]), Building())
    assert "--code-bucket" in str(raised.value.fix)
    stub.assert_no_pending_responses()
