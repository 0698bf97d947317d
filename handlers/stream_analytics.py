"""Departures are counted per airport in windows of 15 minutes; airports that fall behind are told of.

A departure is an event: the plane left, so many minutes after its schedule. It arrives in the stream when the plane
leaves. Whoever was to leave in an earlier window is counted as late. A departure that is reported twice in a window
is counted once. What is no departure fails, and is put aside by the mapping with nothing lost.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from penstock.handlers import (
    DynamoDBChange,
    TumblingWindow,
    Undecodable,
    on_dynamodb_change,
    on_kinesis_record,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client as _Client  # every client has the same face here

FEWEST_DEPARTURES = 3
"""An airport with fewer departures in a window is not judged."""


class Departure(msgspec.Struct, frozen=True):
    """One plane that left."""

    flight: Annotated[str, Meta(min_length=1)]
    origin: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    scheduled: datetime
    delay_minutes: int


class AirportTotals(msgspec.Struct):
    """What has left one airport in a window so far."""

    departures: int = 0
    late: int = 0
    duplicates: int = 0
    delay_minutes: int = 0


class WindowTotals(msgspec.Struct):
    """The state of a window: totals per airport, and which departures were counted."""

    airports: dict[str, AirportTotals] = msgspec.field(default_factory=dict)
    counted: set[str] = msgspec.field(default_factory=set)


class WindowItem(msgspec.Struct):
    """An airport's window as it is stored."""

    origin: str
    window: str
    departures: int
    late: int
    duplicates: int
    mean_delay_minutes: float


@on_kinesis_record(undecodable=Undecodable.FAIL)
def count_departures(departures: list[Departure], window: TumblingWindow[WindowTotals]) -> WindowTotals:
    """Add a batch to its window; when the window ends, store it."""
    totals = window.state
    for departure in departures:
        airport = totals.airports.setdefault(departure.origin, AirportTotals())
        name = f"{departure.flight} {departure.scheduled.isoformat()}"
        if name in totals.counted:
            airport.duplicates += 1
            continue
        totals.counted.add(name)
        airport.departures += 1
        airport.late += departure.scheduled < window.start
        airport.delay_minutes += departure.delay_minutes
    if window.is_final:
        _store(totals, window.start)
    return totals


def _store(totals: WindowTotals, start: datetime) -> None:
    """Write one item for each airport; writing it again changes nothing."""
    for origin, airport in sorted(totals.airports.items()):
        mean = airport.delay_minutes / airport.departures if airport.departures else 0.0
        _client("dynamodb").put_item(  # type: ignore[attr-defined]
            TableName=os.environ["WINDOWS_TABLE"],
            Item={
                "origin": {"S": origin},
                "window": {"S": f"{start:%Y-%m-%dT%H:%M:%SZ}"},
                "departures": {"N": str(airport.departures)},
                "late": {"N": str(airport.late)},
                "duplicates": {"N": str(airport.duplicates)},
                "mean_delay_minutes": {"N": f"{mean:.2f}"},
            },
        )


@on_dynamodb_change
def tell_of_delays(change: DynamoDBChange[WindowItem]) -> None:
    """Put an event on the bus if an airport's planes leave much too late."""
    item = change.new
    if item is None or item.departures < FEWEST_DEPARTURES:
        return
    if item.mean_delay_minutes < float(os.environ["ALERT_MINUTES"]):
        return
    answer = _client("events").put_events(  # type: ignore[attr-defined]
        Entries=[
            {
                "Source": "penstock.departures",
                "DetailType": "airport is behind schedule",
                "Detail": json.dumps(msgspec.to_builtins(item)),
                "EventBusName": os.environ["ALERTS_BUS"],
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError(f"the event was refused: {answer['Entries'][0]}")


@cache
def _client(service: str) -> _Client:
    import boto3

    client: _Client = boto3.client(service)  # type: ignore[call-overload]
    return client
