"""How FIFO queues and their mappings deliver, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import fifo
from tests.contracts.delivery.asking import SQS, seen, send, states

pipeline = fifo.pipeline

VISIBILITY = "it waits for visibility timeouts of half a minute"

NOT_ON_LOCALSTACK = {
    "test_a_group_waits_for_its_failed_message": VISIBILITY,
}


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
