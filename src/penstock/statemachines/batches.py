"""ItemBatcher: how a Distributed Map groups its items (Developer Guide, "ItemBatcher (Map)").

Pure grouping; who runs a batch is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from penstock.statemachines.model import ItemBatcher, Scope, Setting
from penstock.statemachines.settings import integer, out_of_range
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """What one batch may hold.

    Args:
        batch_input: goes into every batch as `BatchInput`; None if the state has none.
    """

    max_items: int | None
    max_input_bytes: int
    batch_input: JSON = None
    has_batch_input: bool = False


def batch_limits(batcher: ItemBatcher, value: JSON, scope: Scope) -> BatchLimits:
    """Resolve an ItemBatcher.

    Raises:
        StateFailure: a limit is no positive integer.
    """
    max_items = _positive(batcher.max_items, value, scope)
    max_bytes = _positive(batcher.max_input_bytes, value, scope)
    return BatchLimits(
        max_items=max_items,
        max_input_bytes=min(max_bytes or MAXIMUM_PAYLOAD_BYTES, MAXIMUM_PAYLOAD_BYTES),
        batch_input=None if batcher.batch_input is None else batcher.batch_input(value, scope),
        has_batch_input=batcher.batch_input is not None,
    )


def _positive(setting: Setting | None, value: JSON, scope: Scope) -> int | None:
    if setting is None:
        return None
    number = integer(setting, value, scope)
    if number < 0:
        raise out_of_range(setting, f"field {setting.field} must be positive")
    return number or None


def next_batch(
    limits: BatchLimits,
    waiting: deque[JSON],
    *,
    more_to_come: bool,
    selected: Callable[[int, JSON], JSON],
) -> tuple[JSON, int] | None:
    """Make the next batch of the items that wait; who takes it removes its items.

    Args:
        waiting: items.
        more_to_come: further items may arrive, so that an unfilled batch is not complete yet.
        selected: what ItemSelector makes of the item at an offset in this batch.

    Returns:
        The batch's input, `{"Items": [...]}` with `BatchInput` if the state has one, and its number of items;
        None if the batch is not complete yet.
    """
    if not waiting:
        return None
    if more_to_come and (limits.max_items is None or len(waiting) < limits.max_items):
        return None
    batch: dict[str, JSON] = {}
    if limits.has_batch_input:
        batch["BatchInput"] = limits.batch_input
    items: list[JSON] = []
    room = limits.max_input_bytes - size_bytes({**batch, "Items": []})
    most = len(waiting) if limits.max_items is None else min(limits.max_items, len(waiting))
    for offset, waits in enumerate(islice(waiting, most)):
        item = selected(offset, waits)
        needed = size_bytes(item) + (1 if items else 0)
        if items and needed > room:
            break
        room -= needed
        items.append(item)
    batch["Items"] = items
    return batch, len(items)
