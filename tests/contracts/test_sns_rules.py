"""How SNS delivers, rule by rule."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import sns
from tests.contracts.delivery.asking import LAMBDA, SNS, left, seen, states

pipeline = sns.pipeline

NOT_ON_LOCALSTACK = {
    "test_a_policys_names_are_anded_and_its_values_are_ored": "LocalStack compares a text with a number",
    "test_binary_attributes_are_not_filtered_by": "LocalStack filters by binary attributes",
    "test_raw_delivery_takes_ten_attributes": "LocalStack counts no attributes for raw delivery",
}

Attributes = dict[str, dict[str, Any]]


def publish(run: Running, message: str, *, topic: str = "delivery-topic", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = run.client("sns").publish(TopicArn=arn_of(run, topic), Message=message, **more)
    return found


def arn_of(run: Running, topic: str) -> str:
    arns = [one["TopicArn"] for one in run.client("sns").list_topics()["Topics"]]
    (arn,) = [one for one in arns if one.endswith(f":{topic}")]
    return str(arn)


def attributes(**values: object) -> Attributes:
    """Message attributes: texts, numbers, lists."""
    made: Attributes = {}
    for name, value in values.items():
        if isinstance(value, str):
            made[name] = {"DataType": "String", "StringValue": value}
        elif isinstance(value, bytes):
            made[name] = {"DataType": "Binary", "BinaryValue": value}
        else:
            kind = "Number" if isinstance(value, int | float) else "String.Array"
            made[name] = {"DataType": kind, "StringValue": json.dumps(value)}
    return made


@states(f"{SNS}/sns-message-filtering.html")
def test_a_filter_policy_chooses_messages(delivering: Running, page: str) -> None:
    """A subscription gets the messages whose attributes its filter policy accepts; raw ones without envelope."""
    for color in ("blue", "red"):
        publish(delivering, color, MessageAttributes=attributes(color=color))
    assert delivering.letters("delivery-told") == ["red"]


@states(f"{SNS}/attribute-key-matching.html")
def test_a_policys_names_are_anded_and_its_values_are_ored(delivering: Running, page: str) -> None:
    """Every name of a filter policy has to match, each with one of its values."""
    some: list[dict[str, Any]] = [
        {"size": 9},
        {"size": 9, "form": "square"},
        {"size": 2, "form": "flat"},
        {"size": "9", "form": "flat"},  # a text is no number
        {"size": 9, "form": "flat"},
        {"size": 6.5, "form": ["deep", "round"]},  # one element of an array is enough
    ]
    for number, given in enumerate(some):
        publish(delivering, str(number), MessageAttributes=attributes(**given))
    found = [json.loads(one)["Message"] for one in delivering.letters("delivery-enveloped", count=2)]
    assert sorted(found) == ["4", "5"]


@states(f"{SNS}/sns-message-filtering-scope.html")
def test_a_policy_may_look_at_the_body(delivering: Running, page: str) -> None:
    """In the scope MessageBody a policy looks at the body's JSON object; any other body passes no policy."""
    paid, sent = json.dumps({"order": {"state": "paid"}}), json.dumps({"order": {"state": "sent"}})
    for message in (sent, "paid", json.dumps("paid"), json.dumps([{"order": {"state": "paid"}}]), paid):
        publish(delivering, message, MessageAttributes=attributes(order="paid"))
    assert delivering.letters("delivery-by-body") == [paid]


@states(f"{SNS}/subscription-filter-policy-constraints.html")
def test_binary_attributes_are_not_filtered_by(delivering: Running, page: str) -> None:
    """A filter policy does not see binary attributes."""
    publish(delivering, "binary", MessageAttributes=attributes(all=b"x"))
    publish(delivering, "text", MessageAttributes=attributes(all="x"))
    assert delivering.letters("delivery-all-raw") == ["text"]


