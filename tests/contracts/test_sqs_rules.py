"""How SQS and Lambda's mappings of standard queues deliver, rule by rule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contracts.conftest import Running
from tests.contracts.delivery import sqs
from tests.contracts.delivery.asking import LAMBDA, SQS, emptied, left, notes, seen, send, states, url_of

pipeline = sqs.pipeline

TIME = "it is about moments, which only virtual time hits"

ONLY_EMBEDDED = {
    "test_a_functions_own_dead_letter_queue_is_not_the_mappings": TIME,
    "test_throttled_messages_come_to_the_dead_letter_queue_unseen": TIME,
    "test_a_timeout_is_a_failure": TIME,
    "test_no_more_batches_than_allowed_run_at_once": TIME,
    "test_a_failed_message_waits_for_its_visibility_timeout": TIME,
    "test_a_window_ends_with_its_time": TIME,
    "test_a_window_ends_with_a_full_batch": TIME,
    "test_a_window_ends_with_six_megabytes": TIME,
    "test_a_message_is_kept_for_the_retention_period": TIME,
    "test_a_dead_letter_keeps_its_age": TIME,
    "test_a_function_may_change_how_long_a_message_is_hidden": TIME,
}

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_a_batch_that_fails_comes_again_as_a_whole": ("work",),
    "test_a_partial_response_puts_back_what_it_names": ("work",),
    "test_a_malformed_response_fails_the_batch": ("work",),
    "test_a_dead_letter_is_the_message_itself": ("work",),
    "test_without_the_setting_a_response_says_nothing": ("deaf",),
    "test_filters_are_ored_and_look_at_json_or_text": ("text-lines",),
}


@states(f"{LAMBDA}/with-sqs.html")
def test_a_batch_that_succeeds_is_deleted(delivering: Running, page: str) -> None:
    """When the function has processed a batch, Lambda deletes its messages from the queue."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2})
    assert seen(delivering, "of-queue", count=1) == [[1, 2]]
    emptied(delivering, "delivery-work")


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_batch_that_fails_comes_again_as_a_whole(delivering: Running, page: str) -> None:
    """After the visibility timeout all messages of a failed batch are visible again, up to the redrive policy."""
    send(delivering, "delivery-work", {"n": 1, "breaks": True}, {"n": 2})
    assert seen(delivering, "of-queue", count=2) == [[1, 2], [1, 2]]
    delivering.settle(lambda: left(delivering, "delivery-refused") == 2, of="both dead letters")


@states(f"{SQS}/sqs-visibility-timeout.html")
def test_a_failed_message_waits_for_its_visibility_timeout(delivering: Running, page: str) -> None:
    """A failed message is received again when the visibility timeout of its queue is over, not before."""
    send(delivering, "delivery-work", {"n": 1, "fails": True})
    first, second = notes(delivering, "of-queue", count=2)
    assert second.at - first.at == 30


