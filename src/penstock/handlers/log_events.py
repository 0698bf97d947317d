"""Log events in what CloudWatch Logs sends: to a function, or in the records of a Kinesis or a delivery stream.

Source: CloudWatch Logs, "Log group-level subscription filters" (gzip'd JSON, Base64 for functions); a
`CONTROL_MESSAGE` only tries whether the destination can be reached, and holds no log events.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.errors import DecodeError
from penstock.handlers.packing import GZIPPED, gunzipped
from penstock.handlers.records import LogEvent


def events_of_function(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The log events in a function's event, each with its log group and stream.

    Raises:
        DecodeError: it is none of CloudWatch Logs, or its data cannot be read.
    """
    logs = event.get("awslogs")
    data = logs.get("data") if isinstance(logs, Mapping) else None
    if not isinstance(data, str):
        raise DecodeError("awslogs.data: a text is missing here")
    try:
        packed = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise DecodeError(f"awslogs.data: this is not Base64: {error}") from error
    return events_in(packed, "awslogs.data")


def events_in(packed: bytes, path: str) -> list[Mapping[str, Any]]:
    """The log events in packed data; see `events_of_function`."""
    try:
        told = json.loads(gunzipped(packed) if packed[:2] == GZIPPED else packed)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{path}: {error}") from error
    if not isinstance(told, dict) or "messageType" not in told:
        raise DecodeError(f"{path}: CloudWatch Logs sends an object with a messageType")
    if told["messageType"] == "CONTROL_MESSAGE":
        return []
    if told["messageType"] != "DATA_MESSAGE":
        raise DecodeError(f"{path}.messageType: DATA_MESSAGE or CONTROL_MESSAGE is expected here")
    found = told.get("logEvents")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DecodeError(f"{path}.logEvents: a list of objects is missing here")
    return [{**one, "logGroup": told.get("logGroup"), "logStream": told.get("logStream")} for one in found]


def opened_events(
    found: Sequence[Mapping[str, Any]], decode: Callable[[str], object]
) -> list[LogEvent[object]]:
    """Log events with their messages decoded.

    Raises:
        DecodeError: one has no message or time, or its message cannot be decoded.
    """
    return [opened(one, decode) for one in found]


def opened(found: Mapping[str, Any], decode: Callable[[str], object]) -> LogEvent[object]:
    """A log event with its message decoded; raises DecodeError as `opened_events` does."""
    return log_event(found, decode(message_of(found)))


def data_of(found: Mapping[str, Any]) -> bytes:
    """What a dead letter of a log event holds: its message, or the event as JSON if it has none."""
    message = found.get("message")
    return (message if isinstance(message, str) else json.dumps(found)).encode(errors="surrogatepass")


def log_event(found: Mapping[str, Any], message: object) -> LogEvent[object]:
    """A log event with its decoded message."""
    try:
        at = float(found["timestamp"]) / 1000
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError("logEvents[].timestamp: a number is missing here") from error
    fields = found.get("extractedFields")
    return LogEvent(
        message=message,
        id=str(found.get("id", "")),
        at=at,
        log_group=str(found.get("logGroup", "")),
        log_stream=str(found.get("logStream", "")),
        fields={str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else {},
    )


def message_of(found: Mapping[str, Any]) -> str:
    """A log event's text."""
    message = found.get("message")
    if not isinstance(message, str):
        raise DecodeError("logEvents[].message: a text is missing here")
    return message
