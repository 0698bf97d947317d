"""How EventBridge Pipes deliver, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import pipes
from tests.contracts.delivery.asking import EVENTS, left, send, states

pipeline = pipes.pipeline

NOT_ON_LOCALSTACK = {
    "test_a_pipe_filters_enriches_and_hands_over": "LocalStack's open edition has no pipes",
}


@states(f"{EVENTS}/eb-pipes.html")
def test_a_pipe_filters_enriches_and_hands_over(delivering: Running, page: str) -> None:
    """What the filter lets through is enriched; an enrichment that answers with nothing ends the batch."""
    send(delivering, "delivery-piped", *({"n": number} for number in (-2, 1, 2, 4)))
    found = [json.loads(one) for one in delivering.letters("delivery-out", count=2)]
    assert sorted(one["n"] for one in found) == [2, 4]
    assert left(delivering, "delivery-piped") == 0
