"""An object in a bucket, a message about it, a function that takes a batch apart, and a dead letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from penstock.testing.localstack import LocalStack, eventually
from tests.integration.functions import create_function

SOURCE = """
import json, os, boto3

def handle(event, context):
    s3 = boto3.client("s3")
    failures = []
    for message in event["Records"]:
        for record in json.loads(message["body"]).get("Records", []):
            bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
            content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            if content == b"poison":
                failures.append({"itemIdentifier": message["messageId"]})
            else:
                s3.put_object(Bucket=bucket, Key="done/" + key.rpartition("/")[2], Body=content.upper())
    return {"batchItemFailures": failures}
"""


def test_poison_ends_in_the_dead_letter_queue_alone(
    localstack: LocalStack, named: Callable[[str], str]
) -> None:
    """S3 tells SQS, the mapping calls the function: what it names as failed is delivered again and then put aside."""
    s3: Any = localstack.client("s3")
    sqs: Any = localstack.client("sqs")
    functions: Any = localstack.client("lambda")
    bucket, name = named("uploads"), named("settle")
    letters = sqs.create_queue(QueueName=named("letters"))["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, letters), "maxReceiveCount": 2}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "1"}
    events = sqs.create_queue(QueueName=named("events"), Attributes=attributes)["QueueUrl"]
    create_function(localstack, name, SOURCE)
    functions.create_event_source_mapping(
        EventSourceArn=_arn(sqs, events),
        FunctionName=name,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    s3.create_bucket(Bucket=bucket)
    rule = {
        "QueueArn": _arn(sqs, events),
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [rule]},
        SkipDestinationValidation=True,
    )
    for key, content in {"a": b"one", "b": b"poison", "c": b"three"}.items():
        s3.put_object(Bucket=bucket, Key=f"incoming/{key}", Body=content)

    def received() -> list[dict[str, Any]]:
        found = sqs.receive_message(QueueUrl=letters, AttributeNames=["All"])
        return list(found.get("Messages", []))

    (letter,) = eventually(received, of="the dead letter")
    assert json.loads(letter["Body"])["Records"][0]["s3"]["object"]["key"] == "incoming/b"
    done = s3.list_objects_v2(Bucket=bucket, Prefix="done/")["Contents"]
    assert [one["Key"] for one in done] == ["done/a", "done/c"]
    assert s3.get_object(Bucket=bucket, Key="done/c")["Body"].read() == b"THREE"


def _arn(sqs: Any, url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
