"""`--import-kept`: CloudFormation is played, the kept buckets, queues and tables are moto's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from moto import mock_aws

from penstock.errors import TargetError
from penstock.pipelines import Bucket, BucketNotification, Key, Pipeline, Queue, Table
from penstock.pipelines.deploy import Destination, Request, deploy
from penstock.pipelines.plan import plan
from tests.unit.pipelines.deploy.fake_cloudformation import (
    NAME,
    FakeCloudFormation,
    Operation,
    destination,
    event,
    terminal,
)

DEAD = Queue("dead-orders", message_retention_seconds=1_209_600)
ORDERS = Queue("orders", dead_letter_queue=DEAD, visibility_timeout_seconds=60)
FILES = Bucket("files")
STOCK = Table(
    "stock",
    partition_key="shop",
    sort_key=Key("number", "N"),
    stream_view_type="NEW_IMAGE",
    time_to_live_attribute="until",
)
PIPELINE = Pipeline(NAME, parts=(BucketNotification(FILES, to=ORDERS), STOCK))
TAGS = [{"Key": "penstock:pipeline", "Value": NAME}]
FILES_NAME = "files-123456789012"

IMPORTED: Operation = (
    ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"),
    (event("OrdersQueue", "IMPORT_IN_PROGRESS"), event("OrdersQueue", "IMPORT_COMPLETE")),
)
UPDATED: Operation = (("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"), (event("OrdersQueue", "UPDATE_COMPLETE"),))


@dataclass
class Stacks(FakeCloudFormation):
    """Plays an operation for each execution, and has the given resources."""

    operations: list[Operation] = field(default_factory=lambda: [IMPORTED, UPDATED])
    has: Sequence[str] = ()

    def execute_change_set(self, **request: Any) -> None:
        self.on_execute = self.operations.pop(0)
        super().execute_change_set(**request)

    def pages_of(self, operation: str) -> list[dict[str, Any]]:
        if operation != "list_stack_resources":
            return super().pages_of(operation)
        own = [{"LogicalResourceId": one, "ResourceType": "", "ResourceStatus": ""} for one in self.has]
        return [{"StackResourceSummaries": own}]

    def imports(self) -> dict[str, dict[str, str]]:
        """The resources to import of the first change set, with their identifiers."""
        listed = self.requests[0]["ResourcesToImport"]
        return {one["LogicalResourceId"]: one["ResourceIdentifier"] for one in listed}

    def template_of(self, number: int = 0) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.requests[number]["TemplateBody"]))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """S3, SQS and DynamoDB."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield {name: boto3.client(name, "eu-central-1") for name in ("s3", "sqs", "dynamodb")}


@pytest.fixture
def kept(services: dict[str, Any]) -> dict[str, Any]:
    """What `destroy` has kept of the pipeline."""
    keep_queue(services, "dead-orders", MessageRetentionPeriod="1209600")
    keep_queue(services, "orders", VisibilityTimeout="30")
    keep_bucket(services)
    keep_table(services)
    return services


def keep_queue(services: dict[str, Any], name: str, **attributes: str) -> None:
    services["sqs"].create_queue(QueueName=name, Attributes=attributes, tags={"penstock:pipeline": NAME})


def keep_bucket(services: dict[str, Any], *, region: str = "eu-central-1") -> None:
    s3: Any = boto3.client("s3", region)
    s3.create_bucket(Bucket=FILES_NAME, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_tagging(Bucket=FILES_NAME, Tagging={"TagSet": TAGS})
    s3.put_object(Bucket=FILES_NAME, Key="a.csv", Body=b"1")


def keep_table(services: dict[str, Any], *, number: str = "N") -> None:
    services["dynamodb"].create_table(
        TableName="stock",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "shop", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "number", "AttributeType": number},
            {"AttributeName": "shop", "AttributeType": "S"},
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=TAGS,
    )


def take_over(cloudformation: Stacks, services: dict[str, Any], what: Pipeline = PIPELINE) -> list[str]:
    """Deploy with the option; what was told."""
    told: list[str] = []
    assert deploy(
        Request(pipeline=what, import_kept=True), destination(cloudformation, **services), terminal(told)
    )
    return told


def test_an_import_and_then_the_rest(kept: dict[str, Any]) -> None:
    """A change set of type IMPORT for what is there, an ordinary one for the plan; what was taken over is told."""
    cloudformation = Stacks(states=[None])
    told = take_over(cloudformation, kept)

    assert cloudformation.calls == ["create IMPORT", "execute", "create UPDATE", "execute"]
    assert cloudformation.imports() == {
        "FilesBucket": {"BucketName": FILES_NAME},
        "OrdersQueue": {"QueueUrl": kept["sqs"].get_queue_url(QueueName="orders")["QueueUrl"]},
        "DeadOrdersQueue": {"QueueUrl": kept["sqs"].get_queue_url(QueueName="dead-orders")["QueueUrl"]},
        "StockTable": {"TableName": "stock"},
    }
    assert "taken over: bucket files-123456789012, queue orders, queue dead-orders, table stock" in told
    assert kept["s3"].get_object(Bucket=FILES_NAME, Key="a.csv")["Body"].read() == b"1"


