"""How Lambda's mappings of Kinesis streams deliver, rule by rule."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.contracts.conftest import Running
from tests.contracts.delivery import kinesis, kinesis_here
from tests.contracts.delivery.asking import LAMBDA, notes, put, seen, states
from tests.contracts.delivery.kinesis_calls import in_shards, under
from tests.contracts.delivery.stream_calls import when_active

pipeline = kinesis_here.pipeline
elsewhere = kinesis.pipeline
KINESIS = "https://docs.aws.amazon.com/streams/latest/dev"
NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_a_batch_has_records_of_one_shard": ("sharded",),
    "test_a_failing_batch_holds_up_its_shard_only": ("divided",),
    "test_a_batching_window_gathers_records": ("gathered",),
    "test_a_full_batch_does_not_wait": ("gathered",),
    "test_six_megabytes_do_not_wait": ("gathered",),
    "test_a_batch_has_at_most_a_hundred_records": ("hundreds",),
    "test_a_filter_passes_over_what_it_does_not_match": ("filtered",),
    "test_mappings_of_one_stream_filter_for_themselves": ("filtered",),
    "test_data_of_another_format_does_not_match": ("filtered",),
    "test_children_are_read_after_their_parents": ("resharded",),
    "test_a_consumer_reads_the_whole_stream": ("fanned",),
}
ONLY_EMBEDDED = {
    "test_a_consumer_reads_the_whole_stream": "MiniStack's CloudFormation registers no consumers",
    "test_parallel_batches_keep_the_order_of_each_key": "endpoints work on one batch of a shard at once",
}


@states(f"{LAMBDA}/with-kinesis.html")
def test_a_batch_has_records_of_one_shard(delivering: Running, page: str) -> None:
    """Each batch has records of a single shard, in the order in which they were put."""
    in_shards(delivering, "delivery-sharded", [b"a", b"b"], [b"c", b"d"])
    batches = seen(delivering, "sharded", count=2)
    assert sorted([text for _, _, text in batch] for batch in batches) == [["a", "b"], ["c", "d"]]
    assert all(len({shard for shard, _, _ in batch}) == 1 for batch in batches)


@states(f"{LAMBDA}/with-kinesis.html")
def test_a_failing_batch_holds_up_its_shard_only(delivering: Running, page: str) -> None:
    """While a batch is tried again nothing behind it in its shard is delivered; other shards go on."""
    breaking = json.dumps({"n": 1, "breaks_first": 3, "name": uuid4().hex}).encode()
    client = delivering.client("kinesis")
    client.split_shard(
        StreamName="delivery-divided", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
    )
    when_active(delivering, "delivery-divided")
    left, right = 0, 1 << 127
    records = [
        (left, breaking),
        *((right, b'{"n": %d}' % number) for number in (3, 4, 5)),
        (left, b'{"n": 2}'),
    ]
    for hash_key, data in records:
        client.put_record(
            StreamName="delivery-divided", PartitionKey="k", ExplicitHashKey=str(hash_key), Data=data
        )
    noted = [number for (number,) in seen(delivering, "divided", count=8)]
    assert [number for number in noted if number < 3] == [1, 1, 1, 1, 2]
    assert [number for number in noted if number > 2] == [3, 4, 5]
    assert noted.index(5) < noted.index(2)


@states(f"{LAMBDA}/services-kinesis-parameters.html")
def test_a_batch_has_at_most_a_hundred_records(delivering: Running, page: str) -> None:
    """A batch has up to 100 records if BatchSize does not say otherwise."""
    put(delivering, "delivery-hundreds", *range(250))
    assert [len(batch) for batch in seen(delivering, "hundreds", count=3)] == [100, 100, 50]


@states(f"{LAMBDA}/with-kinesis.html")
def test_parallel_batches_keep_the_order_of_each_key(delivering: Running, page: str) -> None:
    """With ParallelizationFactor each key stays in order, and a key that fails does not hold up all others."""
    keys: dict[str, list[object]] = {
        f"key{key}": [{"n": 10 * key + number} for number in range(3)] for key in range(9)
    }
    keys["key0"][0] = {"n": 0, "breaks_first": 5, "name": uuid4().hex}
    under(delivering, "delivery-parallel", **keys)
    noted = [number for (number,) in seen(delivering, "parallel", count=32)]
    for key in range(9):
        mine = [number for number in noted if number // 10 == key]
        assert list(dict.fromkeys(mine)) == [10 * key + number for number in range(3)]
    last_try = max(place for place, number in enumerate(noted) if number == 0)
    assert {number for number in noted[:last_try] if number >= 10}


@states(f"{LAMBDA}/with-kinesis.html")
def test_a_batching_window_gathers_records(delivering: Running, page: str) -> None:
    """With a batching window records are gathered until it is over."""
    put(delivering, "delivery-gathered", 1, 2)
    delivering.wait(20)
    put(delivering, "delivery-gathered", 3)
    (batch,) = seen(delivering, "gathered", count=1)
    assert [text for _, _, text in batch] == ["1", "2", "3"]


@states(f"{LAMBDA}/with-kinesis.html")
def test_a_full_batch_does_not_wait(delivering: Running, page: str) -> None:
    """A batching window is over when the batch is full."""
    put(delivering, "delivery-gathered", *range(12))
    first, second = notes(delivering, "gathered", count=2)
    assert (len(first.what), len(second.what)) == (10, 2)
    assert second.at - first.at == pytest.approx(30, abs=delivering.slack_seconds)


@states(f"{LAMBDA}/with-kinesis.html")
def test_six_megabytes_do_not_wait(delivering: Running, page: str) -> None:
    """A batching window is over when the payload reaches 6 MB."""
    for _ in range(6):
        put(delivering, "delivery-gathered", "x" * 1_000_000)
    first, second = notes(delivering, "gathered", count=2)
    assert (len(first.what), len(second.what)) == (4, 2)
    assert second.at - first.at == pytest.approx(30, abs=delivering.slack_seconds)


@states(f"{LAMBDA}/with-kinesis-filtering.html")
def test_a_filter_passes_over_what_it_does_not_match(delivering: Running, page: str) -> None:
    """Records that no filter matches are passed over, however many; one filter that matches is enough."""
    put(delivering, "delivery-filtered", *({"n": number % 10} for number in range(400)))
    put(delivering, "delivery-filtered", {"n": 11}, {"n": 1, "color": "red"}, {"n": 2, "color": "blue"})
    assert seen(delivering, "large", count=1) == [[11, 1]]


@states(f"{LAMBDA}/with-kinesis-filtering.html")
def test_mappings_of_one_stream_filter_for_themselves(delivering: Running, page: str) -> None:
    """Each mapping of a stream has its filters; they see metadata as well as decoded data."""
    under(delivering, "delivery-filtered", mine=[{"n": 1}], other=[{"n": 12}])
    assert seen(delivering, "large", count=1) == [[12]]
    ((record,),) = seen(delivering, "by-key", count=1)
    assert record[1] == "mine"


@states(f"{LAMBDA}/with-kinesis-filtering.html")
def test_data_of_another_format_does_not_match(delivering: Running, page: str) -> None:
    """A filter for JSON drops data that is none, and one for plain text drops JSON."""
    client = delivering.client("kinesis")
    for data in (b"{", b"\xff\xfe", b"plain text", b'{"n": 20}'):
        client.put_record(StreamName="delivery-filtered", PartitionKey="k", Data=data)
    assert seen(delivering, "large", count=1) == [[20]]
    ((record,),) = seen(delivering, "texts", count=1)
    assert record[2] == "plain text"


@states(f"{KINESIS}/kinesis-using-sdk-java-after-resharding.html")
def test_children_are_read_after_their_parents(delivering: Running, page: str) -> None:
    """After a split and a merge the records of a key still come in the order in which they were put."""
    client, stream = delivering.client("kinesis"), "delivery-resharded"
    put(delivering, stream, *range(150))
    client.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
    )
    when_active(delivering, stream)
    put(delivering, stream, *range(150, 300))
    client.merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )
    when_active(delivering, stream)
    put(delivering, stream, *range(300, 310))
    records: list[list[str]] = []
    while len(records) < 310:
        records += [record for batch in seen(delivering, "resharded", count=1) for record in batch]
    assert [int(text) for _, _, text in records] == list(range(310))
    assert len({shard for shard, _, _ in records}) == 3


@states(f"{LAMBDA}/services-kinesis-create.html")
def test_a_consumer_reads_the_whole_stream(delivering: Running, page: str) -> None:
    """A mapping of a consumer with enhanced fan-out gets every record, beside the other mappings."""
    put(delivering, "delivery-fanned", {"n": 1}, {"n": 2})
    assert seen(delivering, "as-consumer", count=1) == seen(delivering, "as-reader", count=1) == [[1, 2]]
    arn = delivering.client("kinesis").describe_stream_summary(StreamName="delivery-fanned")
    listed = delivering.client("kinesis").list_stream_consumers(
        StreamARN=arn["StreamDescriptionSummary"]["StreamARN"]
    )["Consumers"]
    assert [one["ConsumerName"] for one in listed] == ["fast"]
