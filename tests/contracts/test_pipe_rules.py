"""How EventBridge Pipes deliver, rule by rule."""

from __future__ import annotations

import json
from typing import Any

from tests.contracts.conftest import Running
from tests.contracts.delivery import pipes, pipes_here
from tests.contracts.delivery.asking import EVENTS, left, put, seen, send, states

pipeline = pipes_here.pipeline
elsewhere = pipes.pipeline

NONE = "neither LocalStack's open edition nor MiniStack has such pipes"

NOT_ON_LOCALSTACK = {
    "test_a_pipe_filters_enriches_and_hands_over": "LocalStack's open edition has no pipes",
}
ONLY_EMBEDDED = {
    "test_what_a_target_names_comes_again": NONE,
    "test_a_batch_whose_target_fails_comes_again": NONE,
    "test_who_is_not_waited_for_fails_no_batch": NONE,
    "test_a_pipe_of_a_stream_keeps_its_order": NONE,
    "test_a_pipe_of_a_stream_tells_of_what_it_gives_up": NONE,
    "test_a_filter_of_a_pipe_passes_over_records": NONE,
    "test_a_pipe_of_a_table_transforms_each_change": NONE,
    "test_an_enrichment_makes_more_or_fewer_records": NONE,
    "test_a_target_is_not_called_with_too_many_records": NONE,
    "test_a_bus_gets_events_of_its_own_form": NONE,
    "test_a_queue_gets_messages_of_groups": NONE,
}


@states(f"{EVENTS}/eb-pipes.html")
def test_a_pipe_filters_enriches_and_hands_over(delivering: Running, page: str) -> None:
    """What the filter lets through is enriched; an enrichment that answers with nothing ends the batch."""
    send(delivering, "delivery-piped", *({"n": number} for number in (-2, 1, 2, 4)))
    found = [json.loads(one) for one in delivering.letters("delivery-out", count=2)]
    assert sorted(one["n"] for one in found) == [2, 4]
    assert left(delivering, "delivery-piped") == 0