def test_the_rules_of_an_import(kept: dict[str, Any]) -> None:
    """Nothing but what is taken over, each with a DeletionPolicy; no outputs, no tags; and nothing of it is deleted
    if the import fails."""
    cloudformation = Stacks(states=[None])
    take_over(cloudformation, kept)
    request, executed, update, _ = cloudformation.requests
    template = cloudformation.template_of()

    assert "Tags" not in request
    assert "RetainExceptOnCreate" not in executed
    assert set(template) == {"AWSTemplateFormatVersion", "Description", "Parameters", "Resources"}
    assert set(template["Resources"]) == set(cloudformation.imports())
    assert {one["DeletionPolicy"] for one in template["Resources"].values()} == {"Retain"}
    assert not any("DependsOn" in one for one in template["Resources"].values())
    assert request["Parameters"] == [{"ParameterKey": "BucketNameSuffix", "ParameterValue": "-123456789012"}]
    assert cloudformation.template_of(2) == plan(PIPELINE)
    assert "ResourcesToImport" not in update


def test_the_template_tells_what_is_the_case(kept: dict[str, Any]) -> None:
    """Not what the plan wants: CloudFormation would take it to be so, and never change it. Rolled back, the retention
    is again what it was."""
    cloudformation = Stacks(states=[None])
    take_over(cloudformation, kept)
    resources = cloudformation.template_of()["Resources"]

    orders, dead = (resources[f"{one}Queue"]["Properties"] for one in ("Orders", "DeadOrders"))
    assert (orders["VisibilityTimeout"], orders["QueueName"]) == (30, "orders")
    assert "RedrivePolicy" not in orders
    assert dead["MessageRetentionPeriod"] == 1_209_600
    stock = resources["StockTable"]["Properties"]
    assert stock["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert stock["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert "TimeToLiveSpecification" not in stock
    assert (stock["KeySchema"], stock["AttributeDefinitions"]) == (
        [{"AttributeName": "shop", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}],
        [{"AttributeName": "shop", "AttributeType": "S"}, {"AttributeName": "number", "AttributeType": "N"}],
    )
    assert "PublicAccessBlockConfiguration" not in resources["FilesBucket"]["Properties"]
    assert "NotificationConfiguration" not in resources["FilesBucket"]["Properties"]


def test_what_was_as_planned_is_told_as_planned(kept: dict[str, Any]) -> None:
    """Settings that the resources have already are in the template as the plan has them: the update leaves them."""
    template = plan(PIPELINE)["Resources"]
    planned = cast("dict[str, Any]", template)["FilesBucket"]["Properties"]
    kept["s3"].put_public_access_block(
        Bucket=FILES_NAME, PublicAccessBlockConfiguration=planned["PublicAccessBlockConfiguration"]
    )
    kept["s3"].put_bucket_encryption(
        Bucket=FILES_NAME,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    kept["s3"].put_bucket_versioning(Bucket=FILES_NAME, VersioningConfiguration={"Status": "Enabled"})
    kept["dynamodb"].update_time_to_live(
        TableName="stock", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"}
    )
    url = kept["sqs"].get_queue_url(QueueName="orders")["QueueUrl"]
    redrive = {
        "deadLetterTargetArn": "arn:aws:sqs:eu-central-1:123456789012:dead-orders",
        "maxReceiveCount": 3,
    }
    kept["sqs"].set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(redrive)})
    cloudformation = Stacks(states=[None])
    take_over(cloudformation, kept)
    resources = cloudformation.template_of()["Resources"]

    bucket = resources["FilesBucket"]["Properties"]
    for name in ("BucketName", "BucketEncryption", "PublicAccessBlockConfiguration", "Tags"):
        assert bucket[name] == planned[name]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert resources["StockTable"]["Properties"]["TimeToLiveSpecification"] == {
        "AttributeName": "until",
        "Enabled": True,
    }
    assert resources["OrdersQueue"]["Properties"]["RedrivePolicy"] == redrive


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table"])
def test_what_cannot_change_stands_in_the_template(kept: dict[str, Any], kind: str) -> None:
    """By CloudFormation's own schemas: the identifier, and each property of the plan that only a creation sets; a
    resource that got one later would be replaced."""
    cloudformation = Stacks(states=[None])
    take_over(cloudformation, kept)
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    fixed = {
        one.removeprefix("/properties/")
        for field_ in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        for one in schema.get(field_, ())
    }
    planned = cast("dict[str, Any]", plan(PIPELINE)["Resources"])
    for name, one in cloudformation.template_of()["Resources"].items():
        if one["Type"] == kind:
            assert [f"/properties/{key}" for key in cloudformation.imports()[name]] == schema[
                "primaryIdentifier"
            ]
            assert fixed & set(planned[name]["Properties"]) <= set(one["Properties"])


