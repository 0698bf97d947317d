"""How AWS delivers, rule by rule, each with the page that states it: only boto3's clients, and waiting, are used.

The parameter `page` is where the rule stands. `delivering` gives a pipeline that runs on a target; a further target
is a further parameter of it.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import new_run
from tests.contracts.conftest import LOCALSTACK, Running, on_localstack
from tests.contracts.delivery.pipeline import pipeline

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide"
SNS = "https://docs.aws.amazon.com/sns/latest/dg"
TABLES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide"


VISIBILITY = "it waits for visibility timeouts of half a minute"

NOT_ON_LOCALSTACK = {
    "test_a_batch_that_fails_comes_again_as_a_whole": VISIBILITY,
    "test_a_partial_response_puts_back_what_it_names": VISIBILITY,
    "test_an_identifier_that_is_unknown_fails_the_batch": VISIBILITY,
    "test_a_group_waits_for_its_failed_message": VISIBILITY,
    "test_an_asynchronous_invocation_is_tried_three_times": "it waits for minutes between the attempts",
    "test_a_rule_matches_and_transforms": "LocalStack loses an event with a number within a template's string",
    "test_a_pipe_filters_enriches_and_hands_over": "LocalStack's open edition has no pipes",
}
"""Why a rule is not tried there, in real time, within the time that the tests may take."""


def states(page: str) -> pytest.MarkDecorator:
    """The page that states a rule."""
    return pytest.mark.parametrize("page", [page])


@pytest.fixture(params=["embedded", LOCALSTACK])
def delivering(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    """The pipeline of the rules, running on a target."""
    if request.param == "localstack":
        if (why := NOT_ON_LOCALSTACK.get(request.function.__name__)) is not None:
            pytest.skip(why)
        yield on_localstack(request, pipeline)
        return
    run = Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock())

    def settle(look: Callable[[], Any], *, of: str) -> Any:
        run.run_until_idle()
        found = look()
        assert found, f"{of} did not come"
        return found

    with run:
        yield Running(client=run.client, settle=settle)


def send(run: Running, queue: str, *bodies: object, group: str | None = None) -> None:
    sqs = run.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    entries: list[dict[str, str]] = []
    for number, body in enumerate(bodies):
        entries.append({"Id": str(number), "MessageBody": json.dumps(body)})
        if group is not None:
            entries[-1] |= {"MessageGroupId": group, "MessageDeduplicationId": f"{group}{number}"}
    assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=entries)


def put(run: Running, stream: str, *data: object) -> None:
    records = [{"PartitionKey": "one", "Data": json.dumps(one).encode()} for one in data]
    assert run.client("kinesis").put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


def seen(run: Running, what: str, *, count: int) -> list[Any]:
    """What the functions of one kind have noted, in order."""
    sqs = run.client("sqs")
    url = sqs.get_queue_url(QueueName="delivery-seen")["QueueUrl"]
    noted: list[Any] = []

    def enough() -> bool:
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            kind, found = json.loads(one["Body"])
            noted.extend([found] if kind == what else [])
        return len(noted) >= count

    run.settle(enough, of=f"{count} of {what}")
    return noted


def left(run: Running, queue: str) -> int:
    sqs = run.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


@states(f"{LAMBDA}/with-sqs.html")
def test_a_batch_that_succeeds_is_deleted(delivering: Running, page: str) -> None:
    """When the function has processed a batch, Lambda deletes its messages from the queue."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2})
    assert seen(delivering, "queue", count=1) == [[1, 2]]
    assert left(delivering, "delivery-work") == 0


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_batch_that_fails_comes_again_as_a_whole(delivering: Running, page: str) -> None:
    """After the visibility timeout all messages of a failed batch are visible again, up to the redrive policy."""
    send(delivering, "delivery-work", {"n": 1, "breaks": True}, {"n": 2})
    assert seen(delivering, "queue", count=2) == [[1, 2], [1, 2]]
    assert left(delivering, "delivery-refused") == 2


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_a_partial_response_puts_back_what_it_names(delivering: Running, page: str) -> None:
    """Only the messages in batchItemFailures become visible again; the others are deleted."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    assert seen(delivering, "queue", count=2) == [[1, 2, 3], [2]]
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-refused")] == [2]


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_an_identifier_that_is_unknown_fails_the_batch(delivering: Running, page: str) -> None:
    """Lambda takes an itemIdentifier that is no message of the batch for a failure of all of it."""
    send(delivering, "delivery-work", {"n": 1, "unknown": True}, {"n": 2})
    assert seen(delivering, "queue", count=2) == [[1, 2], [1, 2]]


@states(f"{LAMBDA}/with-sqs-filtering.html")
def test_what_the_filter_does_not_match_is_deleted(delivering: Running, page: str) -> None:
    """A message that matches no filter is deleted from the queue, and the function does not see it."""
    send(delivering, "delivery-work", {"other": 1}, {"n": 2})
    assert seen(delivering, "queue", count=1) == [[2]]
    assert left(delivering, "delivery-work") == left(delivering, "delivery-refused") == 0


@states(f"{SQS}/FIFO-queues-understanding-logic.html")
def test_a_group_waits_for_its_failed_message(delivering: Running, page: str) -> None:
    """No message of a group is delivered while one of it is in flight; other groups go on."""
    send(delivering, "delivery-tickets.fifo", {"n": 1}, {"n": 2, "fails": True}, {"n": 3}, group="a")
    send(delivering, "delivery-tickets.fifo", {"n": 10}, {"n": 11}, group="b")
    noted = [one for batch in seen(delivering, "fifo", count=2) for one in batch]
    assert [one for one in noted if one >= 10] == [10, 11]
    assert [one for one in noted if one < 10] == [1]
    dead = delivering.letters("delivery-refused.fifo", count=2)
    assert [json.loads(one)["n"] for one in dead] == [2, 3]


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_records_that_are_given_up_are_told_of(delivering: Running, page: str) -> None:
    """After its retries a batch is bisected to the record that fails; its metadata goes to the destination."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2}, {"n": 3, "breaks": True}, {"n": 4})
    (letter,) = (json.loads(one) for one in delivering.letters("delivery-given-up"))
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in letter
    noted = seen(delivering, "stream", count=6)
    assert noted.count([3]) == 2
    assert noted[-1] == [4]


