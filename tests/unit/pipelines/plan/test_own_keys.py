"""Keys of one's own: where the template names them, what the roles may do with them, and their form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import DeclarationError
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    DeliveryStream,
    Function,
    Pipe,
    Pipeline,
    Queue,
    QueueMapping,
    Schedule,
    StateMachine,
    Stream,
    StreamMapping,
    Table,
    Topic,
    reads,
    uses,
    writes,
)
from penstock.pipelines.iam import Need, Seen, policy_of
from penstock.pipelines.plan import plan, written
from penstock.pipelines.resources import Part, Resource
from tests.linting import faults

KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"

FILES, ORDERS = Bucket("files", kms_key_arn=KEY), Queue("orders", kms_key_arn=KEY)
NEWS, CLICKS = Topic("news", kms_key_arn=KEY), Stream("clicks", kms_key_arn=KEY)
STOCK = Table("stock", partition_key="id", kms_key_arn=KEY, stream_view_type="NEW_IMAGE")


def resources(*parts: Part) -> dict[str, Any]:
    """The resources of a pipeline, which cfn-lint takes."""
    text = written(plan(Pipeline("p", parts=parts)), "json")
    assert faults(text) == []
    return json.loads(text)["Resources"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("resource", "name", "properties"),
    [
        (
            FILES,
            "FilesBucket",
            {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": KEY,
                            },
                            "BucketKeyEnabled": True,
                        }
                    ]
                }
            },
        ),
        (ORDERS, "OrdersQueue", {"KmsMasterKeyId": KEY, "SqsManagedSseEnabled": None}),
        (NEWS, "NewsTopic", {"KmsMasterKeyId": KEY}),
        (CLICKS, "ClicksStream", {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY}}),
        (
            STOCK,
            "StockTable",
            {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}},
        ),
    ],
    ids=["bucket", "queue", "topic", "stream", "table"],
)
def test_the_template_names_the_key(resource: Resource, name: str, properties: dict[str, Any]) -> None:
    """In each service's own words; a queue has either its key or SQS's."""
    found = resources(resource)[name]["Properties"]
    assert {key: found.get(key) for key in properties} == properties


def on_key(part: Part, *others: Part, key: str = KEY) -> dict[str, set[str]]:
    """What the one role of a pipeline may do with the key, by the service that it has to go through."""
    found: dict[str, set[str]] = {}
    roles = [one for one in resources(part, *others).values() if one["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 1
    for statement in roles[0]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        if statement["Resource"] == [key]:
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
            service, _, rest = via.partition(".")
            assert rest == "${AWS::Region}.${AWS::URLSuffix}"
            found[service] = set(statement["Action"])
    return found


def function(*calls: object, **fields: object) -> Function:
    return Function("work", "json.dumps", calls=calls, **fields)  # type: ignore[arg-type]


DECRYPT, GENERATE = {"kms:Decrypt"}, {"kms:GenerateDataKey"}


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        (function(reads(FILES)), {"s3": DECRYPT}),
        (function(writes(FILES, "out/")), {"s3": DECRYPT | GENERATE}),
        (function(uses(ORDERS)), {"sqs": DECRYPT | GENERATE}),
        (function(writes(NEWS)), {"sns": DECRYPT | GENERATE}),
        (function(reads(CLICKS)), {"kinesis": DECRYPT}),
        (function(writes(CLICKS)), {"kinesis": GENERATE}),
        (function(writes(STOCK)), {"dynamodb": DECRYPT}),
        (function(on_failure=ORDERS), {"sqs": DECRYPT | GENERATE}),
        (
            QueueMapping(Queue("orders", kms_key_arn=KEY, visibility_timeout_seconds=180), function()),
            {"sqs": DECRYPT},
        ),
        (StreamMapping(CLICKS, function()), {"kinesis": DECRYPT}),
        (StreamMapping(CLICKS, function(), consumer="fast"), {"kinesis": DECRYPT}),
        (StreamMapping(STOCK, function()), {"dynamodb": DECRYPT}),
        (Pipe("carry", CLICKS, to=ORDERS, batch_size=10), {"kinesis": DECRYPT, "sqs": DECRYPT | GENERATE}),
        (Schedule("nightly", expression="rate(1 day)", to=NEWS), {"sns": DECRYPT | GENERATE}),
        (DeliveryStream("kept", FILES), {"s3": DECRYPT | GENERATE}),
    ],
    ids=[
        *(
            "reads a bucket",
            "writes a bucket",
            "uses a queue",
            "publishes",
            "reads a stream",
            "writes a stream",
        ),
        *("writes a table", "tells of failures", "a queue's mapping", "a stream's mapping", "a consumer"),
        *("a table stream's mapping", "a pipe", "a schedule", "a delivery stream"),
    ],
)
def test_what_a_role_may_do_with_the_key(part: Part, allowed: dict[str, set[str]]) -> None:
    """As much as what it does with the resource takes, through the resource's service only."""
    assert on_key(part) == allowed


