"""How Firehose transforms records and delivers them to a bucket, rule by rule."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from penstock.testing.events import packed_logs
from tests.contracts.conftest import Running
from tests.contracts.delivery import firehose_here
from tests.contracts.delivery.asking import notes, seen, states

pipeline = firehose_here.pipeline

FIREHOSE = "https://docs.aws.amazon.com/firehose/latest/dev"
API = "https://docs.aws.amazon.com/firehose/latest/APIReference"

APART = "delivery streams are not deployed elsewhere"

NOT_ON_LOCALSTACK: dict[str, str] = {}
ONLY_EMBEDDED = {
    "test_records_are_gathered_into_one_object": APART,
    "test_an_object_is_named_after_its_oldest_record": APART,
    "test_an_object_is_written_when_enough_has_come": APART,
    "test_a_record_is_delivered_as_it_was_transformed": APART,
    "test_log_events_are_transformed_one_by_one": APART,
    "test_a_record_that_is_missing_in_the_answer_has_failed": APART,
    "test_a_record_that_failed_is_put_aside_as_it_came": APART,
    "test_a_failed_invocation_is_made_three_times_again": APART,
    "test_a_batch_is_put_aside_after_its_retries": APART,
    "test_a_function_that_is_too_busy_is_asked_again": APART,
    "test_a_batch_of_records_has_limits": APART,
}

BUCKET = "delivery-firehose"


def put(run: Running, stream: str, *data: object) -> None:
    records = [{"Data": json.dumps(one).encode()} for one in data]
    answer = run.client("firehose").put_record_batch(DeliveryStreamName=f"delivery-{stream}", Records=records)
    assert answer["FailedPutCount"] == 0
    assert len({one["RecordId"] for one in answer["RequestResponses"]}) == len(data)


def objects(run: Running, prefix: str) -> dict[str, bytes]:
    """The objects under a prefix, when there are some."""
    s3 = run.client("s3")

    def found() -> Any:
        return s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents")

    keys = [one["Key"] for one in run.settle(found, of=f"objects under {prefix}")]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def put_aside(run: Running, prefix: str) -> list[dict[str, Any]]:
    """What stands in the only object under a prefix, line by line."""
    (content,) = objects(run, prefix).values()
    return [json.loads(line) for line in content.splitlines()]


@states(f"{FIREHOSE}/basic-deliver.html")
def test_records_are_gathered_into_one_object(delivering: Running, page: str) -> None:
    """Records are gathered for as long as the buffering hint says, and stand in one object, one after another."""
    put(delivering, "plain", 1, 2)
    delivering.wait(30)
    put(delivering, "plain", 3)
    ((key, content),) = objects(delivering, "plain/").items()
    assert content == b"123"
    hour, moment = r"\d{4}/\d\d/\d\d/\d\d", r"\d{4}(-\d\d){5}"
    assert re.fullmatch(rf"plain/{hour}/delivery-plain-1-{moment}-[0-9a-f-]{{36}}", key)


@states(f"{FIREHOSE}/s3-prefixes.html#timestamp-namespace")
def test_an_object_is_named_after_its_oldest_record(delivering: Running, page: str) -> None:
    """The moment in an object's key is when its oldest record arrived, not when it was written."""
    delivering.wait(3570)
    put(delivering, "plain", 1)
    delivering.wait(50)
    put(delivering, "plain", 2)
    put(delivering, "aside", {"n": 1, "result": "ProcessingFailed"})
    ((key, content),) = objects(delivering, "plain/").items()
    assert content == b"12"
    assert key.startswith("plain/2026/01/01/00/delivery-plain-1-2026-01-01-00-59-30-")
    (failed,) = objects(delivering, "errors/")
    assert failed.startswith("errors/processing-failed/2026/01/01/01/delivery-aside-1-2026-01-01-01-00-20-")


@states(f"{FIREHOSE}/buffering-hints.html")
def test_an_object_is_written_when_enough_has_come(delivering: Running, page: str) -> None:
    """An object is written before its time if as much has come as the buffering hint says."""
    put(delivering, "large", "x" * 600_000, "x" * 600_000)
    delivering.wait(1)
    put(delivering, "large", "y")
    delivering.wait(10)
    assert [len(one) for one in objects(delivering, "large/").values()] == [1_200_004, 3]


@states(f"{FIREHOSE}/data-transformation-status-model.html")
def test_a_record_is_delivered_as_it_was_transformed(delivering: Running, page: str) -> None:
    """A record that is Ok is delivered with its new data; one that is Dropped is not."""
    new = base64.b64encode(b"new").decode()
    put(delivering, "transformed", {"n": 1, "as": new}, {"n": 2, "result": "Dropped"}, {"n": 3, "as": new})
    assert list(objects(delivering, "transformed/").values()) == [b"newnew"]
    assert seen(delivering, "transform", count=1) == [[1, 2, 3]]


