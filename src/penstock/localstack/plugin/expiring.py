"""Items of moto's tables that expire.

Source: DynamoDB, "Using time to live (TTL)" and "DynamoDB Streams and Time to Live": the attribute is a number of
epoch seconds; items that expired more than five years ago are kept; the record of the deletion names the service.
AWS deletes within a few days, this within seconds.

Nothing of LocalStack is imported here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from moto.dynamodb.models import dynamodb_backends

from penstock.localstack.plugin.table_changes import by_the_service

if TYPE_CHECKING:
    from moto.dynamodb.models.dynamo_type import Item
    from moto.dynamodb.models.table import Table

LOOK_SECONDS: Final = 5.0
OLDEST_SECONDS: Final = 5 * 365.25 * 86_400


def keep_expiring(lock: AbstractContextManager[object]) -> None:
    """Delete what has expired, every few seconds, as long as this process lives; `lock` is held meanwhile."""

    def look() -> None:
        while True:
            with lock:
                expire(time.time())
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=look, name="penstock-expiring", daemon=True).start()


def expire(now: float) -> None:
    """Delete the items whose time has passed (epoch seconds)."""
    for table in list(_expiring_tables()):
        for item in [one for one in table.all_items() if _is_due(one, table.ttl["AttributeName"], now)]:
            with by_the_service():
                table.delete_item(item.hash_key, item.range_key)


def _expiring_tables() -> Iterator[Table]:
    for regions in list(dynamodb_backends.values()):  # others may be looked at, and so made, meanwhile
        for backend in list(regions.values()):
            for table in backend.tables.values():
                if table.ttl.get("TimeToLiveStatus") == "ENABLED":
                    yield table


def _is_due(item: Item, attribute: str, now: float) -> bool:
    value = item.to_json()["Attributes"].get(attribute, {})
    try:
        moment = float(value["N"])
    except (KeyError, ValueError):
        return False  # only numbers count
    return now - OLDEST_SECONDS <= moment <= now