@states(f"{SNS}/sns-sqs-as-subscriber.html")
def test_a_queue_gets_an_envelope(delivering: Running, page: str) -> None:
    """Without raw delivery a queue gets SNS's envelope, with the message's attributes in it."""
    arn = arn_of(delivering, "delivery-topic")
    answer = publish(
        delivering, "hello", Subject="a subject", MessageAttributes=attributes(size=9, form="flat")
    )
    (message,) = delivering.messages("delivery-enveloped")
    envelope = json.loads(message["Body"])
    assert {name: envelope[name] for name in ("Type", "MessageId", "TopicArn", "Subject", "Message")} == {
        "Type": "Notification",
        "MessageId": answer["MessageId"],
        "TopicArn": arn,
        "Subject": "a subject",
        "Message": "hello",
    }
    assert envelope["MessageAttributes"] == {
        "size": {"Type": "Number", "Value": "9"},
        "form": {"Type": "String", "Value": "flat"},
    }
    assert {
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
    } <= envelope.keys()
    assert "MessageAttributes" not in message


@states(f"{SNS}/sns-large-payload-raw-message-delivery.html")
def test_raw_delivery_keeps_attributes(delivering: Running, page: str) -> None:
    """With raw delivery a message's attributes become those of the queue's message."""
    publish(delivering, "raw", MessageAttributes=attributes(all="x", n=1))
    (message,) = delivering.messages("delivery-all-raw")
    assert message["Body"] == "raw"
    assert message["MessageAttributes"] == attributes(all="x", n=1)


@states(f"{SNS}/sns-message-attributes.html")
def test_raw_delivery_takes_ten_attributes(delivering: Running, page: str) -> None:
    """A raw message with more than ten attributes cannot be delivered: it is a dead letter of the subscription."""
    publish(delivering, "ten", MessageAttributes=attributes(all="x", **{f"a{n}": n for n in range(9)}))
    publish(delivering, "eleven", MessageAttributes=attributes(all="x", **{f"a{n}": n for n in range(10)}))
    assert delivering.letters("delivery-all-raw") == ["ten"]
    assert delivering.letters("delivery-undelivered") == ["eleven"]


@states(f"{SNS}/sns-send-custom-platform-specific-payloads-mobile-devices.html")
def test_a_protocol_may_have_a_text_of_its_own(delivering: Running, page: str) -> None:
    """With MessageStructure json, an endpoint gets its protocol's text, or the default one."""
    texts = {"default": "for all", "sqs": "for queues", "lambda": {"no": "text"}}
    publish(delivering, json.dumps(texts), topic="delivery-plain-topic", MessageStructure="json")
    assert delivering.letters("delivery-plain") == ["for queues"]
    assert [one[0] for one in seen(delivering, "of-topic", count=1)[0]] == ["for all"]
    with pytest.raises(ClientError, match="No default entry in JSON message body"):
        publish(delivering, json.dumps({"sqs": "for queues"}), MessageStructure="json")


@states(f"{LAMBDA}/with-sns.html")
def test_a_function_gets_one_record(delivering: Running, page: str) -> None:
    """A function is invoked once for each message, with one record."""
    for text in ("one", "two"):
        publish(delivering, text, MessageAttributes=attributes(work="yes"))
    found = seen(delivering, "of-topic", count=2)
    assert sorted(records[0][0] for records in found) == ["one", "two"]
    assert {len(records) for records in found} == {1}
    members = {"Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "MessageAttributes"}
    assert members <= set(found[0][0][1])


@states(f"{SNS}/sns-batch-api-actions.html")
def test_a_batch_is_answered_entry_by_entry(delivering: Running, page: str) -> None:
    """PublishBatch takes up to ten messages with ids of their own, each for itself."""
    client, arn = delivering.client("sns"), arn_of(delivering, "delivery-topic")
    entries = [{"Id": str(n), "Message": str(n), "MessageAttributes": attributes(all="x")} for n in range(11)]
    for wrong, code in (
        (entries, "TooManyEntriesInBatchRequest"),
        ([entries[0], entries[0]], "BatchEntryIdsNotDistinct"),
    ):
        with pytest.raises(ClientError) as refused:
            client.publish_batch(TopicArn=arn, PublishBatchRequestEntries=wrong)
        assert refused.value.response["Error"]["Code"] == code
    answer = client.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries[:10])
    assert [one["Id"] for one in answer["Successful"]] == [str(n) for n in range(10)]
    assert sorted(delivering.letters("delivery-all-raw", count=10)) == [str(n) for n in range(10)]


