"""How FIFO queues and their mappings deliver, rule by rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import fifo
from tests.contracts.delivery.asking import LAMBDA, SQS, left, notes, seen, send, states, url_of

pipeline = fifo.pipeline

TIME = "it is about moments, which only virtual time hits"

ONLY_EMBEDDED = {
    "test_a_group_goes_on_behind_a_dead_letter": TIME,
    "test_groups_bound_how_much_runs_at_once": TIME,
    "test_a_deduplication_id_counts_for_five_minutes": TIME,
    "test_a_fifo_dead_letter_is_young_again": TIME,
}

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {"test_a_group_waits_for_its_failed_message": ("tickets.fifo",)}


def send_one(run: Running, queue: str, body: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = run.client("sqs").send_message(
        QueueUrl=url_of(run, queue), MessageBody=body, **more
    )
    return found


def receive(run: Running, queue: str, **more: Any) -> list[dict[str, Any]]:
    ask = {"MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"], **more}
    found = run.client("sqs").receive_message(QueueUrl=url_of(run, queue), **ask)
    messages: list[dict[str, Any]] = found.get("Messages", [])
    return messages


def delete(run: Running, queue: str, *messages: dict[str, Any]) -> None:
    for one in messages:
        run.client("sqs").delete_message(QueueUrl=url_of(run, queue), ReceiptHandle=one["ReceiptHandle"])


@states(f"{SQS}/FIFO-queues-understanding-logic.html")
def test_a_group_waits_for_its_failed_message(delivering: Running, page: str) -> None:
    """No message of a group is delivered while one of it is in flight; other groups go on."""
    send(delivering, "delivery-tickets.fifo", {"n": 1}, {"n": 2, "fails": True}, {"n": 3}, group="a")
    send(delivering, "delivery-tickets.fifo", {"n": 10}, {"n": 11}, group="b")
    noted = [one for batch in seen(delivering, "of-fifo-queue", count=2) for one in batch]
    assert [one for one in noted if one >= 10] == [10, 11]
    assert [one for one in noted if one < 10] == [1]
    dead = delivering.letters("delivery-refused.fifo", count=2)
    assert [json.loads(one)["n"] for one in dead] == [2, 3]


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_group_goes_on_behind_a_dead_letter(delivering: Running, page: str) -> None:
    """When its failing message is a dead letter, the group goes on with what was sent behind it."""
    send(delivering, "delivery-tickets.fifo", {"n": 1, "fails": True}, group="a")
    delivering.wait(31)
    send(delivering, "delivery-tickets.fifo", {"n": 2}, group="a-later")
    delivering.client("sqs").send_message(
        QueueUrl=url_of(delivering, "delivery-tickets.fifo"),
        MessageBody=json.dumps({"n": 3}),
        MessageGroupId="a",
        MessageDeduplicationId="behind",
    )
    found = notes(delivering, "of-fifo-queue", count=4)
    assert [one.what for one in found] == [[], [], [2], [3]]
    assert found[3].at - found[0].at == 60  # two visibility timeouts of the message before
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-refused.fifo")] == [1]


@states(f"{LAMBDA}/services-sqs-scaling.html")
def test_groups_bound_how_much_runs_at_once(delivering: Running, page: str) -> None:
    """A group has one batch with the function at a time, so that no more run than there are groups."""
    for group in "abc":
        bodies = ({"n": f"{group}{number}", "seconds": 3} for number in range(3))
        send(delivering, "delivery-slow.fifo", *bodies, group=group)
    found = [one.what for one in notes(delivering, "of-slow-fifo-queue", count=18)]
    running: set[str] = set()
    most = 0
    for moment, name, _ in found:
        if moment == "begin":
            assert name[0] not in {one[0] for one in running}, found
            running.add(name)
        else:
            running.remove(name)
        most = max(most, len(running))
    assert most == 3
    for group in "abc":
        names = [name for moment, name, _ in found if moment == "begin" and name[0] == group]
        assert names == [f"{group}{number}" for number in range(3)]


@states(f"{SQS}/FIFO-queues-understanding-logic.html")
def test_a_receive_takes_as_much_of_a_group_as_there_is(delivering: Running, page: str) -> None:
    """A receive takes messages of a group in their order; while they are in flight the group gives nothing."""
    queue = "delivery-waiting.fifo"
    for number in range(3):
        send_one(delivering, queue, str(number), MessageGroupId="g", MessageDeduplicationId=f"r{number}")
    first = receive(delivering, queue, MaxNumberOfMessages=2)
    assert [one["Body"] for one in first] == ["0", "1"]
    assert receive(delivering, queue) == []
    delete(delivering, queue, *first)
    second = receive(delivering, queue)
    assert [one["Body"] for one in second] == ["2"]
    numbers = [int(one["Attributes"]["SequenceNumber"]) for one in (*first, *second)]
    assert numbers == sorted(numbers)
    delete(delivering, queue, *second)


@states(f"{SQS}/using-messagededuplicationid-property.html")
def test_a_deduplication_id_counts_for_five_minutes(delivering: Running, page: str) -> None:
    """A message with a deduplication id of the last five minutes is taken and not delivered, deleted or not."""
    queue, again = "delivery-waiting.fifo", {"MessageGroupId": "g", "MessageDeduplicationId": "same"}
    sent = send_one(delivering, queue, "first", **again)
    delete(delivering, queue, *receive(delivering, queue))
    delivering.wait(299)
    second = send_one(delivering, queue, "second", **{**again, "MessageGroupId": "other"})
    assert (second["MessageId"], second["SequenceNumber"]) == (sent["MessageId"], sent["SequenceNumber"])
    assert left(delivering, queue) == 0
    delivering.wait(1)
    send_one(delivering, queue, "third", **again)
    assert [one["Body"] for one in receive(delivering, queue)] == ["third"]


@states(f"{SQS}/using-messagededuplicationid-property.html")
def test_the_content_may_be_the_deduplication_id(delivering: Running, page: str) -> None:
    """With content-based deduplication the id is made of the body alone; one that is given counts instead."""
    queue, group = "delivery-hashed.fifo", {"MessageGroupId": "g"}
    attributes = {"n": {"DataType": "Number", "StringValue": "1"}}
    send_one(delivering, queue, "same", **group)
    send_one(delivering, queue, "same", **group, MessageAttributes=attributes)
    send_one(delivering, queue, "same", **group, MessageDeduplicationId="another")
    messages = receive(delivering, queue)
    assert [one["Body"] for one in messages] == ["same", "same"]
    delete(delivering, queue, *messages)


@states(f"{SQS}/using-messagegroupid-property.html")
def test_a_message_needs_a_group_and_an_id(delivering: Running, page: str) -> None:
    """A FIFO queue takes no message without a group, or without an id if it does not make one of the content."""
    for given in ({"MessageDeduplicationId": "a"}, {"MessageGroupId": "g"}):
        with pytest.raises(ClientError):
            send_one(delivering, "delivery-waiting.fifo", "x", **given)
    with pytest.raises(ClientError):
        send_one(delivering, "delivery-hashed.fifo", "x")
    assert left(delivering, "delivery-waiting.fifo") == left(delivering, "delivery-hashed.fifo") == 0


@states("https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html")
def test_a_message_has_no_delay_of_its_own(delivering: Running, page: str) -> None:
    """Messages of a FIFO queue have no delay of their own, only that of their queue."""
    with pytest.raises(ClientError, match="DelaySeconds"):
        send_one(delivering, "delivery-hashed.fifo", "x", MessageGroupId="g", DelaySeconds=5)


@states("https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html")
def test_a_receipt_lapses_with_the_visibility(delivering: Running, page: str) -> None:
    """A message of a FIFO queue is deleted within its visibility timeout, or not by this receipt."""
    queue = "delivery-waiting.fifo"
    send_one(delivering, queue, "lapses", MessageGroupId="g", MessageDeduplicationId="lapses")
    (first,) = receive(delivering, queue, VisibilityTimeout=1)
    delivering.wait(1.5)
    with pytest.raises(ClientError, match="expired"):
        delete(delivering, queue, first)
    (second,) = receive(delivering, queue, WaitTimeSeconds=5)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    delete(delivering, queue, second)
    assert left(delivering, queue) == 0


@states(f"{SQS}/setting-up-dead-letter-queue-retention.html")
def test_a_fifo_dead_letter_is_young_again(delivering: Running, page: str) -> None:
    """When a FIFO queue's message becomes a dead letter, its retention begins anew."""
    send_one(delivering, "delivery-aged.fifo", "old", MessageGroupId="g", MessageDeduplicationId="1")
    assert receive(delivering, "delivery-aged.fifo")
    delivering.wait(40)
    assert receive(delivering, "delivery-aged.fifo") == []
    delivering.wait(119)
    assert left(delivering, "delivery-aged-dead.fifo") == 1
    delivering.wait(1)
    assert left(delivering, "delivery-aged-dead.fifo") == 0
