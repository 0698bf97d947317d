"""The reference pipelines, held to the same wherever they run: the same declaration, the same boto3 calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from penstock.pipelines import Pipeline, Queue, StreamMapping
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics
from tests.contracts.conftest import Running

Start = Callable[[Pipeline], Running]

ORDERS = """\
region,product,amount,price
north,apple,3,1.50
south,pear,1,0.75
north,pear,10,0.75
south,apple,many,1.50
north,apple,2
south,apple,4,1.25
"""

WINDOW_SECONDS = 5


def upload(run: Running, key: str, content: str, **options: str) -> None:
    assert file_processing.entry is not None
    run.client("s3").put_object(
        Bucket="penstock-uploads",
        Key=f"incoming/{key}",
        Body=content.encode(),
        Metadata={**file_processing.entry.options, **options},
    )


def test_a_file_is_grouped_and_its_bad_rows_are_kept(running: Start) -> None:
    """File processing: an uploaded file is cut up, added up and reported; bad rows are kept with their reasons."""
    run = running(file_processing)
    upload(run, "orders.csv", ORDERS, group_by="region;region,product", sum="amount,price")
    (told,) = [json.loads(one) for one in run.letters("file-results")]
    assert (told["rows"], told["rejected"]) == (4, 2), told
    s3 = run.client("s3")
    listed = s3.list_objects_v2(Bucket="penstock-results", Prefix=f"reports/{told['job']}/")["Contents"]
    reports = {
        one["Key"].rpartition("/")[2]: s3.get_object(Bucket="penstock-results", Key=one["Key"])["Body"].read()
        for one in listed
    }
    assert reports["by_region.csv"].decode() == (
        "region,rows,count_amount,sum_amount,count_price,sum_price\nnorth,2,2,13,2,2.25\nsouth,2,2,5,2,2.00\n"
    )
    rejected = [row for one in run.letters("rejected-rows.fifo") for row in json.loads(one)["first"]]
    assert [row["reason"] for row in rejected] == ["'many' is not a number", "expected 4 fields, found 3"]


def test_many_chunks_are_merged(running: Start) -> None:
    """File processing: chunks are children of a Distributed Map, and their totals are one report."""
    run = running(file_processing)
    rows = "".join(f"{('north', 'south')[number % 2]},{number}\n" for number in range(250_000))
    upload(run, "many.csv", f"region,amount\n{rows}", group_by="region", sum="amount", chunk_mb="1")
    (told,) = [json.loads(one) for one in run.letters("file-results")]
    s3 = run.client("s3")
    key = f"reports/{told['job']}/by_region.csv"
    report = s3.get_object(Bucket="penstock-results", Key=key)["Body"].read().decode()
    assert report.splitlines()[1:] == ["north,125000,125000,15624875000", "south,125000,125000,15625000000"]
    chunks = s3.list_objects_v2(Bucket="penstock-results", Prefix=f"jobs/{told['job']}/chunks/")["Contents"]
    assert len(chunks) == 3


def test_a_job_that_fails_says_why(running: Start) -> None:
    """File processing: a job that cannot be planned is told of with its reason, and its execution has failed."""
    run = running(file_processing)
    upload(run, "fails.csv", ORDERS, group_by="nowhere")
    (told,) = [json.loads(one) for one in run.letters("file-results")]
    assert told["status"] == "FAILED"
    cause = json.loads(told["failure"]["Cause"])
    assert cause["errorMessage"].startswith('the file has no column "nowhere"')
    machines = run.client("stepfunctions")
    (machine,) = [
        one["stateMachineArn"]
        for one in machines.list_state_machines()["stateMachines"]
        if one["name"] == "process-file"
    ]

    def failed() -> Any:
        return [
            one
            for one in machines.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]
            if one["name"] == told["job"]
        ]

    (execution,) = run.settle(failed, of="the failed execution")
    found = machines.describe_execution(executionArn=execution["executionArn"])
    assert found["error"] == told["failure"]["Error"]


def departure(flight: str, *, delay_minutes: int = 90, origin: str = "EWR") -> bytes:
    event = {
        "flight": flight,
        "origin": origin,
        "scheduled": "2013-01-01T08:00:00Z",
        "delay_minutes": delay_minutes,
    }
    return json.dumps(event).encode()


@pytest.fixture(scope="module")
def quick_analytics() -> Pipeline:
    """The pipeline with windows of seconds instead of a quarter of an hour."""
    parts = tuple(
        replace(one, tumbling_window_seconds=WINDOW_SECONDS, batching_window_seconds=0)
        if isinstance(one, StreamMapping) and one.tumbling_window_seconds is not None
        else one
        for one in stream_analytics.parts
    )
    return replace(stream_analytics, parts=parts)


def test_departures_are_counted_and_told_of(running: Start, quick_analytics: Pipeline) -> None:
    """Stream analytics: windows are counted and stored, delays are told of on the bus, poison is put aside alone."""
    run = running(quick_analytics)
    records = [departure("UA 1"), departure("UA 2"), b"not JSON", departure("UA 2"), departure("UA 3")]
    run.client("kinesis").put_records(
        StreamName="departures", Records=[{"Data": one, "PartitionKey": "EWR"} for one in records]
    )
    (alert,) = [json.loads(one)["detail"] for one in run.letters("delay-alerts")]
    assert (alert["origin"], alert["departures"], alert["duplicates"]) == ("EWR", 3, 1)
    (letter,) = [json.loads(one) for one in run.letters("poison-departures")]
    info = letter["KinesisBatchInfo"]
    assert (info["batchSize"], letter["requestContext"]["condition"]) == (1, "RetryAttemptsExhausted")
    stored = run.client("dynamodb").scan(TableName="departures-by-window")["Items"]
    assert [(one["origin"]["S"], float(one["mean_delay_minutes"]["N"])) for one in stored] == [("EWR", 90.0)]
    kinesis = run.client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName="departures",
        ShardId=info["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]
    assert kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"][0]["Data"] == b"not JSON"


def test_the_queues_of_the_reference_pipelines_are_there(running: Start) -> None:
    """Queues: names, redrive and retention are as declared."""
    run = running(file_processing)
    sqs = run.client("sqs")
    for queue in file_processing.of(Queue):
        url = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert found["MessageRetentionPeriod"] == str(queue.message_retention_seconds)
        assert found["VisibilityTimeout"] == str(queue.visibility_timeout_seconds)
        redrive = json.loads(found.get("RedrivePolicy", "{}"))
        assert int(redrive.get("maxReceiveCount", queue.max_receive_count)) == queue.max_receive_count
        assert bool(redrive) is (queue.dead_letter_queue is not None)
