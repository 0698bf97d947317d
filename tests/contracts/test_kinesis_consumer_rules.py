"""How Kinesis's consumers are registered and what is pushed to them, rule by rule."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import streams
from tests.contracts.delivery.asking import states
from tests.contracts.delivery.stream_calls import RESHAPED, STREAM, put, shards, split, when_active

pipeline = streams.pipeline

API = "https://docs.aws.amazon.com/kinesis/latest/APIReference"

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {"test_a_subscription_is_taken_over_after_five_seconds": ("shards",)}
ONLY_EMBEDDED = {
    "test_a_subscription_pushes_records": "a subscription lives for five minutes, in real time elsewhere",
    "test_a_subscription_is_made_again_with_its_continuation": "a subscription lives for five minutes",
    "test_a_subscription_ends_with_its_shard": "its stream is resharded elsewhere by another test",
    "test_a_stream_has_at_most_twenty_consumers": "elsewhere five are registered at once, and each takes its time",
}


@states(f"{API}/API_RegisterStreamConsumer.html")
def test_a_consumer_is_registered_and_found(delivering: Running, page: str) -> None:
    """A consumer is registered once by its name; it is found by that and by its ARN until it is deregistered."""
    client = delivering.client("kinesis")
    arn = when_active(delivering)
    made = client.register_stream_consumer(StreamARN=arn, ConsumerName="one")["Consumer"]
    assert made["ConsumerARN"].startswith(f"{arn}/consumer/one:")
    assert made["ConsumerStatus"] == "CREATING"
    with pytest.raises(ClientError, match="ResourceInUseException"):
        client.register_stream_consumer(StreamARN=arn, ConsumerName="one")

    def active() -> Any:
        found = client.describe_stream_consumer(StreamARN=arn, ConsumerName="one")["ConsumerDescription"]
        return found["ConsumerARN"] if found["ConsumerStatus"] == "ACTIVE" else None

    assert delivering.settle(active, of="the consumer") == made["ConsumerARN"]
    client.deregister_stream_consumer(ConsumerARN=made["ConsumerARN"])
    assert delivering.settle(
        lambda: not client.list_stream_consumers(StreamARN=arn)["Consumers"], of="its end"
    )


@states(f"{API}/API_RegisterStreamConsumer.html")
def test_a_stream_has_at_most_twenty_consumers(delivering: Running, page: str) -> None:
    """A stream has up to 20 consumers, whose names are its own."""
    client = delivering.client("kinesis")
    arns = [
        client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
        for name in (STREAM, RESHAPED)
    ]
    for number in range(20):
        client.register_stream_consumer(StreamARN=arns[0], ConsumerName=f"c{number}")
    with pytest.raises(ClientError, match="LimitExceededException"):
        client.register_stream_consumer(StreamARN=arns[0], ConsumerName="c20")
    client.register_stream_consumer(StreamARN=arns[1], ConsumerName="c0")


def subscribe(run: Running, position: dict[str, str], stream: str = STREAM) -> Any:
    """Subscribe the consumer `reader` to the stream's first shard; the event stream."""
    client = run.client("kinesis")
    arn = when_active(run, stream)
    known = client.list_stream_consumers(StreamARN=arn)["Consumers"]
    consumer = (
        known[0]
        if known
        else client.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]
    )
    answer = client.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId="shardId-000000000000", StartingPosition=position
    )
    return answer["EventStream"]


def pushed(stream: Any) -> list[dict[str, Any]]:
    return [one["SubscribeToShardEvent"] for one in stream]


@states(f"{API}/API_SubscribeToShard.html")
def test_a_subscription_pushes_records(delivering: Running, page: str) -> None:
    """A consumer's subscription gives a shard's records from its starting position on, and those that come."""
    put(delivering, b"before")
    latest = subscribe(delivering, {"Type": "LATEST"})
    put(delivering, b"after")
    assert [record["Data"] for one in pushed(latest) for record in one["Records"]] == [b"after"]
    (oldest,) = pushed(subscribe(delivering, {"Type": "TRIM_HORIZON"}))
    assert [record["Data"] for record in oldest["Records"]] == [b"before", b"after"]
    assert oldest["MillisBehindLatest"] == 0


@states(f"{API}/API_SubscribeToShardEvent.html")
def test_a_subscription_is_made_again_with_its_continuation(delivering: Running, page: str) -> None:
    """An event's ContinuationSequenceNumber is where the next subscription goes on, also without records."""
    (idle,) = pushed(subscribe(delivering, {"Type": "TRIM_HORIZON"}))
    assert idle["Records"] == []
    put(delivering, b"1")
    position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": idle["ContinuationSequenceNumber"]}
    (found,) = pushed(subscribe(delivering, position))
    assert [record["Data"] for record in found["Records"]] == [b"1"]
    position["SequenceNumber"] = found["ContinuationSequenceNumber"]
    (nothing,) = pushed(subscribe(delivering, position))
    assert nothing["Records"] == []


@states(f"{API}/API_SubscribeToShardEvent.html")
def test_a_subscription_ends_with_its_shard(delivering: Running, page: str) -> None:
    """The event at the end of a shard names the shards that follow it."""
    put(delivering, b"1", stream=RESHAPED)
    split(delivering)
    *_, end = pushed(subscribe(delivering, {"Type": "TRIM_HORIZON"}, RESHAPED))
    assert [one["ShardId"] for one in end["ChildShards"]] == [
        one["ShardId"] for one in shards(delivering, RESHAPED)[1:]
    ]


@states(f"{API}/API_SubscribeToShard.html")
def test_a_subscription_is_taken_over_after_five_seconds(delivering: Running, page: str) -> None:
    """A consumer that subscribes again within five seconds is refused; later the new subscription takes over."""
    with closing(subscribe(delivering, {"Type": "LATEST"})) as first:
        with pytest.raises(ClientError, match="ResourceInUseException"):
            subscribe(delivering, {"Type": "LATEST"}).close()
        delivering.wait(5)
        second = subscribe(delivering, {"Type": "LATEST"})
        with closing(second), pytest.raises(ClientError, match="ResourceInUseException"):
            pushed(first)
