"""What moto's tables tell their streams of: one record for each change, as DynamoDB has it.

Source: DynamoDB, "Change data capture for DynamoDB Streams". moto has a record for a write that changes nothing,
shows empty images where AWS shows none, and writes an item that an update makes twice: its keys, and then all of it.
The first of these is never recorded, since a reader might see it before the other one.

Nothing of LocalStack is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Final

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import StreamRecord, StreamShard

if TYPE_CHECKING:
    from moto.dynamodb.models.dynamo_type import Item
    from moto.dynamodb.models.table import Table

_IMAGES: Final = ("OldImage", "NewImage")

_SERVICE: Final = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}

_begun: ContextVar[bool] = ContextVar("_begun", default=False)
"""Whether an update has begun, and has written nothing yet."""

_expires: ContextVar[bool] = ContextVar("_expires", default=False)
"""Whether what is deleted has expired."""


def record_changes() -> None:
    """Have moto's tables record their changes as DynamoDB does, from now on."""
    StreamShard.add = _add  # type: ignore[method-assign,assignment]  # that is the point
    if not hasattr(DynamoDBBackend.update_item, "__wrapped__"):
        DynamoDBBackend.update_item = _noted(DynamoDBBackend.update_item)  # type: ignore[method-assign]


@contextmanager
def by_the_service() -> Iterator[None]:
    """What is deleted meanwhile has expired: its record names the service, not a user."""
    token = _expires.set(True)
    try:
        yield
    finally:
        _expires.reset(token)


def view_type(table: Table) -> str:
    """Which images the table's stream shows."""
    return str((table.stream_specification or {})["StreamViewType"])


def _noted(update: Callable[..., Item]) -> Callable[..., Item]:
    """The update, of which `_add` knows that it has begun."""

    @wraps(update)
    def update_item(*arguments: object, **named: object) -> Item:
        token = _begun.set(True)
        try:
            return update(*arguments, **named)
        finally:
            _begun.reset(token)

    return update_item


def _add(shard: StreamShard, old: Item | None, new: Item | None) -> None:
    """One item was written: `old` is what it was, `new` what it is; None where there is none."""
    if _begun.get():
        _begun.set(False)
        if old is None:
            return  # the keys of an item that an update makes
    before, after = (None if one is None else one.to_json()["Attributes"] for one in (old, new))
    if before == after:
        return
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    number = shard.starting_sequence_number + len(shard.items)
    one = StreamRecord(shard.table, view_type(shard.table), name, old, new, number)
    one.record |= {"awsRegion": shard.table.region_name, "eventVersion": "1.1"}
    images = one.record["dynamodb"]
    for image in _IMAGES:
        if not images.get(image, True):
            del images[image]
    if _expires.get():
        one.record["userIdentity"] = dict(_SERVICE)
    shard.items.append(one)
