"""How Lambda treats asynchronous invocations, rule by rule."""

from __future__ import annotations

import json

from tests.contracts.conftest import Running
from tests.contracts.delivery import invocations
from tests.contracts.delivery.asking import LAMBDA, seen, states

pipeline = invocations.pipeline

NOT_ON_LOCALSTACK = {
    "test_an_asynchronous_invocation_is_tried_three_times": "it waits for minutes between the attempts",
}


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