@states(f"{FIREHOSE}/writing-with-cloudwatch-logs.html")
def test_log_events_are_transformed_one_by_one(delivering: Running, page: str) -> None:
    """CloudWatch Logs combines several log events into one record, which stays one; control messages are dropped."""
    control = gzip.compress(b'{"messageType": "CONTROL_MESSAGE", "logEvents": []}')
    failing = packed_logs("d", "fails")
    data = (packed_logs("a", "left out", "b", log_group="web"), control, failing, packed_logs("c"))
    delivering.client("firehose").put_record_batch(
        DeliveryStreamName="delivery-logs", Records=[{"Data": one} for one in data]
    )
    (content,) = objects(delivering, "logs/").values()
    assert content.decode().splitlines() == ["web a", "web b", "/aws/lambda/handler c"]
    (found,) = put_aside(delivering, "no-logs/processing-failed/")
    assert base64.b64decode(found["rawData"]) == failing


@states(f"{FIREHOSE}/data-transformation-failure-handling.html")
def test_a_record_that_is_missing_in_the_answer_has_failed(delivering: Running, page: str) -> None:
    """A record whose id is not in the answer, or twice, has failed, as has one with an unknown result."""
    put(delivering, "aside", {"n": 1, "times": 0}, {"n": 2, "times": 2}, {"n": 3, "result": "ok"}, {"n": 4})
    codes = [one["errorCode"] for one in put_aside(delivering, "errors/processing-failed/")]
    assert codes == ["Lambda.MissingRecordId", "Lambda.DuplicatedRecordId", "Lambda.InvalidReturnFormat"]
    assert [json.loads(one)["n"] for one in objects(delivering, "aside/").values()] == [4]


@states(f"{FIREHOSE}/data-transformation-failure-handling.html")
def test_a_record_that_failed_is_put_aside_as_it_came(delivering: Running, page: str) -> None:
    """What could not be transformed lies under processing-failed, as it came, with the reason and the function."""
    record = {"n": 1, "result": "ProcessingFailed"}
    put(delivering, "aside", record)
    (found,) = put_aside(delivering, "errors/processing-failed/")
    assert found.keys() == {
        *("attemptsMade", "arrivalTimestamp", "errorCode", "errorMessage"),
        *("attemptEndingTimestamp", "rawData", "lambdaArn"),
    }
    assert json.loads(base64.b64decode(found["rawData"])) == record
    assert ":function:delivery-put-aside" in found["lambdaArn"]


@states(f"{FIREHOSE}/data-transformation-failure-handling.html")
def test_a_failed_invocation_is_made_three_times_again(delivering: Running, page: str) -> None:
    """An invocation that fails is made up to three times again, with the same batch."""
    put(delivering, "transformed", {"n": 1, "breaks_first": 3, "name": uuid4().hex}, {"n": 2})
    assert seen(delivering, "transform", count=4) == [[1, 2]] * 4
    assert len(objects(delivering, "transformed/")) == 1


@states(f"{FIREHOSE}/data-transformation-failure-handling.html")
def test_a_batch_is_put_aside_after_its_retries(delivering: Running, page: str) -> None:
    """If no retry succeeds the batch is put aside, and the next one is transformed."""
    put(delivering, "aside", {"n": 1, "breaks": True}, {"n": 2})
    found = put_aside(delivering, "errors/processing-failed/")
    assert [(one["attemptsMade"], one["errorCode"]) for one in found] == [(2, "Lambda.FunctionError")] * 2
    put(delivering, "aside", {"n": 3})
    assert [json.loads(one)["n"] for one in objects(delivering, "aside/").values()] == [3]
    assert seen(delivering, "put-aside", count=3) == [[1, 2], [1, 2], [3]]


@states(f"{FIREHOSE}/data-transformation-failure-handling.html")
def test_a_function_that_is_too_busy_is_asked_again(delivering: Running, page: str) -> None:
    """Reaching the function's concurrency limit is a failed invocation, which is made three times again."""
    put(delivering, "busy", {"n": 1})
    (found,) = put_aside(delivering, "busy/processing-failed/")
    assert (found["attemptsMade"], found["errorCode"]) == (4, "Lambda.InvokeLimitExceeded")
    assert notes(delivering, "busy", count=0) == []


@states(f"{API}/API_PutRecordBatch.html")
def test_a_batch_of_records_has_limits(delivering: Running, page: str) -> None:
    """A request has up to 500 records and 4 MiB, a record 1,000 KiB; the stream has to be there."""
    client = delivering.client("firehose")
    small, large = {"Data": b"x"}, {"Data": b"x" * 1_024_000}
    for name, records in (
        ("delivery-plain", [small] * 501),
        ("delivery-plain", [{"Data": b"x" * 1_024_001}]),
        ("delivery-plain", [large] * 5),
        ("nowhere", [small]),
    ):
        with pytest.raises(ClientError):
            client.put_record_batch(DeliveryStreamName=name, Records=records)
