"""Rules of delivery that are the same wherever a pipeline runs: the same declaration, the same boto3 calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from penstock.pipelines import Pipeline
from tests.contracts.conftest import Running
from tests.contracts.rules.pipeline import pipeline

Start = Callable[[Pipeline], Running]


def send(run: Running, queue: str, *bodies: object) -> None:
    sqs = run.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": json.dumps(body)} for number, body in enumerate(bodies)]
    assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")


def test_a_notification_has_a_prefix_and_a_suffix(running: Start) -> None:
    """S3: a notification tells of the objects whose keys have its prefix and its suffix, and of no others."""
    run = running(pipeline)
    s3 = run.client("s3")
    for key in ("in/a.csv", "in/b.txt", "out/c.csv", "in/d e+f.csv"):
        s3.put_object(Bucket="penstock-rules-inbox", Key=key, Body=b"x")
    bodies = [json.loads(one) for one in run.letters("rules-csv-events", count=2)]
    records = [record for body in bodies for record in body.get("Records", ())]
    found = {
        (one["eventName"], unquote_plus(one["s3"]["object"]["key"]), one["s3"]["object"]["size"])
        for one in records
    }
    assert found == {("ObjectCreated:Put", "in/a.csv", 1), ("ObjectCreated:Put", "in/d e+f.csv", 1)}


def test_an_object_is_written_once(running: Start) -> None:
    """S3: `IfNoneMatch="*"` writes an object only if there is none."""
    s3 = running(pipeline).client("s3")
    place = {"Bucket": "penstock-rules-inbox", "Key": "once/one"}
    s3.put_object(**place, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as raised:
        s3.put_object(**place, Body=b"second", IfNoneMatch="*")
    assert raised.value.response["Error"]["Code"] == "PreconditionFailed"
    assert s3.get_object(**place)["Body"].read() == b"first"


def test_poison_is_put_aside_alone(running: Start) -> None:
    """SQS: what a function names as failed is put aside alone; what a mapping's filter does not match is dropped."""
    run = running(pipeline)
    send(run, "rules-orders", {"id": "first"})
    assert [json.loads(one) for one in run.letters("rules-told-of-orders")] == [{"order": "first"}]
    bodies = [{"id": "a"}, {"id": "b", "amount": -1}, {"id": "dropped"}, {"id": "c", "amount": 2}]
    send(run, "rules-orders", *bodies)
    assert [json.loads(one) for one in run.letters("rules-refused-orders")] == [{"id": "b", "amount": -1}]
    told = run.letters("rules-told-of-orders", count=2)
    assert sorted(json.loads(one)["order"] for one in told) == ["a", "c"]


def test_a_fifo_queue_keeps_order_and_drops_duplicates(running: Start) -> None:
    """SQS: a FIFO queue keeps the order of a message group, and takes a deduplication id once."""
    sqs = running(pipeline).client("sqs")
    url = sqs.get_queue_url(QueueName="rules-tickets.fifo")["QueueUrl"]
    for body in ("1", "2", "2", "3"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [one["Body"] for one in received] == ["1", "2", "3"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)


def test_a_tables_stream_has_what_has_changed(running: Start) -> None:
    """DynamoDB streams: changes reach the function with both images; a write that changes nothing does not."""
    run = running(pipeline)
    table = run.client("dynamodb")
    for number in ("1", "1", "2"):
        table.put_item(TableName="rules-items", Item={"id": {"S": "a"}, "n": {"N": number}})
    table.delete_item(TableName="rules-items", Key={"id": {"S": "a"}})
    told = [json.loads(one)["change"] for one in run.letters("rules-told-of-changes", count=3)]
    assert sorted(told, key=str) == sorted([[None, 1], [1, 2], [2, None]], key=str)


def test_a_rule_matches_its_pattern(running: Start) -> None:
    """EventBridge: a rule's target gets the events that its pattern matches, as they were put."""
    run = running(pipeline)
    entries = [
        {
            "Source": "rules",
            "DetailType": "level",
            "Detail": json.dumps({"level": level}),
            "EventBusName": "rules-alerts",
        }
        for level in (1, 9)
    ]
    assert run.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    (event,) = [json.loads(one) for one in run.letters("rules-high")]
    assert (event["source"], event["detail-type"], event["detail"]) == ("rules", "level", {"level": 9})


def test_a_subscription_filters_by_attributes(running: Start) -> None:
    """SNS: a subscription gets the messages whose attributes its filter policy matches, in SNS's envelope."""
    run = running(pipeline)
    sns = run.client("sns")
    (arn,) = [
        one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith(":rules-news")
    ]
    for colour in ("red", "green"):
        attributes = {"colour": {"DataType": "String", "StringValue": colour}}
        sns.publish(TopicArn=arn, Message=f"{colour} news", MessageAttributes=attributes)
    (envelope,) = [json.loads(one) for one in run.letters("rules-red-news")]
    assert (envelope["Type"], envelope["Message"]) == ("Notification", "red news")
    assert envelope["MessageAttributes"]["colour"]["Value"] == "red"
