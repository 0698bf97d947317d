"""The execution history: events as Step Functions records them.

1. An event is immutable; ids count from 1 without gaps.
2. Details hold decoded values (`input`, `output`, `parameters` are not JSON text); `as_api` renders an event
   as `GetExecutionHistory` does.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.statemachines.values import JSON, iso_date_time, shown

MAXIMUM_EVENTS = 25_000
"""Quotas, "Standard workflows": the 25,000th event is ExecutionSucceeded or the execution fails."""

MAXIMUM_EXPRESS_EVENTS = 1_000_000
"""AWS stops an Express execution after five minutes only. A loop that takes no time would never get there:
this is where the engine stops it."""


class Event(msgspec.Struct, frozen=True):
    """One entry of the history.

    Args:
        type: `PassStateEntered`, `TaskScheduled`, ...
        at: epoch seconds.
        details: None for an event that has none.
    """

    id: int
    previous_event_id: int
    type: str
    at: float
    details: Mapping[str, JSON] | None = None


_TEXT_DETAILS = frozenset({"input", "output", "parameters"})
_SHARED_KEYS = {
    "StateEntered": "stateEnteredEventDetails",
    "StateExited": "stateExitedEventDetails",
}


def details_key(event_type: str) -> str:
    """The API's member for an event's details: `PassStateEntered` -> `stateEnteredEventDetails`."""
    for ending, key in _SHARED_KEYS.items():
        if event_type.endswith(ending):
            return key
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


def as_api(event: Event) -> dict[str, JSON]:
    """The event in the shape of `GetExecutionHistory`: payloads are JSON text."""
    answer: dict[str, JSON] = {
        "timestamp": iso_date_time(event.at),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_event_id,
    }
    if event.details is None:
        return answer
    rendered: dict[str, JSON] = {}
    for name, value in event.details.items():
        if name in _TEXT_DETAILS:
            rendered[name] = shown(value)
            if name != "parameters":
                rendered[f"{name}Details"] = {"truncated": False}
        elif name == "assignedVariables" and isinstance(value, dict):
            rendered[name] = {variable: shown(content) for variable, content in value.items()}
            rendered["assignedVariablesDetails"] = {"truncated": False}
        else:
            rendered[name] = value
    answer[details_key(event.type)] = rendered
    return answer
