"""How Lambda's mappings of Kinesis streams deliver, rule by rule."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from tests.contracts.conftest import Running
from tests.contracts.delivery import kinesis, kinesis_here
from tests.contracts.delivery.asking import LAMBDA, left, notes, put, seen, states

pipeline = kinesis_here.pipeline
elsewhere = kinesis.pipeline

KINESIS = "https://docs.aws.amazon.com/streams/latest/dev"

LONG = "not deployed elsewhere: it would take too long"
NEVER = "it would wait for too long"

NOT_ON_LOCALSTACK = {
    "test_bisecting_goes_on_at_the_number_that_was_named": "records of other rules may still be tried in its stream"
}
ONLY_EMBEDDED = {
    "test_a_batch_has_records_of_one_shard": LONG,
    "test_a_failing_batch_holds_up_its_shard_only": LONG,
    "test_without_a_limit_a_batch_is_tried_until_it_succeeds": LONG,
    "test_without_retries_a_batch_is_given_up_at_once": LONG,
    "test_a_document_tells_of_a_batch": LONG,
    "test_a_bucket_keeps_the_whole_event": LONG,
    "test_a_topic_is_told": LONG,
    "test_without_a_destination_records_are_dropped": LONG,
    "test_records_that_are_too_old_are_given_up": NEVER,
    "test_only_what_is_too_old_is_given_up": NEVER,
    "test_throttles_use_up_no_attempt": LONG,
    "test_an_answer_without_failures_is_a_success": LONG,
    "test_an_answer_that_names_nothing_known_is_a_failure": LONG,
    "test_an_answer_is_not_read_if_the_mapping_does_not_say_so": LONG,
    "test_a_function_that_ends_its_process_has_failed": LONG,
    "test_a_batching_window_gathers_records": LONG,
    "test_a_full_batch_does_not_wait": LONG,
    "test_six_megabytes_do_not_wait": LONG,
    "test_a_batch_has_at_most_a_hundred_records": LONG,
    "test_parallel_batches_keep_the_order_of_each_key": "endpoints work on one batch of a shard at once",
    "test_a_filter_passes_over_what_it_does_not_match": LONG,
    "test_mappings_of_one_stream_filter_for_themselves": LONG,
    "test_data_of_another_format_does_not_match": LONG,
    "test_a_window_has_its_boundaries_and_begins_without_state": NEVER,
    "test_a_failed_invocation_leaves_the_state_as_it_was": NEVER,
    "test_an_answer_without_state_is_a_failure": NEVER,
    "test_a_state_of_more_than_a_megabyte_ends_the_window": NEVER,
    "test_a_window_ends_with_its_shard": NEVER,
    "test_children_are_read_after_their_parents": LONG,
    "test_a_consumer_reads_the_whole_stream": LONG,
}


def under(run: Running, stream: str, **keys: list[object]) -> None:
    """Put records under several keys, key by key in turn."""
    longest = max(map(len, keys.values()))
    records = [
        {"PartitionKey": key, "Data": json.dumps(data[number]).encode()}
        for number in range(longest)
        for key, data in keys.items()
        if number < len(data)
    ]
    run.client("kinesis").put_records(StreamName=stream, Records=records)


def in_shards(run: Running, stream: str, *shards: list[bytes]) -> None:
    """Put data into the first shard, the second, ..."""
    found = run.client("kinesis").list_shards(StreamName=stream)["Shards"]
    records = [
        {"PartitionKey": "k", "ExplicitHashKey": shard["HashKeyRange"]["StartingHashKey"], "Data": one}
        for shard, data in zip(found, shards, strict=True)
        for one in data
    ]
    run.client("kinesis").put_records(StreamName=stream, Records=records)


def letter_in(run: Running, queue: str) -> dict[str, Any]:
    (letter,) = (json.loads(one) for one in run.letters(queue))
    assert isinstance(letter, dict)
    return letter


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_records_that_are_given_up_are_told_of(delivering: Running, page: str) -> None:
    """After its retries a batch is bisected to the record that fails; its metadata goes to the destination."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2}, {"n": 3, "breaks": True}, {"n": 4})
    letter = letter_in(delivering, "delivery-given-up")
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in letter
    noted = seen(delivering, "of-stream", count=6)
    assert noted.count([3]) == 2
    assert noted[-1] == [4]


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_a_stream_goes_on_at_the_lowest_failure(delivering: Running, page: str) -> None:
    """What lies before the lowest sequence number that is named is done; the rest is delivered again."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    noted = seen(delivering, "of-stream", count=3)
    assert noted[:2] == [[1, 2, 3], [2, 3]]
    assert all(1 not in one for one in noted[1:])


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_hands_its_state_on(delivering: Running, page: str) -> None:
    """Each invocation of a tumbling window gets the state of the one before; the last one is final."""
    put(delivering, "delivery-totals", *({"n": number} for number in range(1, 6)))
    assert seen(delivering, "of-window", count=1) == [15]


# --- Batches and their order ------------------------------------------------------------------------------


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
    for hash_key, data in ((0, breaking), (0, b'{"n": 2}'), (1 << 127, b'{"n": 3}'), (1 << 127, b'{"n": 4}')):
        client.put_record(
            StreamName="delivery-divided", PartitionKey="k", ExplicitHashKey=str(hash_key), Data=data
        )
    noted = [number for (number,) in seen(delivering, "divided", count=7)]
    assert [number for number in noted if number < 3] == [1, 1, 1, 1, 2]
    assert [number for number in noted if number > 2] == [3, 4]
    assert noted.index(4) < noted.index(2)


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_without_a_limit_a_batch_is_tried_until_it_succeeds(delivering: Running, page: str) -> None:
    """By default a failing batch is retried until it succeeds or expires, and the shard waits for it."""
    put(
        delivering,
        "delivery-patient",
        {"n": 1, "breaks_first": 12, "name": uuid4().hex},
        *({"n": number} for number in (2, 3)),
    )
    assert seen(delivering, "patient", count=14) == [*[[1, 2]] * 13, [3]]


@states(f"{LAMBDA}/services-kinesis-parameters.html")
def test_without_retries_a_batch_is_given_up_at_once(delivering: Running, page: str) -> None:
    """With MaximumRetryAttempts 0 a batch that fails is discarded as a whole, and the next one comes."""
    put(delivering, "delivery-strict", {"n": 1, "breaks": True}, {"n": 2}, {"n": 3})
    assert seen(delivering, "strict", count=2) == [[1, 2], [3]]
    letter = letter_in(delivering, "delivery-strictly")
    assert letter["requestContext"]["approximateInvokeCount"] == 1
    assert letter["KinesisBatchInfo"]["batchSize"] == 2


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_a_function_that_ends_its_process_has_failed(delivering: Running, page: str) -> None:
    """A function that ends without an answer has failed as one that raises."""
    put(delivering, "delivery-strict", {"n": 1, "exits": True}, {"n": 2})
    letter = letter_in(delivering, "delivery-strictly")
    assert letter["responseContext"]["functionError"] == "Unhandled"


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_throttles_use_up_no_attempt(delivering: Running, page: str) -> None:
    """A batch that the function was too busy for is tried again, whatever MaximumRetryAttempts says."""
    in_shards(delivering, "delivery-crowded", *([json.dumps({"n": shard}).encode()] for shard in range(4)))
    assert sorted(seen(delivering, "crowded", count=4)) == [[0], [1], [2], [3]]
    assert left(delivering, "delivery-throttled-away") == 0


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


# --- Windows of batches -----------------------------------------------------------------------------------


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
    assert second.at - first.at == 30


@states(f"{LAMBDA}/with-kinesis.html")
def test_six_megabytes_do_not_wait(delivering: Running, page: str) -> None:
    """A batching window is over when the payload reaches 6 MB."""
    for _ in range(6):
        put(delivering, "delivery-gathered", "x" * 1_000_000)
    first, second = notes(delivering, "gathered", count=2)
    assert (len(first.what), len(second.what)) == (4, 2)
    assert second.at - first.at == 30


# --- What is given up -------------------------------------------------------------------------------------


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_a_document_tells_of_a_batch(delivering: Running, page: str) -> None:
    """What is told of a discarded batch is where it lies in its shard, when it came, and how it failed."""
    put(delivering, "delivery-strict", {"n": 1, "breaks": True}, {"n": 2})
    letter = letter_in(delivering, "delivery-strictly")
    assert letter.keys() == {"version", "timestamp", "requestContext", "responseContext", "KinesisBatchInfo"}
    context = letter["requestContext"]
    assert context["functionArn"].endswith(":function:delivery-strict")
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetryAttemptsExhausted", 1)
    assert letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = letter["KinesisBatchInfo"]
    iterator = delivering.client("kinesis").get_shard_iterator(
        StreamName="delivery-strict", ShardId=batch["shardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = delivering.client("kinesis").get_records(ShardIterator=iterator)["Records"]
    assert [batch["startSequenceNumber"], batch["endSequenceNumber"]] == [
        one["SequenceNumber"] for one in records
    ]
    assert batch["batchSize"] == 2
    assert batch["streamArn"].endswith(":stream/delivery-strict")
    moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
    arrivals = (batch["approximateArrivalOfFirstRecord"], batch["approximateArrivalOfLastRecord"])
    assert all(moment.fullmatch(one) for one in (letter["timestamp"], *arrivals))


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_a_bucket_keeps_the_whole_event(delivering: Running, page: str) -> None:
    """A bucket gets the event besides, under a key with mapping, shard and time."""
    put(delivering, "delivery-keeping", {"n": 1, "breaks": True})
    s3 = delivering.client("s3")

    def kept() -> Any:
        return s3.list_objects_v2(Bucket="delivery-kept").get("Contents")

    (found,) = delivering.settle(kept, of="the document")
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    day, moment = r"\d{4}/\d\d/\d\d", r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(f"aws/lambda/{uuid}/shardId-000000000000/{day}/{moment}-{uuid}", found["Key"])
    document = json.loads(s3.get_object(Bucket="delivery-kept", Key=found["Key"])["Body"].read())
    assert document["requestContext"]["approximateInvokeCount"] == 2
    (record,) = document["payload"]["Records"]
    assert record["kinesis"]["sequenceNumber"] == document["KinesisBatchInfo"]["startSequenceNumber"]
    assert record["eventSource"] == "aws:kinesis"


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_a_topic_is_told(delivering: Running, page: str) -> None:
    """Of a topic, the document is the message."""
    put(delivering, "delivery-telling", {"n": 1, "breaks": True})
    letter = letter_in(delivering, "delivery-told-of")
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["KinesisBatchInfo"]["batchSize"] == 1


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_without_a_destination_records_are_dropped(delivering: Running, page: str) -> None:
    """Without a destination nobody is told of discarded records, and the shard goes on."""
    put(delivering, "delivery-silent", {"n": 1, "breaks": True}, {"n": 2}, {"n": 3})
    assert seen(delivering, "silent", count=3) == [[1, 2], [1, 2], [3]]


@states(f"{LAMBDA}/services-kinesis-parameters.html")
def test_records_that_are_too_old_are_given_up(delivering: Running, page: str) -> None:
    """What is older than MaximumRecordAgeInSeconds is not tried again; nothing is said of an answer."""
    put(delivering, "delivery-aged", {"n": 1, "breaks": True})
    letter = letter_in(delivering, "delivery-agedly")
    assert letter["requestContext"]["condition"] == "RecordAgeExceeded"
    assert letter["requestContext"]["approximateInvokeCount"] > 1
    assert "responseContext" not in letter


@states(f"{LAMBDA}/services-kinesis-parameters.html")
def test_only_what_is_too_old_is_given_up(delivering: Running, page: str) -> None:
    """Records that came later and are not too old are delivered."""
    put(delivering, "delivery-aged", {"n": 1, "breaks": True})
    delivering.wait(30)
    put(delivering, "delivery-aged", {"n": 2})
    noted = [number for (number,) in seen(delivering, "aged", count=4)]
    assert noted[-1] == 2
    assert letter_in(delivering, "delivery-agedly")["KinesisBatchInfo"]["batchSize"] == 1


# --- Answers ----------------------------------------------------------------------------------------------


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_an_answer_without_failures_is_a_success(delivering: Running, page: str) -> None:
    """An empty or null list, and an empty or null answer, mean that the whole batch succeeded."""
    forms: list[object] = [None, "", {}, [], {"batchItemFailures": []}, {"batchItemFailures": None}]
    for number, form in enumerate(forms):
        put(delivering, "delivery-answers", {"n": number, "answers": form})
        assert seen(delivering, "answers", count=1) == [[number]]
    assert left(delivering, "delivery-answered") == 0


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_an_answer_that_names_nothing_known_is_a_failure(delivering: Running, page: str) -> None:
    """An identifier that is empty, null, misspelt or unknown fails the batch, which no function error did."""
    items: list[object] = [
        {"itemIdentifier": ""},
        {"itemIdentifier": None},
        {"itemIdentifier": "nobody"},
        {"foo": 123},
    ]
    for number, item in enumerate(items):
        put(delivering, "delivery-answers", {"n": number, "answers": {"batchItemFailures": [item]}}, {"n": 9})
        assert seen(delivering, "answers", count=2) == [[number, 9], [number, 9]]
        letter = letter_in(delivering, "delivery-answered")
        assert letter["requestContext"]["approximateInvokeCount"] == 2
        assert letter["responseContext"]["functionError"] is None


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_an_answer_is_not_read_if_the_mapping_does_not_say_so(delivering: Running, page: str) -> None:
    """Without ReportBatchItemFailures whatever a function returns is a success."""
    put(delivering, "delivery-deaf", {"n": 1, "fails": True}, {"n": 2})
    assert seen(delivering, "deaf", count=1) == [[1, 2]]


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_bisecting_goes_on_at_the_number_that_was_named(delivering: Running, page: str) -> None:
    """A batch that is bisected, too, is cut at the number that was named; what lies before it is done."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2}, {"n": 3, "fails": True}, {"n": 4})
    noted = seen(delivering, "of-stream", count=5)
    assert noted[:2] == [[1, 2, 3, 4], [3, 4]]
    assert noted[-1] == [4]
    assert letter_in(delivering, "delivery-given-up")["KinesisBatchInfo"]["batchSize"] == 1


