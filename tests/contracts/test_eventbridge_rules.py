"""How EventBridge's buses deliver, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import eventbridge
from tests.contracts.delivery.asking import EVENTS, states

pipeline = eventbridge.pipeline

NOT_ON_LOCALSTACK = {
    "test_a_rule_matches_and_transforms": "LocalStack loses an event with a number within a template's string",
}


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