def task(resource: str, **parameters: object) -> StateMachine:
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "End": True,
    }
    return StateMachine("flow", {"StartAt": "A", "States": {"A": state}})


def test_a_machine() -> None:
    """A queue that the input names may be any of the pipeline, those with keys among them."""
    named = {"QueueUrl.$": "$.queue", "MessageBody": "a"}
    assert on_key(task("sqs:sendMessage", **named), ORDERS, Queue("plain")) == {"sqs": DECRYPT | GENERATE}
    assert on_key(task("sqs:sendMessage", **named), Queue("plain")) == {}


def test_any_bucket_is_that_bucket_too() -> None:
    """A query of Athena's may read any bucket, and so one that has a key."""
    query = task("athena:startQueryExecution", QueryString="SELECT 1")
    assert on_key(query, FILES) == {"s3": DECRYPT | GENERATE}


def test_nobody_elses_key() -> None:
    """A role has the keys of what it uses, not those of its neighbours, whatever their names begin with."""
    neighbour = Bucket("files-of-others", kms_key_arn=OTHER)
    assert on_key(function(reads(FILES)), neighbour) == {"s3": DECRYPT}
    assert on_key(function(reads(FILES)), neighbour, key=OTHER) == {}


def test_what_was_seen() -> None:
    """A call that only runs have shown needs the key as well; the policy that is shown is the one that is planned."""
    seen = Seen({"work": {Need("s3:GetObject", "arn:aws:s3:::files/in/*"): "run-1"}})
    (role,) = policy_of(Pipeline("p", parts=(function(), FILES)), seen=seen).roles
    (grant,) = (one for one in role.grants if one.action == "kms:Decrypt")
    assert (grant.resource, "seen in run-1" in grant.why[0]) == (KEY, True)


@pytest.mark.parametrize("key", [KEY, OTHER, KEY.replace("aws:kms:eu-central", "aws-us-gov:kms:us-gov-west")])
def test_forms_of_keys(key: str) -> None:
    """A key of one region, one of several, one of another partition."""
    assert Pipeline("p", parts=(Queue("q", kms_key_arn=key),))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("alias/orders", "an alias, which may stand for any key"),
        ("arn:aws:kms:eu-central-1:123456789012:alias/orders", "an alias"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "no key's ARN"),
        (f"{KEY}0", "no key's ARN"),
        ("", "no key's ARN"),
        (f"{KEY}\n", "no key's ARN"),
    ],
)
@pytest.mark.parametrize("kind", [Bucket, Queue, Stream, Topic])
def test_what_is_no_key(kind: type[Bucket | Queue | Stream | Topic], key: str, words: str) -> None:
    """IAM takes a key's own ARN only: an alias may stand for another key tomorrow."""
    with pytest.raises(DeclarationError, match=words):
        Pipeline("p", parts=(kind("some-name", kms_key_arn=key),))


def test_notifications_of_a_bucket_to_a_queue_with_a_key() -> None:
    """S3 has no role: the key's own policy lets it in, and the template is sound."""
    assert "OrdersQueuePolicy" in resources(BucketNotification(Bucket("plain"), to=ORDERS))
