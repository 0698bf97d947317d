"""What a verdict means, whatever fails: nothing is lost, nothing past a failure of a shard is acknowledged."""

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.handlers import Undecodable, on_dynamodb_change, on_kinesis_record, on_sqs_message
from penstock.handlers.attribute_values import image
from penstock.handlers.records import DynamoDBChange
from penstock.testing.attribute_values import attribute_value
from penstock.testing.context import FakeContext
from penstock.testing.events import (
    dynamodb_event,
    kinesis_event,
    message_id,
    sequence_number,
    sqs_event,
)

OUTCOMES = st.lists(st.sampled_from(["done", "fails", "undecodable"]), max_size=12)
"""What happens to each record of a batch."""

LOOKS = st.integers(0, 14)
"""How often a handler may ask for the time before it runs out."""

done: list[int] = []


def _bodies(outcomes: list[str]) -> list[object]:
    return [
        "broken" if outcome == "undecodable" else {"n": n, "fails": outcome == "fails"}
        for n, outcome in enumerate(outcomes)
    ]


def _work(payload: dict[str, int]) -> None:
    if payload["fails"]:
        raise RuntimeError
    done.append(payload["n"])


on_queue = on_sqs_message(undecodable=Undecodable.FAIL, stop_margin_seconds=1)(_work)
on_shard = on_kinesis_record(undecodable=Undecodable.FAIL, stop_margin_seconds=1)(_work)


def _told(verdict: object) -> list[str]:
    assert isinstance(verdict, dict)
    return [failure["itemIdentifier"] for failure in verdict["batchItemFailures"]]


def _context(looks: int) -> FakeContext:
    """Time for so many looks at the clock, each a second; then less than the margin is left."""
    return FakeContext(remaining_seconds=looks + 0.5, seconds_per_look=1)


@given(OUTCOMES, LOOKS)
def test_a_queues_verdict_is_exact(outcomes: list[str], looks: int) -> None:
    """A message is done, or it is named: never both, never neither."""
    done.clear()
    named = _told(on_queue.invoke(sqs_event(*_bodies(outcomes)), _context(looks)))
    assert sorted([*(message_id(n) for n in done), *named]) == [message_id(n) for n in range(len(outcomes))]


@given(OUTCOMES, LOOKS)
def test_a_fifo_queue_acknowledges_a_prefix(outcomes: list[str], looks: int) -> None:
    """What is done stands before everything that is named."""
    done.clear()
    named = _told(on_queue.invoke(sqs_event(*_bodies(outcomes), queue="q.fifo"), _context(looks)))
    assert done == list(range(len(done)))
    assert named == [message_id(n) for n in range(len(done), len(outcomes))]


@given(OUTCOMES, LOOKS)
def test_what_lambda_takes_as_done_of_a_shard_is_a_prefix_without_failures(
    outcomes: list[str], looks: int
) -> None:
    """Lambda goes on at the lowest sequence number that it is told."""
    done.clear()
    named = _told(on_shard.invoke(kinesis_event(*_bodies(outcomes)), _context(looks)))
    assert named == [sequence_number(len(done))][: len(outcomes) - len(done)]
    assert done == list(range(len(done)))


_SCALARS = (
    st.none()
    | st.booleans()
    | st.text()
    | st.binary()
    | st.integers(1 - 10**38, 10**38 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=4)
    | st.sets(st.text(), min_size=1)
    | st.sets(st.binary(), min_size=1)
    | st.sets(st.integers(-(10**37), 10**37), min_size=1)
)
ITEM_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@given(st.dictionaries(st.text(), ITEM_VALUES))
def test_an_image_comes_back_as_it_was(item: dict[str, object]) -> None:
    """Every attribute type, nested: encoding and decoding are each other's inverse."""
    written = json.loads(json.dumps({name: attribute_value(value) for name, value in item.items()}))
    assert image(written) == item


@given(ITEM_VALUES)
def test_a_change_brings_the_image(value: object) -> None:
    """A handler sees the item that was written."""
    seen: list[object] = []

    @on_dynamodb_change
    def handle(change: DynamoDBChange[dict[str, object]]) -> None:
        seen.append(change.new)

    assert _told(handle.invoke(dynamodb_event((None, {"id": "1", "value": value})), FakeContext())) == []
    assert seen == [{"id": "1", "value": value}]