def test_only_what_is_there(services: dict[str, Any]) -> None:
    """What was deleted by hand is made anew by the change set after."""
    keep_queue(services, "dead-orders")
    cloudformation = Stacks(states=[None])
    take_over(cloudformation, services)
    assert list(cloudformation.imports()) == ["DeadOrdersQueue"]
    assert "Parameters" not in cloudformation.template_of()


def test_nothing_is_there(services: dict[str, Any]) -> None:
    """It is said, and everything is made."""
    cloudformation = Stacks(states=[None], operations=[UPDATED])
    told = take_over(cloudformation, services)
    assert "nothing was kept that is not the stack's already" in told
    assert cloudformation.calls == ["create CREATE", "execute"]


def test_after_an_interruption(kept: dict[str, Any]) -> None:
    """A stack that has taken them over is updated, whatever came in between; nothing is taken over twice."""
    has = ("FilesBucket", "OrdersQueue", "DeadOrdersQueue", "StockTable")
    cloudformation = Stacks(states=["IMPORT_COMPLETE"], operations=[UPDATED], has=has)
    assert "nothing was kept that is not the stack's already" in take_over(cloudformation, kept)
    assert cloudformation.calls == ["create UPDATE", "execute"]


def test_during_an_import(kept: dict[str, Any]) -> None:
    """One that still goes on is waited for."""
    cloudformation = Stacks(
        states=["IMPORT_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"],
        operations=[UPDATED],
        has=("FilesBucket", "OrdersQueue", "DeadOrdersQueue", "StockTable"),
    )
    assert take_over(cloudformation, kept)[0] == (
        f"the stack {NAME} is IMPORT_IN_PROGRESS: waiting until that is over"
    )


def test_into_a_stack_that_is_there(kept: dict[str, Any]) -> None:
    """A queue that was left out of the declaration for a while: the import's template is what is deployed, and it."""
    deployed = plan(Pipeline(NAME, parts=(FILES, DEAD, STOCK)))
    cloudformation = Stacks(
        states=["UPDATE_COMPLETE"],
        template=deployed,
        has=("FilesBucket", "DeadOrdersQueue", "StockTable"),
        parameters={"BucketNameSuffix": "-123456789012"},
    )
    take_over(cloudformation, kept)
    template = cloudformation.template_of()

    assert list(cloudformation.imports()) == ["OrdersQueue"]
    assert template.pop("Resources").keys() - deployed.pop("Resources").keys() == {"OrdersQueue"}  # type: ignore[attr-defined]
    assert template == deployed


@pytest.mark.parametrize("which", ["bucket", "queue", "table"])
def test_what_is_not_this_pipelines(which: str, kept: dict[str, Any]) -> None:
    """Whatever has other tags is named, with its remedy; nothing is done."""
    other = [{"Key": "penstock:pipeline", "Value": "another"}]
    match which:
        case "bucket":
            kept["s3"].put_bucket_tagging(Bucket=FILES_NAME, Tagging={"TagSet": other})
        case "queue":
            url = kept["sqs"].get_queue_url(QueueName="orders")["QueueUrl"]
            kept["sqs"].untag_queue(QueueUrl=url, TagKeys=["penstock:pipeline"])
        case _:
            arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/stock"
            kept["dynamodb"].tag_resource(ResourceArn=arn, Tags=other)
    cloudformation = Stacks(states=[None])
    with pytest.raises(
        TargetError, match=rf"not taken over: {which} \S+ \(without this pipeline's tags\)\s"
    ) as raised:
        take_over(cloudformation, kept)
    assert "penstock:pipeline=orders" in str(raised.value.fix)
    assert cloudformation.calls == []


def test_what_is_another_stages(services: dict[str, Any]) -> None:
    """The stage is a tag, too: `dev` and a queue `dev-orders` of no stage are not confused."""
    keep_queue(services, "dev-orders")
    there = destination(Stacks(states=[None]), **services)
    request = Request(pipeline=Pipeline(NAME, parts=(Queue("orders"),)), stage="dev", import_kept=True)
    with pytest.raises(TargetError, match="queue dev-orders") as raised:
        deploy(request, there, terminal([]))
    assert "penstock:stage=dev" in str(raised.value.fix)


