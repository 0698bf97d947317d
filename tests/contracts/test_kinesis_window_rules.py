"""The tumbling windows of Lambda's mappings of Kinesis streams, rule by rule."""

from __future__ import annotations

from uuid import uuid4

from tests.contracts.conftest import Running
from tests.contracts.delivery import kinesis, kinesis_here
from tests.contracts.delivery.asking import LAMBDA, put, seen, states
from tests.contracts.delivery.kinesis_here import WINDOW_SECONDS
from tests.contracts.delivery.stream_calls import when_active

pipeline = kinesis_here.pipeline
elsewhere = kinesis.pipeline

NOT_ON_LOCALSTACK: dict[str, str] = {}
DEPLOYED_ALONE = {
    "test_a_window_has_its_boundaries_and_begins_without_state": ("tumbling",),
    "test_a_failed_invocation_leaves_the_state_as_it_was": ("tumbling",),
    "test_an_answer_without_state_is_a_failure": ("tumbling",),
    "test_a_state_of_more_than_a_megabyte_ends_the_window": ("tumbling",),
    "test_a_window_ends_with_its_shard": ("tumbling",),
}


def begin_a_window(run: Running) -> None:
    """Wait for the beginning of a window of `delivery-tumbling`."""
    run.wait(WINDOW_SECONDS - run.now() % WINDOW_SECONDS)


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_hands_its_state_on(delivering: Running, page: str) -> None:
    """Each invocation of a tumbling window gets the state of the one before; the last one is final."""
    put(delivering, "delivery-totals", *({"n": number} for number in range(1, 6)))
    assert seen(delivering, "of-window", count=1) == [15]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_has_its_boundaries_and_begins_without_state(delivering: Running, page: str) -> None:
    """Records belong to windows by their arrival; each window begins with {} and ends with a final invocation."""
    begin_a_window(delivering)
    put(delivering, "delivery-tumbling", *({"n": number} for number in (1, 2, 3)))
    delivering.wait(WINDOW_SECONDS)
    put(delivering, "delivery-tumbling", {"n": 4})
    noted = seen(delivering, "tumbling", count=5)
    assert [(one["n"], one["state"], one["final"]) for one in noted] == [
        ([1, 2], {}, False),
        ([3], {"count": 2}, False),
        ([], {"count": 3}, True),
        ([4], {}, False),
        ([], {"count": 1}, True),
    ]
    first, second = noted[0]["window"], noted[3]["window"]
    assert first["end"] == second["start"]
    assert not any(one["early"] for one in noted)


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_failed_invocation_leaves_the_state_as_it_was(delivering: Running, page: str) -> None:
    """A batch that is tried again in a window gets the state that it got before."""
    begin_a_window(delivering)
    put(
        delivering,
        "delivery-tumbling",
        {"n": 1},
        {"n": 2},
        {"n": 3, "breaks_first": 2, "name": uuid4().hex},
    )
    noted = seen(delivering, "tumbling", count=5)
    assert [(one["n"], one["state"]) for one in noted] == [
        ([1, 2], {}),
        *[([3], {"count": 2})] * 3,
        ([], {"count": 3}),
    ]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_an_answer_without_state_is_a_failure(delivering: Running, page: str) -> None:
    """In a window an answer without a state counts as a failed invocation."""
    begin_a_window(delivering)
    put(delivering, "delivery-tumbling", {"n": 1, "forgets": True, "name": uuid4().hex})
    noted = seen(delivering, "tumbling", count=3)
    assert [(one["n"], one["state"]) for one in noted] == [([1], {}), ([1], {}), ([], {"count": 1})]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_state_of_more_than_a_megabyte_ends_the_window(delivering: Running, page: str) -> None:
    """A state over 1 MB ends the window early; the same window goes on with a fresh state."""
    begin_a_window(delivering)
    put(delivering, "delivery-tumbling", {"n": 1, "pad": 1_100_000})
    delivering.wait(WINDOW_SECONDS / 2)
    put(delivering, "delivery-tumbling", {"n": 2})
    noted = seen(delivering, "tumbling", count=4)
    assert [(one["n"], one["state"], one["final"], one["early"]) for one in noted] == [
        ([1], {}, False, False),
        ([], {"count": 1}, True, True),
        ([2], {}, False, False),
        ([], {"count": 1}, True, False),
    ]
    assert noted[0]["window"] == noted[2]["window"]


@states(f"{LAMBDA}/services-kinesis-windows.html")
def test_a_window_ends_with_its_shard(delivering: Running, page: str) -> None:
    """When a shard ends its window is closed, and the child shards begin windows with a fresh state."""
    begin_a_window(delivering)
    put(delivering, "delivery-tumbling", {"n": 1})
    delivering.client("kinesis").split_shard(
        StreamName="delivery-tumbling", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(1 << 127)
    )
    when_active(delivering, "delivery-tumbling")
    put(delivering, "delivery-tumbling", {"n": 2})
    noted = seen(delivering, "tumbling", count=4)
    assert [(one["n"], one["state"], one["final"]) for one in noted] == [
        ([1], {}, False),
        ([], {"count": 1}, True),
        ([2], {}, False),
        ([], {"count": 1}, True),
    ]
    assert noted[0]["shard"] != noted[2]["shard"]
    assert noted[0]["window"] == noted[2]["window"]
