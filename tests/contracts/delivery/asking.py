"""What the tests of delivery rules do with a running pipeline, by boto3's clients alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contracts.conftest import Running, received

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide"
SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/UserGuide"
SNS = "https://docs.aws.amazon.com/sns/latest/dg"
S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
TABLES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"


def states(page: str) -> pytest.MarkDecorator:
    """The page that states a rule."""
    return pytest.mark.parametrize("page", [page])


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a function has noted of an invocation, and when (epoch seconds)."""

    at: float
    what: Any


def send(run: Running, queue: str, *bodies: object, group: str | None = None) -> None:
    """Send a batch of messages, whose bodies are the JSON forms."""
    sqs = run.client("sqs")
    entries: list[dict[str, str]] = []
    for number, body in enumerate(bodies):
        entries.append({"Id": str(number), "MessageBody": json.dumps(body)})
        if group is not None:
            entries[-1] |= {"MessageGroupId": group, "MessageDeduplicationId": f"{group}{number}"}
    assert not sqs.send_message_batch(QueueUrl=url_of(run, queue), Entries=entries).get("Failed")


def put(run: Running, stream: str, *data: object) -> None:
    """Put records under one partition key, whose data are the JSON forms."""
    records = [{"PartitionKey": "one", "Data": json.dumps(one).encode()} for one in data]
    assert run.client("kinesis").put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def seen(run: Running, function: str, *, count: int) -> list[Any]:
    """What a function has noted, in order, when there is so much."""
    return [one.what for one in notes(run, function, count=count)]


def notes(run: Running, function: str, *, count: int) -> list[Note]:
    """What a function has noted, and when, in order, when there is so much."""
    sqs = run.client("sqs")
    url = url_of(run, f"delivery-{function}-saw")
    noted: list[Note] = []

    def enough() -> bool:
        for one in received(sqs, url):
            at = int(one["Attributes"]["SentTimestamp"]) / 1000
            noted.append(Note(at=at, what=json.loads(one["Body"])))
        return len(noted) >= count

    run.settle(enough, of=f"{count} notes of {function}")
    return noted


def left(run: Running, queue: str) -> int:
    """How many messages a queue holds, visible or in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = run.client("sqs").get_queue_attributes(QueueUrl=url_of(run, queue), AttributeNames=names)
    return sum(int(attributes["Attributes"][name]) for name in names)


def emptied(run: Running, queue: str) -> None:
    """See that a queue's messages come to be deleted, which a mapping does after its function has ended."""
    run.settle(lambda: left(run, queue) == 0, of=f"the end of all messages in {queue}")


def url_of(run: Running, queue: str) -> str:
    """The URL of a queue."""
    return str(run.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"])
