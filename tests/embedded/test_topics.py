"""SNS on the embedded target: what is published reaches the subscriptions whose filter policy it passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from penstock.handlers import S3Upload, SNSMessage, on_sns_message, on_sqs_message
from penstock.pipelines import Function, Pipeline, Queue, Subscription, Topic
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from penstock.testing.context import FakeContext
from penstock.testing.events import s3_event

SEEN: list[SNSMessage[dict[str, Any]]] = []


@on_sns_message
def take(message: SNSMessage[dict[str, Any]]) -> None:
    SEEN.append(message)


ORDERS, FIFO = Topic("orders"), Topic("steps.fifo", fifo=True)
PARTS = (
    Subscription(ORDERS, to=Queue("everything")),
    Subscription(ORDERS, to=Queue("raw"), raw_message_delivery=True),
    Subscription(ORDERS, to=Queue("large"), filter_policy={"amount": [{"numeric": [">", 100]}]}),
    Subscription(
        ORDERS,
        to=Function("take", take),
        filter_policy={"kind": ["gift"]},
        filter_policy_scope="MessageBody",
    ),
    Subscription(FIFO, to=Queue("steps.fifo", fifo=True), raw_message_delivery=True),
)
ARN = "arn:aws:sns:us-east-1:123456789012:orders"
STEPS = "arn:aws:sns:us-east-1:123456789012:steps.fifo"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Embedded]:
    SEEN.clear()
    with Embedded(
        Pipeline("test", parts=PARTS), new_run("test", base=tmp_path), clock=VirtualClock()
    ) as found:
        yield found


def sns(run: Embedded) -> Any:
    return run.client("sns")


def bodies(run: Embedded, queue: str) -> list[str]:
    return [message.body for message in run.queues.find(queue).messages.values()]


def test_a_queue_gets_the_envelope_or_the_message_itself(run: Embedded) -> None:
    """With the message's attributes inside the envelope, or as the message's own."""
    attributes = {"amount": {"DataType": "Number", "StringValue": "5"}}
    answer = sns(run).publish(TopicArn=ARN, Message="hello", Subject="news", MessageAttributes=attributes)
    (text,) = bodies(run, "everything")
    envelope = json.loads(text)
    assert envelope["MessageId"] == answer["MessageId"]
    assert {name: envelope[name] for name in ("Type", "TopicArn", "Message", "Subject", "Timestamp")} == {
        "Type": "Notification",
        "TopicArn": ARN,
        "Message": "hello",
        "Subject": "news",
        "Timestamp": "2026-01-01T00:00:00.000Z",
    }
    assert envelope["MessageAttributes"] == {"amount": {"Type": "Number", "Value": "5"}}
    (raw,) = run.queues.find("raw").messages.values()
    assert raw.body == "hello"
    assert raw.attributes["amount"].string_value == "5"


def test_filter_policies_choose(run: Embedded) -> None:
    """By attributes or by the body; a message without the attribute does not pass."""
    sns(run).publish(TopicArn=ARN, Message="no attributes")
    sns(run).publish(
        TopicArn=ARN,
        Message="large",
        MessageAttributes={"amount": {"DataType": "Number", "StringValue": "500"}},
    )
    sns(run).publish(TopicArn=ARN, Message='{"kind": "gift", "n": 1}')
    sns(run).publish(TopicArn=ARN, Message='{"kind": "order", "n": 2}')
    run.run_until_idle()
    assert [json.loads(text)["Message"] for text in bodies(run, "large")] == ["large"]
    assert [message.message for message in SEEN] == [{"kind": "gift", "n": 1}]
    assert len(bodies(run, "everything")) == 4


@pytest.mark.parametrize(
    ("topic", "wrong", "code"),
    [
        (ARN, {"Message": ""}, "InvalidParameter"),
        (ARN, {"Message": "{}", "MessageStructure": "json"}, "InvalidParameter"),
        (ARN, {"Message": "x", "MessageAttributes": {"n": {"DataType": "Text"}}}, "ParameterValueInvalid"),
        (STEPS, {"Message": "x", "MessageDeduplicationId": "2"}, "InvalidParameter"),
        (STEPS, {"Message": "x", "MessageGroupId": "g"}, "InvalidParameter"),
    ],
)
def test_a_batch_with_a_wrong_entry_is_refused(
    run: Embedded, topic: str, wrong: dict[str, Any], code: str
) -> None:
    """Nothing of it is published; entries fail one by one for SNS's own reasons only."""
    good: dict[str, Any] = {"Id": "1", "Message": "one"}
    if topic == STEPS:
        good |= {"MessageGroupId": "g", "MessageDeduplicationId": "1"}
    with pytest.raises(ClientError) as refused:
        sns(run).publish_batch(TopicArn=topic, PublishBatchRequestEntries=[good, {"Id": "2", **wrong}])
    assert refused.value.response["Error"]["Code"] == code
    assert not bodies(run, "raw")
    assert not bodies(run, "steps.fifo")
    answer = sns(run).publish_batch(TopicArn=topic, PublishBatchRequestEntries=[good])
    assert [one["Id"] for one in answer["Successful"]] == ["1"]
    assert not answer["Failed"]