@states(f"{SQS}/sqs-dead-letter-queues.html")
def test_a_dead_letter_is_the_message_itself(delivering: Running, page: str) -> None:
    """What was received maxReceiveCount times moves to the dead-letter queue: its id, body and attributes stay."""
    client, attributes = delivering.client("sqs"), {"kind": {"DataType": "String", "StringValue": "a"}}
    body = json.dumps({"n": 1, "fails": True})
    sent = client.send_message(
        QueueUrl=url_of(delivering, "delivery-work"), MessageBody=body, MessageAttributes=attributes
    )
    (letter,) = delivering.messages("delivery-refused")
    assert (letter["MessageId"], letter["Body"]) == (sent["MessageId"], body)
    assert letter["MessageAttributes"] == attributes
    assert letter["Attributes"]["DeadLetterQueueSourceArn"].endswith(":delivery-work")
    assert len(seen(delivering, "of-queue", count=2)) == 2


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_a_partial_response_puts_back_what_it_names(delivering: Running, page: str) -> None:
    """Only the messages in batchItemFailures become visible again; the others are deleted."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    assert seen(delivering, "of-queue", count=2) == [[1, 2, 3], [2]]
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-refused")] == [2]


SUCCESSES: list[Any] = [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}]
FAILURES: list[Any] = [
    {"batchItemFailures": [{"itemIdentifier": ""}]},
    {"batchItemFailures": [{"itemIdentifier": None}]},
    {"batchItemFailures": [{"itemIdentifier": "nobody"}]},
    {"batchItemFailures": [{"identifier": "nobody"}]},
    {"batchItemFailures": "nobody"},
]


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_an_empty_response_is_a_success(delivering: Running, page: str) -> None:
    """An empty or null answer, and an empty or null list of failures, mean that the whole batch has succeeded."""
    for answer in SUCCESSES:
        send(delivering, "delivery-work", {"n": 1, "answers": answer}, {"n": 2})
        assert sorted(n for batch in seen(delivering, "of-queue", count=1) for n in batch)[:1] == [1]
    emptied(delivering, "delivery-work")
    assert left(delivering, "delivery-refused") == 0


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_a_malformed_response_fails_the_batch(delivering: Running, page: str) -> None:
    """An identifier that is empty, null or of no message, and a misspelt member, fail the whole batch."""
    for answer in FAILURES:
        send(delivering, "delivery-work", {"n": 1, "answers": answer}, {"n": 2})
        assert seen(delivering, "of-queue", count=2) == [[1, 2], [1, 2]]
        assert len(delivering.letters("delivery-refused", count=2)) == 2


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_without_the_setting_a_response_says_nothing(delivering: Running, page: str) -> None:
    """Without ReportBatchItemFailures an answer that names failures deletes the batch all the same."""
    send(delivering, "delivery-deaf", {"n": 1, "fails": True}, {"n": 2})
    assert seen(delivering, "of-deaf-queue", count=1) == [[1, 2]]
    emptied(delivering, "delivery-deaf")


@states(f"{LAMBDA}/with-sqs-filtering.html")
def test_what_the_filter_does_not_match_is_deleted(delivering: Running, page: str) -> None:
    """A message that matches no filter is deleted from the queue, and the function does not see it."""
    send(delivering, "delivery-work", {"other": 1}, {"n": 2})
    assert seen(delivering, "of-queue", count=1) == [[2]]
    emptied(delivering, "delivery-work")
    assert left(delivering, "delivery-refused") == 0


@states(f"{LAMBDA}/with-sqs-filtering.html#filtering-sqs-properly")
def test_filters_are_ored_and_look_at_json_or_text(delivering: Running, page: str) -> None:
    """One of several filters is enough; a pattern for text matches no JSON body, and one for JSON no text."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-text-lines")
    for body in ("get one", "put one", '{"get one": 1}', '{"n": 7}', '{"n": 3}', "7"):
        client.send_message(QueueUrl=url, MessageBody=body)
    assert [one for batch in seen(delivering, "of-lines", count=1) for one in batch] == [
        "get one",
        '{"n": 7}',
    ]
    emptied(delivering, "delivery-text-lines")


@states(f"{LAMBDA}/services-sqs-configure.html")
def test_a_window_ends_with_its_time(delivering: Running, page: str) -> None:
    """A batch that is not full is handed over when its window is over, which began with its first message."""
    send(delivering, "delivery-windowed", {"n": 1})
    delivering.wait(15)
    send(delivering, "delivery-windowed", {"n": 2})
    delivering.wait(4.9)
    assert left(delivering, "delivery-of-window-queue-saw") == 0
    delivering.wait(0.2)
    assert seen(delivering, "of-window-queue", count=1) == [[1, 2]]


@states(f"{LAMBDA}/services-sqs-configure.html")
def test_a_window_ends_with_a_full_batch(delivering: Running, page: str) -> None:
    """A full batch does not wait for its window; the message after it opens a window of its own."""
    send(delivering, "delivery-windowed", {"n": 1}, {"n": 2})
    delivering.wait(10)
    send(delivering, "delivery-windowed", {"n": 3})
    delivering.wait(1)
    send(delivering, "delivery-windowed", {"n": 4})
    first, second = notes(delivering, "of-window-queue", count=2)
    assert (first.what, second.what) == ([1, 2, 3], [4])
    assert second.at - first.at == 1 + 20


@states(f"{LAMBDA}/services-sqs-configure.html")
def test_a_window_ends_with_six_megabytes(delivering: Running, page: str) -> None:
    """A batch ends before the payload of an invocation would be over 6 MB, whatever its window and size."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-wide")
    for n in range(7):
        # A quotation mark takes two bytes in JSON.
        client.send_message(QueueUrl=url, MessageBody=f"{n}{chr(34) * 400_000}{'x' * 200_000}")
    first, second = notes(delivering, "of-wide-queue", count=2)
    assert [[body[0] for body in one.what] for one in (first, second)] == [list("012345"), ["6"]]
    assert second.at - first.at == 20


@states(f"{LAMBDA}/services-sqs-scaling.html#events-sqs-max-concurrency")
def test_no_more_batches_than_allowed_run_at_once(delivering: Running, page: str) -> None:
    """With MaximumConcurrency 2, two invocations run at once; what waits is not received meanwhile."""
    send(delivering, "delivery-limited", *({"n": n, "seconds": 4} for n in range(6)))
    found = notes(delivering, "of-limited-queue", count=12)
    running = most = 0
    for one in found:
        running += 1 if one.what[0] == "begin" else -1
        most = max(most, running)
    assert most == 2
    assert {one.what[2] for one in found} == {1}


@states(f"{LAMBDA}/services-sqs-scaling.html")
def test_throttled_messages_come_to_the_dead_letter_queue_unseen(delivering: Running, page: str) -> None:
    """A throttled batch has been received: its messages come back, and may be dead letters that nobody saw."""
    send(delivering, "delivery-throttled", {"n": 1})
    assert [json.loads(one) for one in delivering.letters("delivery-refused")] == [{"n": 1}]
    assert left(delivering, "delivery-of-throttled-queue-saw") == 0


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_functions_own_dead_letter_queue_is_not_the_mappings(delivering: Running, page: str) -> None:
    """A function's dead-letter queue and destinations are for asynchronous invocations, not for its queues."""
    send(delivering, "delivery-throttled", {"n": 1})
    send(delivering, "delivery-slow", {"n": 2, "seconds": 10})
    assert len(delivering.letters("delivery-refused", count=2)) == 2
    assert left(delivering, "delivery-no-letters") == left(delivering, "delivery-no-failures") == 0


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_timeout_is_a_failure(delivering: Running, page: str) -> None:
    """A function that runs longer than its timeout has failed: its batch becomes visible again."""
    send(delivering, "delivery-slow", {"n": 1, "seconds": 10})
    found = notes(delivering, "of-slow-queue", count=2)
    assert [one.what for one in found] == [["begin", 1, 1], ["begin", 1, 2]]
    assert found[1].at - found[0].at == 30
    assert len(delivering.letters("delivery-refused")) == 1