def test_a_bucket_of_another_account(services: dict[str, Any]) -> None:
    """S3's answer, stubbed, for moto has one account."""
    s3 = services["s3"]
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "403")
        with pytest.raises(TargetError, match=r"bucket files-123456789012 \(another account's\)"):
            take_over(Stacks(states=[None]), services, Pipeline(NAME, parts=(FILES,)))


def test_a_bucket_in_another_region(services: dict[str, Any]) -> None:
    """It cannot be a stack's of this region."""
    keep_bucket(services, region="eu-west-1")
    with pytest.raises(TargetError, match=r"bucket files-123456789012 \(in another region\)"):
        take_over(Stacks(states=[None]), services, Pipeline(NAME, parts=(FILES,)))


def test_a_table_with_other_keys(services: dict[str, Any]) -> None:
    """CloudFormation would take the template's word for them."""
    keep_table(services, number="S")
    cloudformation = Stacks(states=[None])
    with pytest.raises(
        TargetError, match=r"has the keys HASH shop \(S\), RANGE number \(S\), not .*number \(N\)"
    ) as raised:
        take_over(cloudformation, services)
    assert str(raised.value.at).startswith("tests/unit/pipelines/deploy/")
    assert cloudformation.calls == []


@pytest.mark.parametrize("answers", [(False,), (True, False)])
def test_it_is_asked_about(answers: tuple[bool, ...], kept: dict[str, Any]) -> None:
    """Before the import, and before the rest; what was taken over stays, and that is said."""
    given, shown, told = iter(answers), [], list[str]()

    def agree(lines: Sequence[str]) -> bool:
        shown.append(lines)
        return next(given)

    cloudformation = Stacks(states=[None])
    request = Request(pipeline=PIPELINE, import_kept=True)
    assert deploy(request, destination(cloudformation, **kept), terminal(told, agree)) is None
    assert len(shown) == len(answers)
    if answers == (False,):
        assert cloudformation.calls == ["create IMPORT", "delete change set", "delete stack"]
    else:
        assert cloudformation.calls == ["create IMPORT", "execute", "create UPDATE", "delete change set"]
        assert told[-1] == "what was taken over is the stack's now; the same command goes on from there"


def test_an_import_that_fails(kept: dict[str, Any]) -> None:
    """The resource, the reason, its declaration; the rest is not begun."""
    cloudformation = Stacks(
        states=[None],
        operations=[
            (
                ("IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE"),
                (event("OrdersQueue", "IMPORT_FAILED", "it already exists in stack arn:other"),),
            )
        ],
    )
    with pytest.raises(TargetError, match="IMPORT_ROLLBACK_COMPLETE: OrdersQueue") as raised:
        take_over(cloudformation, kept)
    assert "another stack has it" in str(raised.value.fix)
    assert cloudformation.calls == ["create IMPORT", "execute"]


def test_a_rollback_that_failed(kept: dict[str, Any]) -> None:
    """Nobody but its owner knows what to do about the resource; destroying the stack keeps the data."""
    cloudformation = Stacks(states=["IMPORT_ROLLBACK_FAILED"])
    with pytest.raises(TargetError, match="IMPORT_ROLLBACK_FAILED") as raised:
        take_over(cloudformation, kept)
    assert "penstock destroy" in str(raised.value.fix)
    assert cloudformation.calls == []


def test_localstack_has_no_imports(kept: dict[str, Any]) -> None:
    """It is refused before anything is sent."""
    cloudformation = Stacks(states=[None])
    there: Destination = replace(
        destination(cloudformation, **kept), endpoint_url="http://127.0.0.1:4566", localstack=True
    )
    with pytest.raises(TargetError, match="LocalStack takes nothing over"):
        deploy(Request(pipeline=PIPELINE, import_kept=True), there, terminal([]))
    assert cloudformation.calls == []


@pytest.mark.parametrize(("local", "taken"), [(False, False), (True, True)])
def test_endpoints_that_give_no_tags(local: bool, taken: bool, services: dict[str, Any]) -> None:
    """A bucket without tags is refused at AWS; elsewhere stacks may have given it none."""
    services["s3"].create_bucket(
        Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    cloudformation = Stacks(states=[None], operations=[IMPORTED, UPDATED])
    there = destination(cloudformation, **services)
    there = replace(there, endpoint_url="http://127.0.0.1:4599", ministack=True) if local else there
    request = Request(
        pipeline=Pipeline(NAME, parts=(FILES,)), parameters={"BucketNameSuffix": ""}, import_kept=True
    )
    if not taken:
        with pytest.raises(TargetError, match="bucket files"):
            deploy(request, there, terminal([]))
    else:
        assert deploy(request, there, terminal([]))
        assert list(cloudformation.imports()) == ["FilesBucket"]
