"""How Lambda's mappings of standard queues deliver, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import sqs
from tests.contracts.delivery.asking import LAMBDA, left, seen, send, states

pipeline = sqs.pipeline

VISIBILITY = "it waits for visibility timeouts of half a minute"

NOT_ON_LOCALSTACK = {
    "test_a_batch_that_fails_comes_again_as_a_whole": VISIBILITY,
    "test_a_partial_response_puts_back_what_it_names": VISIBILITY,
    "test_an_identifier_that_is_unknown_fails_the_batch": VISIBILITY,
}


@states(f"{LAMBDA}/with-sqs.html")
def test_a_batch_that_succeeds_is_deleted(delivering: Running, page: str) -> None:
    """When the function has processed a batch, Lambda deletes its messages from the queue."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2})
    assert seen(delivering, "of-queue", count=1) == [[1, 2]]
    assert left(delivering, "delivery-work") == 0


@states(f"{LAMBDA}/services-sqs-errorhandling.html")
def test_a_batch_that_fails_comes_again_as_a_whole(delivering: Running, page: str) -> None:
    """After the visibility timeout all messages of a failed batch are visible again, up to the redrive policy."""
    send(delivering, "delivery-work", {"n": 1, "breaks": True}, {"n": 2})
    assert seen(delivering, "of-queue", count=2) == [[1, 2], [1, 2]]
    assert left(delivering, "delivery-refused") == 2


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_a_partial_response_puts_back_what_it_names(delivering: Running, page: str) -> None:
    """Only the messages in batchItemFailures become visible again; the others are deleted."""
    send(delivering, "delivery-work", {"n": 1}, {"n": 2, "fails": True}, {"n": 3})
    assert seen(delivering, "of-queue", count=2) == [[1, 2, 3], [2]]
    assert [json.loads(one)["n"] for one in delivering.letters("delivery-refused")] == [2]


@states(f"{LAMBDA}/services-sqs-errorhandling.html#services-sqs-batchfailurereporting")
def test_an_identifier_that_is_unknown_fails_the_batch(delivering: Running, page: str) -> None:
    """Lambda takes an itemIdentifier that is no message of the batch for a failure of all of it."""
    send(delivering, "delivery-work", {"n": 1, "unknown": True}, {"n": 2})
    assert seen(delivering, "of-queue", count=2) == [[1, 2], [1, 2]]


@states(f"{LAMBDA}/with-sqs-filtering.html")
def test_what_the_filter_does_not_match_is_deleted(delivering: Running, page: str) -> None:
    """A message that matches no filter is deleted from the queue, and the function does not see it."""
    send(delivering, "delivery-work", {"other": 1}, {"n": 2})
    assert seen(delivering, "of-queue", count=1) == [[2]]
    assert left(delivering, "delivery-work") == left(delivering, "delivery-refused") == 0