@states(f"{EVENTS}/eb-pipes-batching-concurrency.html#pipes-partial-batch-failure")
def test_what_a_target_names_comes_again(delivering: Running, page: str) -> None:
    """A function that is a target may name the records that failed; only those go through the pipe again."""
    send(delivering, "delivery-from-messages", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    assert seen(delivering, "pipe-target", count=2) == [[1, 2, 3], [2]]
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-pipe-dead")] == [2]


@states(f"{EVENTS}/eb-pipes-error-troubleshooting.html")
def test_a_batch_whose_target_fails_comes_again(delivering: Running, page: str) -> None:
    """A target's error fails the whole batch, up to the redrive policy of the source queue."""
    send(delivering, "delivery-from-messages", {"n": 1}, {"n": 2, "breaks": True}, {"n": 3})
    assert seen(delivering, "pipe-target", count=2) == [[1, 2, 3], [1, 2, 3]]
    assert left(delivering, "delivery-pipe-dead") == 3


@states(f"{EVENTS}/eb-pipes-targets-specifics.html")
def test_who_is_not_waited_for_fails_no_batch(delivering: Running, page: str) -> None:
    """A function that is invoked with FIRE_AND_FORGET may fail: the batch is done."""
    send(delivering, "delivery-from-forgotten", {"n": 1, "breaks": True})
    assert seen(delivering, "pipe-forgotten", count=1) == [[1]]
    assert left(delivering, "delivery-from-forgotten") == left(delivering, "delivery-pipe-dead") == 0


@states(f"{EVENTS}/eb-pipes-kinesis.html")
def test_a_pipe_of_a_stream_keeps_its_order(delivering: Running, page: str) -> None:
    """A pipe reads a stream's records in order, in batches, and goes on behind what its target named."""
    put(delivering, "delivery-pipe-clicks", *({"n": number} for number in range(1, 10)))
    assert seen(delivering, "pipe-of-stream", count=3) == [[1, 2, 3, 4], [5, 6, 7, 8], [9]]


@states(f"{EVENTS}/eb-pipes-error-troubleshooting.html")
def test_a_pipe_of_a_stream_tells_of_what_it_gives_up(delivering: Running, page: str) -> None:
    """A stream's batch is bisected and tried again, and what is given up is told to the dead-letter queue."""
    put(delivering, "delivery-pipe-clicks", {"n": 1}, {"n": 2}, {"n": 3, "breaks": True}, {"n": 4})
    (letter,) = (json.loads(one) for one in delivering.letters("delivery-pipe-told"))
    assert letter["context"]["condition"] == "RetryAttemptsExhausted"
    assert letter["context"]["partnerResourceArn"].endswith(":pipe/delivery-of-stream")
    assert letter["KinesisBatchInfo"]["batchSize"] == 1
    noted = seen(delivering, "pipe-of-stream", count=6)
    assert noted.count([3]) == 2
    assert noted[-1] == [4]


@states(f"{EVENTS}/eb-pipes-event-filtering.html")
def test_a_filter_of_a_pipe_passes_over_records(delivering: Running, page: str) -> None:
    """Records of a stream that the filter does not match are passed over."""
    put(delivering, "delivery-pipe-clicks", *({"n": number} for number in (-1, 0, 5)))
    assert seen(delivering, "pipe-of-stream", count=1) == [[5]]


@states(f"{EVENTS}/eb-pipes-input-transformation.html")
def test_a_pipe_of_a_table_transforms_each_change(delivering: Running, page: str) -> None:
    """A template stands for each record of a batch, with its values and with what the pipe is called."""
    for key in "ab":
        delivering.client("dynamodb").put_item(TableName="delivery-pipe-items", Item={"id": {"S": key}})
    client = delivering.client("kinesis")
    found = client.get_shard_iterator(
        StreamName="delivery-pipe-copies", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]

    def copies() -> Any:
        return client.get_records(ShardIterator=found)["Records"]

    records = delivering.settle(copies, of="the copies")
    assert [(one["PartitionKey"], json.loads(one["Data"])) for one in records] == [
        (key, {"id": key, "from": "delivery-of-table"}) for key in "ab"
    ]


@states(f"{EVENTS}/eb-pipes-batching-concurrency.html")
def test_an_enrichment_makes_more_or_fewer_records(delivering: Running, page: str) -> None:
    """An enrichment is given a batch and answers with an array of any length, whose items go on one by one."""
    send(delivering, "delivery-from-asking", {"n": 1, "copies": 3}, {"n": 2, "copies": 0})
    found = [json.loads(one) for one in delivering.letters("delivery-pipe-wide", count=3)]
    assert [(one["n"], one["copy"]) for one in found] == [(1, 0), (1, 1), (1, 2)]
    assert seen(delivering, "widen", count=1) == [[1, 2]]


@states(f"{EVENTS}/eb-pipes-batching-concurrency.html")
def test_a_target_is_not_called_with_too_many_records(delivering: Running, page: str) -> None:
    """If an enrichment makes more records than the target takes at once, the target is not called."""
    send(delivering, "delivery-from-asking", {"n": 1, "copies": 11})
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-pipe-dead")] == [1]
    assert left(delivering, "delivery-pipe-wide") == 0


@states(f"{EVENTS}/eb-pipes-targets-specifics.html")
def test_a_bus_gets_events_of_its_own_form(delivering: Running, page: str) -> None:
    """A bus gets each record as the detail of an event, whose source and type the pipe names."""
    send(delivering, "delivery-from-sold", {"n": 1})
    (event,) = (json.loads(one) for one in delivering.letters("delivery-pipe-sold"))
    assert (event["detail-type"], event["source"], event["detail"]) == (
        "sold",
        "Pipe delivery-to-bus",
        {"n": 1},
    )


@states(f"{EVENTS}/eb-pipes-targets-specifics.html")
def test_a_queue_gets_messages_of_groups(delivering: Running, page: str) -> None:
    """The group of a message for a FIFO queue is found in the record by its path."""
    send(delivering, "delivery-from-lined", {"n": 1, "who": "a"}, {"n": 2, "who": "b"})
    found = delivering.messages("delivery-pipe-line.fifo", count=2)
    groups = {one["Body"]: one["Attributes"]["MessageGroupId"] for one in found}
    assert groups == {"1": "a", "2": "b"}