# --- Filters ----------------------------------------------------------------------------------------------


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


# --- Tumbling windows -------------------------------------------------------------------------------------


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_has_its_boundaries_and_begins_without_state(delivering: Running, page: str) -> None:
    """Records belong to windows by their arrival; each window begins with {} and ends with a final invocation."""
    put(delivering, "delivery-tumbling", *({"n": number} for number in (1, 2, 3)))
    delivering.wait(70)
    put(delivering, "delivery-tumbling", {"n": 4})
    noted = seen(delivering, "tumbling", count=5)
    assert [(one["n"], one["state"], one["final"]) for one in noted] == [
        ([1, 2], {}, False),
        ([3], {"count": 2}, False),
        ([], {"count": 3}, True),
        ([4], {}, False),
        ([], {"count": 1}, True),
    ]
    first, second = noted[0]["window"], noted[3]["window"]
    assert first["end"] == second["start"]
    assert not any(one["early"] for one in noted)


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_failed_invocation_leaves_the_state_as_it_was(delivering: Running, page: str) -> None:
    """A batch that is tried again in a window gets the state that it got before."""
    put(
        delivering,
        "delivery-tumbling",
        {"n": 1},
        {"n": 2},
        {"n": 3, "breaks_first": 2, "name": uuid4().hex},
    )
    noted = seen(delivering, "tumbling", count=5)
    assert [(one["n"], one["state"]) for one in noted] == [
        ([1, 2], {}),
        *[([3], {"count": 2})] * 3,
        ([], {"count": 3}),
    ]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_an_answer_without_state_is_a_failure(delivering: Running, page: str) -> None:
    """In a window an answer without a state counts as a failed invocation."""
    put(delivering, "delivery-tumbling", {"n": 1, "forgets": True, "name": uuid4().hex})
    noted = seen(delivering, "tumbling", count=3)
    assert [(one["n"], one["state"]) for one in noted] == [([1], {}), ([1], {}), ([], {"count": 1})]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_state_of_more_than_a_megabyte_ends_the_window(delivering: Running, page: str) -> None:
    """A state over 1 MB ends the window early; the same window goes on with a fresh state."""
    put(delivering, "delivery-tumbling", {"n": 1, "pad": 1_100_000})
    delivering.wait(10)
    put(delivering, "delivery-tumbling", {"n": 2})
    noted = seen(delivering, "tumbling", count=4)
    assert [(one["n"], one["state"], one["final"], one["early"]) for one in noted] == [
        ([1], {}, False, False),
        ([], {"count": 1}, True, True),
        ([2], {}, False, False),
        ([], {"count": 1}, True, False),
    ]
    assert noted[0]["window"] == noted[2]["window"]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_ends_with_its_shard(delivering: Running, page: str) -> None:
    """When a shard ends its window is closed, and the child shards begin windows with a fresh state."""
    put(delivering, "delivery-tumbling", {"n": 1})
    delivering.client("kinesis").split_shard(
        StreamName="delivery-tumbling", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
    )
    put(delivering, "delivery-tumbling", {"n": 2})
    noted = seen(delivering, "tumbling", count=4)
    assert [(one["n"], one["state"], one["final"]) for one in noted] == [
        ([1], {}, False),
        ([], {"count": 1}, True),
        ([2], {}, False),
        ([], {"count": 1}, True),
    ]
    assert noted[0]["shard"] != noted[2]["shard"]
    assert noted[0]["window"] == noted[2]["window"]


# --- Resharding and consumers -----------------------------------------------------------------------------


@states(f"{KINESIS}/kinesis-using-sdk-java-after-resharding.html")
def test_children_are_read_after_their_parents(delivering: Running, page: str) -> None:
    """After a split and a merge the records of a key still come in the order in which they were put."""
    client, stream = delivering.client("kinesis"), "delivery-resharded"
    put(delivering, stream, *range(150))
    client.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
    )
    put(delivering, stream, *range(150, 300))
    client.merge_shards(
        StreamName=stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )
    put(delivering, stream, *range(300, 310))
    records = [record for batch in seen(delivering, "resharded", count=5) for record in batch]
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
