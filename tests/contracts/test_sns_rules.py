"""How SNS delivers, rule by rule."""

from __future__ import annotations

from tests.contracts.conftest import Running
from tests.contracts.delivery import sns
from tests.contracts.delivery.asking import SNS, states

pipeline = sns.pipeline

NOT_ON_LOCALSTACK: dict[str, str] = {}


@states(f"{SNS}/sns-message-filtering.html")
def test_a_filter_policy_chooses_messages(delivering: Running, page: str) -> None:
    """A subscription gets the messages whose attributes its filter policy accepts; raw ones without envelope."""
    client = delivering.client("sns")
    topics = [one["TopicArn"] for one in client.list_topics()["Topics"]]
    (arn,) = [one for one in topics if one.endswith(":delivery-topic")]
    for color in ("blue", "red"):
        attributes = {"color": {"DataType": "String", "StringValue": color}}
        client.publish(TopicArn=arn, Message=color, MessageAttributes=attributes)
    assert delivering.letters("delivery-told") == ["red"]
