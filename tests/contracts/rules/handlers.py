"""What the functions of the rules pipeline do: tell a queue what they were given, or fail as they are told."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from penstock.handlers import DynamoDBChange, on_dynamodb_change, on_sqs_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Order(msgspec.Struct, frozen=True):
    """A message. `amount` under 0 is refused."""

    id: str
    amount: int = 0


class Item(msgspec.Struct, frozen=True):
    """An item of the table."""

    id: str
    n: int = 0


@on_sqs_message
def settle(order: Order) -> None:
    """Tell of an order; refuse one with a negative amount."""
    if order.amount < 0:
        raise ValueError("an amount is never negative")
    tell({"order": order.id})


@on_dynamodb_change
def follow(change: DynamoDBChange[Item]) -> None:
    """Tell of a change, with its images."""
    old, new = (None if image is None else image.n for image in (change.old, change.new))
    tell({"change": [old, new]})


def tell(what: object) -> None:
    """Send to the queue of what was told."""
    _sqs().send_message(QueueUrl=os.environ["TOLD_URL"], MessageBody=json.dumps(what))


@cache
def _sqs() -> SQSClient:
    import boto3

    return boto3.client("sqs")