@states(f"{LAMBDA}/services-kinesis-batchfailurereporting.html")
def test_a_stream_goes_on_at_the_lowest_failure(delivering: Running, page: str) -> None:
    """What lies before the lowest sequence number that is named is done; the rest is delivered again."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    noted = seen(delivering, "stream", count=3)
    assert noted[:2] == [[1, 2, 3], [2, 3]]
    assert all(1 not in one for one in noted[1:])


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_hands_its_state_on(delivering: Running, page: str) -> None:
    """Each invocation of a tumbling window gets the state of the one before; the last one is final."""
    put(delivering, "delivery-totals", *({"n": number} for number in range(1, 6)))
    assert seen(delivering, "window", count=1) == [15]


@states(f"{TABLES}/Streams.html")
def test_a_table_tells_of_changes_only(delivering: Running, page: str) -> None:
    """Items are told of with their images; a write that changes nothing has no record."""
    client = delivering.client("dynamodb")
    for number in ("1", "1", "2"):
        client.put_item(TableName="delivery-items", Item={"id": {"S": "a"}, "n": {"N": number}})
    client.delete_item(TableName="delivery-items", Key={"id": {"S": "a"}})
    assert seen(delivering, "table", count=3) == [
        ["INSERT", False, True],
        ["MODIFY", True, True],
        ["REMOVE", True, False],
    ]


@states(f"{LAMBDA}/invocation-async-error-handling.html")
def test_an_asynchronous_invocation_is_tried_three_times(delivering: Running, page: str) -> None:
    """A function's error is retried twice; then event and record go to the dead-letter queue and destination."""
    payload = json.dumps({"n": 1, "fails": True})
    delivering.client("lambda").invoke(
        FunctionName="delivery-invoked", InvocationType="Event", Payload=payload
    )
    assert seen(delivering, "invoked", count=3) == [1, 1, 1]
    assert [json.loads(one) for one in delivering.letters("delivery-letters")] == [json.loads(payload)]
    (record,) = (json.loads(one) for one in delivering.letters("delivery-failures"))
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == json.loads(payload)


@states(f"{EVENTS}/eb-transform-target-input.html")
def test_a_rule_matches_and_transforms(delivering: Running, page: str) -> None:
    """An event that the pattern matches goes to the target as its input template says; others go nowhere."""
    entries = [
        {
            "Source": "shop",
            "DetailType": "sold",
            "Detail": json.dumps({"amount": amount}),
            "EventBusName": "delivery-bus",
        }
        for amount in (5, 500)
    ]
    assert delivering.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    found = [json.loads(one) for one in delivering.letters("delivery-matched")]
    assert found == [{"amount": 500, "text": "it is 500"}]


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


@states(f"{EVENTS}/eb-pipes.html")
def test_a_pipe_filters_enriches_and_hands_over(delivering: Running, page: str) -> None:
    """What the filter lets through is enriched; an enrichment that answers with nothing ends the batch."""
    send(delivering, "delivery-piped", *({"n": number} for number in (-2, 1, 2, 4)))
    found = [json.loads(one) for one in delivering.letters("delivery-out", count=2)]
    assert sorted(one["n"] for one in found) == [2, 4]
    assert left(delivering, "delivery-piped") == 0


def test_each_rule_says_where_it_stands() -> None:
    """Every test of this file states a rule in its docstring, and names a page of AWS's documentation."""
    tests = {name: one for name, one in vars(sys.modules[__name__]).items() if name.startswith("test_")}
    rules = [one for one in tests.values() if "page" in inspect.signature(one).parameters]
    assert len(rules) == len(tests) - 1
    for one in rules:
        assert one.__doc__, one.__name__
        (mark,) = [mark for mark in one.pytestmark if mark.name == "parametrize"]
        assert mark.args[1][0].startswith("https://docs.aws.amazon.com/")
