"""What becomes of records of Kinesis streams that fail, rule by rule."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

from tests.contracts.conftest import Running
from tests.contracts.delivery import kinesis, kinesis_here
from tests.contracts.delivery.asking import LAMBDA, left, put, seen, states
from tests.contracts.delivery.kinesis_calls import in_shards

pipeline = kinesis_here.pipeline
elsewhere = kinesis.pipeline

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_without_a_limit_a_batch_is_tried_until_it_succeeds": ("patient",),
    "test_without_retries_a_batch_is_given_up_at_once": ("strict",),
    "test_a_document_tells_of_a_batch": ("strict",),
    "test_a_bucket_keeps_the_whole_event": ("keeping",),
    "test_a_topic_is_told": ("telling",),
    "test_without_a_destination_records_are_dropped": ("silent",),
    "test_records_that_are_too_old_are_given_up": ("aged",),
    "test_only_what_is_too_old_is_given_up": ("aged",),
    "test_throttles_use_up_no_attempt": ("crowded",),
    "test_an_answer_without_failures_is_a_success": ("answers",),
    "test_an_answer_that_names_nothing_known_is_a_failure": ("answers",),
    "test_an_answer_is_not_read_if_the_mapping_does_not_say_so": ("deaf",),
    "test_a_function_that_ends_its_process_has_failed": ("strict",),
    "test_bisecting_goes_on_at_the_number_that_was_named": ("bisected",),
}


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


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_without_a_limit_a_batch_is_tried_until_it_succeeds(delivering: Running, page: str) -> None:
    """By default a failing batch is retried until it succeeds or expires, and the shard waits for it."""
    put(
        delivering,
        "delivery-patient",
        {"n": 1, "breaks_first": 8, "name": uuid4().hex},
        *({"n": number} for number in (2, 3)),
    )
    assert seen(delivering, "patient", count=10) == [*[[1, 2]] * 9, [3]]


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
    assert "requestContext" in letter
    assert letter["requestContext"]["condition"] == "RecordAgeExceeded"
    assert letter["requestContext"]["approximateInvokeCount"] > 1
    assert "responseContext" not in letter


@states(f"{LAMBDA}/services-kinesis-parameters.html")
def test_only_what_is_too_old_is_given_up(delivering: Running, page: str) -> None:
    """Records that came later and are not too old are delivered."""
    put(delivering, "delivery-aged", {"n": 1, "breaks": True})
    delivering.wait(50)
    put(delivering, "delivery-aged", {"n": 2})
    noted: list[int] = []

    def delivered() -> bool:
        noted.extend(number for (number,) in seen(delivering, "aged", count=0))
        return 2 in noted

    delivering.settle(delivered, of="the record that is not too old")
    assert noted[-1] == 2
    assert letter_in(delivering, "delivery-agedly")["KinesisBatchInfo"]["batchSize"] == 1


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
    put(delivering, "delivery-bisected", {"n": 1}, {"n": 2}, {"n": 3, "fails": True}, {"n": 4})
    noted = seen(delivering, "bisected", count=5)
    assert noted[:2] == [[1, 2, 3, 4], [3, 4]]
    assert noted[-1] == [4]
    assert letter_in(delivering, "delivery-bisected-away")["KinesisBatchInfo"]["batchSize"] == 1