def test_attributes_that_are_wrong_have_an_error_of_their_own(run: Embedded) -> None:
    """`InvalidParameterValueException`, whose code is `ParameterValueInvalid`."""
    client = sns(run)
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.publish(TopicArn=ARN, Message="x", MessageAttributes={"a": {"DataType": "String"}})


def test_a_fifo_topic_keeps_groups_and_knows_duplicates(run: Embedded) -> None:
    """As its FIFO queue does."""
    for number in (1, 1, 2):
        sns(run).publish(
            TopicArn=STEPS, Message=str(number), MessageGroupId="g", MessageDeduplicationId=str(number)
        )
    assert bodies(run, "steps.fifo") == ["1", "2"]
    with pytest.raises(ClientError, match="MessageGroupId"):
        sns(run).publish(TopicArn=STEPS, Message="3")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"TopicArn": f"{ARN}-nowhere", "Message": "x"}, "NotFound"),
        ({"TopicArn": "steps", "Message": "x"}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": ""}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": "x", "MessageStructure": "xml"}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": "text", "MessageStructure": "json"}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": "x", "Subject": ""}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": "x", "Subject": "x" * 101}, "InvalidParameter"),
        ({"TopicArn": ARN, "Message": "x", "Subject": "two\nlines"}, "InvalidParameter"),
    ],
)
def test_what_sns_refuses_is_refused(run: Embedded, parameters: dict[str, str], code: str) -> None:
    """With SNS's error codes."""
    with pytest.raises(ClientError) as refused:
        sns(run).publish(**parameters)
    assert refused.value.response["Error"]["Code"] == code


def test_topics_and_subscriptions_are_listed(run: Embedded) -> None:
    """Those of the declaration."""
    assert {"TopicArn": ARN} in sns(run).list_topics()["Topics"]
    found = sns(run).list_subscriptions_by_topic(TopicArn=ARN)["Subscriptions"]
    assert [one["Protocol"] for one in found] == ["sqs", "sqs", "sqs", "lambda"]


def test_an_s3_event_in_an_envelope_is_opened_by_type() -> None:
    """What a queue that is subscribed gets is what a handler of uploads takes."""
    uploads: list[S3Upload] = []

    def handle(upload: S3Upload) -> None:
        uploads.append(upload)

    envelope = {"Type": "Notification", "Message": json.dumps(s3_event("a b.csv"))}
    record = {"messageId": "1", "body": json.dumps(envelope), "eventSourceARN": "arn:aws:sqs:x:y:q"}
    on_sqs_message(handle).invoke({"Records": [record]}, FakeContext())
    assert [upload.key for upload in uploads] == ["a b.csv"]
