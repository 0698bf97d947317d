"""Answers the EventBridge API from `Buses`. Buses and rules are those of the declaration.

Source: the EventBridge API reference, "PutEvents".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, cast

from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import compile_pattern
from penstock.runtime.events.buses import DEFAULT_BUS, Buses, NewEvent, check_entry_size
from penstock.runtime.services import Call, ServiceError, unanswered
from penstock.runtime.timestamps import epoch_seconds

MOST_ENTRIES: Final = 10
Parameters = Mapping[str, object]
Answer = dict[str, object]


class EventBridgeService:
    """EventBridge for one run: `PutEvents` and `TestEventPattern`."""

    def __init__(self, buses: Buses) -> None:
        self.buses = buses

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        match call.operation:
            case "PutEvents":
                return self._put_events(call.parameters)
            case "TestEventPattern":
                return _test_event_pattern(call.parameters)
            case _:
                raise unanswered("events", call.operation)

    def _put_events(self, parameters: Parameters) -> Answer:
        if "EndpointId" in parameters:
            raise unanswered(
                "events", "PutEvents", because="there are no global endpoints: leave EndpointId out"
            )
        entries = cast("Sequence[Parameters]", parameters["Entries"])
        if not 1 <= len(entries) <= MOST_ENTRIES:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value at 'entries' has {len(entries)} members; "
                f"it may have 1 to {MOST_ENTRIES}",
            )
        check_entry_size(sum(_size_bytes(entry) for entry in entries))
        answers = [self._put(entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in one for one in answers), "Entries": answers}

    def _put(self, entry: Parameters) -> Answer:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                return _refused(
                    "InvalidArgument",
                    f"Parameter {name} is not valid. Reason: {name} is a required argument.",
                )
        if str(entry["Source"]).startswith("aws."):
            return _refused("NotAuthorizedForSourceException", "Not authorized for the source.")
        detail = _object_in(str(entry["Detail"]))
        if detail is None:
            return _refused("MalformedDetail", "Detail is malformed.")
        event = NewEvent(
            source=str(entry["Source"]),
            detail_type=str(entry["DetailType"]),
            detail=detail,
            resources=[str(one) for one in cast("Sequence[object]", entry.get("Resources", ()))],
            at=epoch_seconds(entry.get("Time")),
            bus=str(entry.get("EventBusName") or DEFAULT_BUS).rpartition("/")[2],
        )
        try:
            return {"EventId": self.buses.put(event)}
        except ServiceError as error:
            return _refused(error.code, error.message)


def _refused(code: str, message: str) -> Answer:
    return {"ErrorCode": code, "ErrorMessage": message}


def _object_in(text: str) -> dict[str, object] | None:
    """The JSON object that a text is; None if it is none. `NaN` and the like are no JSON."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _size_bytes(entry: Parameters) -> int:
    resources = cast("Sequence[object]", entry.get("Resources", ()))
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", ""), *resources]
    return sum(len(str(text).encode()) for text in texts) + (14 if entry.get("Time") else 0)


def _test_event_pattern(parameters: Parameters) -> Answer:
    try:
        pattern = compile_pattern(str(parameters["EventPattern"]))
    except EventPatternError as error:
        raise ServiceError(
            "InvalidEventPatternException", f"Event pattern is not valid. Reason: {error.what}"
        ) from error
    event = _object_in(str(parameters["Event"]))
    if event is None:
        raise ServiceError("ValidationException", "Parameter Event is not valid.")
    return {"Result": pattern.matches(event)}
