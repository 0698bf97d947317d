"""What AWS calls need of IAM: actions by their own names, on the ARN that the call names."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.pipelines.iam.calls import needs_of
from penstock.runtime.call_needs import call_needs
from penstock.runtime.services import Call
from penstock.runtime.streams.iterators import ShardIterator, iterator_text

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/orders"
KEY = {"Bucket": "files", "Key": "in/a.csv"}
OBJECT = "arn:aws:s3:::files/in/a.csv"
COPY = {"CopySource": "old/a%20b.csv", **KEY}
REGIONAL = "arn:aws:{}:us-east-1:123456789012:{}"
TABLE = REGIONAL.format("dynamodb", "table/items")

CASES: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("s3", "GetObject", KEY, [("s3:GetObject", OBJECT)]),
    ("s3", "GetObject", {**KEY, "VersionId": "1"}, [("s3:GetObjectVersion", OBJECT)]),
    ("s3", "HeadObject", KEY, [("s3:GetObject", OBJECT)]),
    ("s3", "ListObjectsV2", {"Bucket": "files", "Prefix": "in/"}, [("s3:ListBucket", "arn:aws:s3:::files")]),
    ("s3", "HeadBucket", {"Bucket": "files"}, [("s3:ListBucket", "arn:aws:s3:::files")]),
    ("s3", "ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("s3", "UploadPart", {**KEY, "PartNumber": 1}, [("s3:PutObject", OBJECT)]),
    ("s3", "CreateMultipartUpload", KEY, [("s3:PutObject", OBJECT)]),
    ("s3", "CompleteMultipartUpload", KEY, [("s3:PutObject", OBJECT)]),
    ("s3", "AbortMultipartUpload", KEY, [("s3:AbortMultipartUpload", OBJECT)]),
    ("s3", "ListParts", KEY, [("s3:ListMultipartUploadParts", OBJECT)]),
    (
        "s3",
        "PutObject",
        {**KEY, "Tagging": "a=b"},
        [("s3:PutObject", OBJECT), ("s3:PutObjectTagging", OBJECT)],
    ),
    ("s3", "CopyObject", COPY, [("s3:GetObject", "arn:aws:s3:::old/a b.csv"), ("s3:PutObject", OBJECT)]),
    (
        "s3",
        "CopyObject",
        {**KEY, "CopySource": {"Bucket": "old", "Key": "a", "VersionId": "1"}},
        [("s3:GetObjectVersion", "arn:aws:s3:::old/a"), ("s3:PutObject", OBJECT)],
    ),
    (
        "s3",
        "DeleteObjects",
        {"Bucket": "files", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b"}]}},
        [("s3:DeleteObject", "arn:aws:s3:::files/a"), ("s3:DeleteObject", "arn:aws:s3:::files/b")],
    ),
    (
        "s3",
        "GetObject",
        {"Bucket": "arn:aws:s3:us-east-1:123456789012:accesspoint/mine", "Key": "a"},
        [("s3:GetObject", "arn:aws:s3:us-east-1:123456789012:accesspoint/mine/object/a")],
    ),
    ("sqs", "SendMessageBatch", {"QueueUrl": URL}, [("sqs:SendMessage", REGIONAL.format("sqs", "orders"))]),
    (
        "sqs",
        "ReceiveMessage",
        {"QueueUrl": "https://sqs.us-east-1.amazonaws.com/999999999999/theirs"},
        [("sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:999999999999:theirs")],
    ),
    ("sqs", "GetQueueUrl", {"QueueName": "orders"}, [("sqs:GetQueueUrl", REGIONAL.format("sqs", "orders"))]),
    (
        "sns",
        "PublishBatch",
        {"TopicArn": REGIONAL.format("sns", "news")},
        [("sns:Publish", REGIONAL.format("sns", "news"))],
    ),
    ("sns", "Publish", {"PhoneNumber": "+358", "Message": "hello"}, [("sns:Publish", "*")]),
    (
        "events",
        "PutEvents",
        {"Entries": [{"EventBusName": "mine"}, {}, {"EventBusName": "mine"}]},
        [
            ("events:PutEvents", REGIONAL.format("events", "event-bus/mine")),
            ("events:PutEvents", REGIONAL.format("events", "event-bus/default")),
        ],
    ),
    (
        "kinesis",
        "PutRecords",
        {"StreamName": "clicks"},
        [("kinesis:PutRecords", REGIONAL.format("kinesis", "stream/clicks"))],
    ),
    (
        "firehose",
        "PutRecordBatch",
        {"DeliveryStreamName": "lake"},
        [("firehose:PutRecordBatch", REGIONAL.format("firehose", "deliverystream/lake"))],
    ),
    (
        "dynamodb",
        "Query",
        {"TableName": "items", "IndexName": "by-day"},
        [("dynamodb:Query", f"{TABLE}/index/by-day")],
    ),
    ("dynamodb", "BatchWriteItem", {"RequestItems": {"items": []}}, [("dynamodb:BatchWriteItem", TABLE)]),
    (
        "dynamodb",
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "items"}}, {"ConditionCheck": {"TableName": TABLE}}]},
        [("dynamodb:PutItem", TABLE), ("dynamodb:ConditionCheckItem", TABLE)],
    ),
    (
        "dynamodb",
        "ExecuteStatement",
        {"Statement": 'select * from "items"."by-day" where day = \'1\''},
        [("dynamodb:PartiQLSelect", f"{TABLE}/index/by-day")],
    ),
    (
        "dynamodb",
        "ExecuteTransaction",
        {"TransactStatements": [{"Statement": "INSERT INTO items VALUE {'id': '1'}"}]},
        [("dynamodb:PartiQLInsert", TABLE)],
    ),
    (
        "stepfunctions",
        "StartExecution",
        {"stateMachineArn": REGIONAL.format("states", "stateMachine:flow"), "input": "{}"},
        [("states:StartExecution", REGIONAL.format("states", "stateMachine:flow"))],
    ),
    ("stepfunctions", "SendTaskSuccess", {"taskToken": "t"}, [("states:SendTaskSuccess", "*")]),
    (
        "lambda",
        "Invoke",
        {"FunctionName": "work", "Qualifier": "live"},
        [("lambda:InvokeFunction", REGIONAL.format("lambda", "function:work:live"))],
    ),
    (
        "secretsmanager",
        "GetSecretValue",
        {"SecretId": "prod/key"},
        [("secretsmanager:GetSecretValue", REGIONAL.format("secretsmanager", "secret:prod/key-??????"))],
    ),
    (
        "ssm",
        "GetParameters",
        {"Names": ["/app/a", "b"]},
        [
            ("ssm:GetParameters", REGIONAL.format("ssm", "parameter/app/a")),
            ("ssm:GetParameters", REGIONAL.format("ssm", "parameter/b")),
        ],
    ),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/app", "logStreamName": "one"},
        [("logs:PutLogEvents", REGIONAL.format("logs", "log-group:/app:log-stream:one"))],
    ),
    ("cloudwatch", "PutMetricData", {"Namespace": "app"}, [("cloudwatch:PutMetricData", "*")]),
    ("translate", "TranslateText", {"Text": "a"}, [("translate:TranslateText", "*")]),
    (
        "kms",
        "Decrypt",
        {"KeyId": REGIONAL.format("kms", "key/1")},
        [("kms:Decrypt", REGIONAL.format("kms", "key/1"))],
    ),
    ("kms", "Encrypt", {"KeyId": "1234"}, [("kms:Encrypt", REGIONAL.format("kms", "key/1234"))]),
    ("kms", "Encrypt", {"KeyId": "alias/mine"}, [("kms:Encrypt", REGIONAL.format("kms", "key/*"))]),
    ("kms", "Decrypt", {"CiphertextBlob": b""}, [("kms:Decrypt", REGIONAL.format("kms", "key/*"))]),
    (
        "kms",
        "ReEncrypt",
        {"SourceKeyId": "1", "DestinationKeyId": "2"},
        [
            ("kms:ReEncryptFrom", REGIONAL.format("kms", "key/1")),
            ("kms:ReEncryptTo", REGIONAL.format("kms", "key/2")),
        ],
    ),
    ("kms", "GenerateRandom", {"KeyId": "1"}, [("kms:GenerateRandom", "*")]),
    (
        "bedrock-runtime",
        "Converse",
        {"modelId": "amazon.nova-lite-v1:0"},
        [("bedrock:InvokeModel", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0")],
    ),
    (
        "sagemaker-runtime",
        "InvokeEndpoint",
        {"EndpointName": "mine"},
        [("sagemaker:InvokeEndpoint", REGIONAL.format("sagemaker", "endpoint/mine"))],
    ),
    (
        "sesv2",
        "SendEmail",
        {"FromEmailAddress": "Shop <shop@example.com>"},
        [("ses:SendEmail", REGIONAL.format("ses", "identity/shop@example.com"))],
    ),
    ("emr", "ListClusters", {}, [("elasticmapreduce:ListClusters", "*")]),
    (
        "comprehend",
        "StartEntitiesDetectionJob",
        {"DataAccessRoleArn": "arn:aws:iam::123456789012:role/reader"},
        [("comprehend:StartEntitiesDetectionJob", "*")],
    ),
    (
        "elbv2",
        "RegisterTargets",
        {"TargetGroupArn": REGIONAL.format("elasticloadbalancing", "targetgroup/a/1")},
        [
            (
                "elasticloadbalancing:RegisterTargets",
                REGIONAL.format("elasticloadbalancing", "targetgroup/a/1"),
            )
        ],
    ),
    (
        "sns",
        "TagResource",
        {"ResourceArn": REGIONAL.format("sns", "news")},
        [("sns:TagResource", REGIONAL.format("sns", "news"))],
    ),
    (
        "events",
        "CreateEventBus",
        {"Name": "b"},
        [("events:CreateEventBus", REGIONAL.format("events", "event-bus/b"))],
    ),
    ("ssm", "GetDocument", {"Name": "d"}, [("ssm:GetDocument", "*")]),
    (
        "s3",
        "PutBucketReplication",
        {"Bucket": "files"},
        [("s3:PutReplicationConfiguration", "arn:aws:s3:::files")],
    ),
    (
        "s3",
        "ListBucketMetricsConfigurations",
        {"Bucket": "files"},
        [("s3:GetMetricsConfiguration", "arn:aws:s3:::files")],
    ),
    ("sts", "GetCallerIdentity", {}, []),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "needs"), CASES)
def test_what_a_call_needs(
    service: str, operation: str, parameters: dict[str, Any], needs: list[tuple[str, str]]
) -> None:
    """Service Authorization Reference: actions that are not called as their operation is, and their resources."""
    assert list(needs_of(service, operation, parameters)) == needs


@pytest.mark.parametrize(
    ("service", "stream", "resource"),
    [
        ("kinesis", "clicks", REGIONAL.format("kinesis", "stream/clicks")),
        ("dynamodbstreams", "table/items", f"{TABLE}/stream/2026-01-01T00:00:00.000"),
    ],
)
def test_an_iterator_tells_its_stream(service: str, stream: str, resource: str) -> None:
    """`GetRecords` names no stream, but its shard iterator belongs to one."""
    iterator = iterator_text(ShardIterator(stream, "shardId-000000000000", 0, 1.0))
    (need,) = call_needs(
        Call(service=service, operation="GetRecords", parameters={"ShardIterator": iterator})
    )
    assert need == (f"{'dynamodb' if stream.startswith('table/') else 'kinesis'}:GetRecords", resource)
