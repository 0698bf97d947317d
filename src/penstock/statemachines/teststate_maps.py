"""What `TestState` shows of a Map state: its items, and what becomes of them on the way to the iterations.

The fields are evaluated by the functions that the engine uses; the items of a reader are in the request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from penstock.errors import ItemFormatError
from penstock.statemachines.batches import batch_limits, next_batch
from penstock.statemachines.failures import ITEM_READER, StateFailure
from penstock.statemachines.fan_out import items_of
from penstock.statemachines.item_formats import decode_items
from penstock.statemachines.item_origins import STATE_DATA, Origins
from penstock.statemachines.json_stream import Member
from penstock.statemachines.model import ItemReader, Map, Scope
from penstock.statemachines.settings import count, integer, percentage
from penstock.statemachines.values import JSON

ScopeOfItem = Callable[[Mapping[str, JSON]], Scope]
"""What expressions see for one item: it is the context object's `Map.Item`."""


def map_settings(state: Map, value: JSON, scope: Scope) -> dict[str, JSON]:
    """MaxConcurrency and the tolerated failures, by AWS's names."""
    concurrency = state.max_concurrency
    found: dict[str, JSON] = {
        "maxConcurrency": 0 if concurrency is None else count(concurrency, value, scope)
    }
    if state.tolerated_count is not None:
        found["toleratedFailureCount"] = count(state.tolerated_count, value, scope)
    if state.tolerated_percentage is not None:
        found["toleratedFailurePercentage"] = percentage(state.tolerated_percentage, value, scope)
    return found


def map_items(
    state: Map, value: JSON, scope: Scope, read: str | None
) -> tuple[list[JSON], bool, dict[str, JSON]]:
    """The items, and the data after ItemsPath or ItemsPointer.

    Args:
        read: JSON text, as its source has it, of what the ItemReader reads.

    Returns:
        The items, whether they are the members of an object (`{"Key": ..., "Value": ...}`), and that data.

    Raises:
        StateFailure: there are no items, or a field of the reader fails.
    """
    if state.reader is None:
        items, members = items_of(state, value, scope)
        path = not state.jsonata and state.items is not None
        return items, members, {"afterItemsPath": items} if path else {}
    config = _reader_config(state.reader, value, scope)
    if read is None:
        return [], False, {}
    given = {
        "InputType": "JSON",
        **({"ItemsPointer": config["ItemsPointer"]} if "ItemsPointer" in config else {}),
    }
    try:
        items = list(decode_items(given, [read.encode(errors="surrogatepass")]))
    except ItemFormatError as error:
        raise StateFailure(ITEM_READER, error.what) from error
    most = config.get("MaxItems")
    items = items[:most] if isinstance(most, int) and most > 0 else items
    members = bool(items) and isinstance(items[0], Member)
    return items, members, {"afterItemsPointer": items} if "ItemsPointer" in config else {}


def _reader_config(reader: ItemReader, value: JSON, scope: Scope) -> dict[str, JSON]:
    """The resolved ReaderConfig; the reader's other arguments are evaluated too."""
    if reader.arguments is not None:
        reader.arguments(value, scope)
    config = {} if reader.config is None else reader.config(value, scope)
    resolved = dict(config) if isinstance(config, Mapping) else {}
    if reader.max_items is not None:
        resolved["MaxItems"] = integer(reader.max_items, value, scope)
    return resolved


def map_inputs(
    state: Map,
    value: JSON,
    items: list[JSON],
    scope: Scope,
    scope_of_item: ScopeOfItem,
    *,
    members: bool,
) -> dict[str, JSON]:
    """The iterations' inputs: after ItemSelector, and after ItemBatcher, where the state has them.

    Args:
        members: the items are the members of an object.
    """
    found: dict[str, JSON] = {}
    inputs = items
    selector = state.item_selector
    if selector is not None:
        origins = Origins(STATE_DATA, members=members)
        inputs = [
            selector(value, scope_of_item(origins.about(index, item))) for index, item in enumerate(items)
        ]
        found["afterItemSelector"] = inputs
    if state.batcher is not None:
        limits = batch_limits(state.batcher, value, scope)
        waiting, batches = deque(inputs), []
        while (batch := next_batch(limits, waiting, more_to_come=False, selected=_itself)) is not None:
            batches.append(batch[0])
            for _ in range(batch[1]):
                waiting.popleft()
        found["afterItemBatcher"] = batches
    return found


def _itself(_offset: int, item: JSON) -> JSON:
    return item
