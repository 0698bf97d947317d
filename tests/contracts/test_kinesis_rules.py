"""How Lambda's mappings of Kinesis streams deliver, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import kinesis
from tests.contracts.delivery.asking import LAMBDA, put, seen, states

pipeline = kinesis.pipeline

NOT_ON_LOCALSTACK: dict[str, str] = {}


@states(f"{LAMBDA}/kinesis-on-failure-destination.html")
def test_records_that_are_given_up_are_told_of(delivering: Running, page: str) -> None:
    """After its retries a batch is bisected to the record that fails; its metadata goes to the destination."""
    put(delivering, "delivery-clicks", {"n": 1}, {"n": 2}, {"n": 3, "breaks": True}, {"n": 4})
    (letter,) = (json.loads(one) for one in delivering.letters("delivery-given-up"))
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