@states(f"{SNS}/sns-batch-api-actions.html")
def test_a_batch_is_over_the_limit_as_a_whole(delivering: Running, page: str) -> None:
    """The messages of a batch together have 256 KB at most; otherwise none of them is published."""
    client, arn = delivering.client("sns"), arn_of(delivering, "delivery-topic")
    entries = [
        {"Id": str(n), "Message": "x" * 131_073, "MessageAttributes": attributes(all="x")} for n in range(2)
    ]
    with pytest.raises(ClientError) as refused:
        client.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert refused.value.response["Error"]["Code"] == "BatchRequestTooLong"
    assert left(delivering, "delivery-all-raw") == 0


@states(f"{SNS}/fifo-message-dedup.html")
def test_a_fifo_topic_knows_duplicates(delivering: Running, page: str) -> None:
    """A FIFO topic takes a deduplication id of the last five minutes once more, and delivers nothing."""
    answers = [
        publish(
            delivering,
            text,
            topic="delivery-lines.fifo",
            MessageGroupId="g",
            MessageDeduplicationId=identifier,
        )
        for text, identifier in (("first", "1"), ("again", "1"), ("second", "2"))
    ]
    found = [json.loads(one) for one in delivering.letters("delivery-in-line.fifo", count=2)]
    assert [one["Message"] for one in found] == ["first", "second"]
    assert [one["SequenceNumber"] for one in found] == [answers[n]["SequenceNumber"] for n in (0, 2)]
    assert int(answers[0]["SequenceNumber"]) < int(answers[2]["SequenceNumber"])


@states(f"{SNS}/fifo-topic-message-ordering.html")
def test_a_fifo_topic_keeps_the_order_of_a_group(delivering: Running, page: str) -> None:
    """A FIFO topic's messages need a group, whose order the subscribed FIFO queue keeps."""
    topic = "delivery-lines.fifo"
    for number in range(5):
        identifier = f"order-{number}"
        publish(delivering, str(number), topic=topic, MessageGroupId="o", MessageDeduplicationId=identifier)
    messages = delivering.messages("delivery-in-line.fifo", count=5)
    assert [json.loads(one["Body"])["Message"] for one in messages] == ["0", "1", "2", "3", "4"]
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"o"}
    with pytest.raises(ClientError, match="MessageGroupId"):
        publish(delivering, "without", topic=topic, MessageDeduplicationId="x")


@states(f"{SNS}/fifo-message-dedup.html")
def test_a_fifo_topic_needs_an_id(delivering: Running, page: str) -> None:
    """A message for a FIFO topic has a deduplication id, unless the topic makes it of the content."""
    with pytest.raises(ClientError, match="ContentBasedDeduplication"):
        publish(delivering, "without", topic="delivery-lines.fifo", MessageGroupId="g")
    with pytest.raises(ClientError, match="MessageDeduplicationId"):
        publish(delivering, "standard", MessageDeduplicationId="1")


@states(f"{SNS}/fifo-message-dedup.html")
def test_a_fifo_topic_may_take_its_ids_of_the_content(delivering: Running, page: str) -> None:
    """With content-based deduplication the id is the SHA-256 of the body, whatever the attributes are."""
    for text, n in (("same", 1), ("same", 2), ("other", 1)):
        publish(
            delivering,
            text,
            topic="delivery-hashed.fifo",
            MessageGroupId="g",
            MessageAttributes=attributes(n=n),
        )
    messages = delivering.messages("delivery-in-hashed-line.fifo", count=2)
    assert [one["Body"] for one in messages] == ["same", "other"]
    identifiers = [one["Attributes"]["MessageDeduplicationId"] for one in messages]
    assert identifiers == [hashlib.sha256(text.encode()).hexdigest() for text in ("same", "other")]


@states(f"{SNS}/fifo-topic-message-delivery.html")
def test_a_fifo_topic_gives_a_standard_queue_its_messages(delivering: Running, page: str) -> None:
    """A standard queue may be subscribed to a FIFO topic; it has no deduplication of its own."""
    topic = "delivery-lines.fifo"
    for text in ("one", "two"):
        publish(delivering, text, topic=topic, MessageGroupId="g", MessageDeduplicationId=text)
    found: list[str] = []

    def both() -> bool:
        found.extend(delivering.letters("delivery-out-of-line", count=0))
        return {"one", "two"} <= set(found)

    delivering.settle(both, of="both messages")