@states(f"{SQS}/sqs-visibility-timeout.html")
def test_a_function_may_change_how_long_a_message_is_hidden(delivering: Running, page: str) -> None:
    """ChangeMessageVisibility counts from its call on; of what was given up, the old receipt deletes nothing."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-unmapped")
    client.send_message(QueueUrl=url, MessageBody="x")
    (first,) = client.receive_message(QueueUrl=url)["Messages"]
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=10)
    delivering.wait(9)
    assert "Messages" not in client.receive_message(QueueUrl=url)
    delivering.wait(1)
    (second,) = client.receive_message(QueueUrl=url)["Messages"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    client.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert left(delivering, "delivery-unmapped") == 1
    with pytest.raises(ClientError):
        client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
        )
    client.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    assert left(delivering, "delivery-unmapped") == 0


@states(f"{SQS}/sqs-visibility-timeout.html")
def test_a_received_message_is_hidden(delivering: Running, page: str) -> None:
    """What one consumer has received no other one gets; its receive count tells how often it was received."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-unmapped")
    client.send_message(QueueUrl=url, MessageBody="hidden")
    ask = {"QueueUrl": url, "MessageSystemAttributeNames": ["All"]}
    (first,) = client.receive_message(**ask)["Messages"]
    assert "Messages" not in client.receive_message(**ask)
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    (second,) = client.receive_message(**ask)["Messages"]
    assert second["MessageId"] == first["MessageId"]
    assert [one["Attributes"]["ApproximateReceiveCount"] for one in (first, second)] == ["1", "2"]
    client.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])


@states(f"{SQS}/sqs-short-and-long-polling.html")
def test_a_long_poll_ends_with_the_first_message(delivering: Running, page: str) -> None:
    """A long poll answers as soon as there is a message; a delayed one comes when its delay is over."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-late")
    client.send_message(QueueUrl=url, MessageBody="late")
    assert "Messages" not in client.receive_message(QueueUrl=url)
    client.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=3)
    found: list[str] = []
    while len(found) < 2:
        messages = client.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        found += [one["Body"] for one in messages]
        for one in messages:
            client.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert found == ["late", "later"]


@states(f"{SQS}/sqs-basic-architecture.html")
def test_a_message_is_kept_for_the_retention_period(delivering: Running, page: str) -> None:
    """SQS deletes a message that is older than its queue's retention period, whether it was received or not."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-unmapped")
    client.send_message(QueueUrl=url, MessageBody="old")
    delivering.wait(59)
    assert left(delivering, "delivery-unmapped") == 1
    delivering.wait(1)
    assert left(delivering, "delivery-unmapped") == 0
    assert "Messages" not in client.receive_message(QueueUrl=url)


@states(f"{SQS}/setting-up-dead-letter-queue-retention.html")
def test_a_dead_letter_keeps_its_age(delivering: Running, page: str) -> None:
    """A dead letter of a standard queue is as old as its message, wherever it was meanwhile."""
    client, url = delivering.client("sqs"), url_of(delivering, "delivery-aged")
    dead = url_of(delivering, "delivery-aged-dead")
    client.send_message(QueueUrl=url, MessageBody="old")
    assert client.receive_message(QueueUrl=url)["Messages"]
    delivering.wait(40)
    client.send_message(QueueUrl=dead, MessageBody="young")
    assert "Messages" not in client.receive_message(QueueUrl=url)
    assert left(delivering, "delivery-aged-dead") == 2
    delivering.wait(80)
    assert left(delivering, "delivery-aged-dead") == 1
    delivering.wait(40)
    assert left(delivering, "delivery-aged-dead") == 0
