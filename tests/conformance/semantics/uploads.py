"""Scenarios of S3's notifications, as a handler gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.handlers import S3Upload, on_s3_upload
from penstock.handlers.events import parse_event
from penstock.testing.context import FakeContext
from penstock.testing.events import s3_bus_event, s3_event

Json = Any


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Deliver the scenario's events and say what is not as expected."""
    expected = dict(scenario["expected"])
    events = _in_order(scenario, [_event(scenario, one) for one in scenario["inputs"]])
    seen: list[S3Upload] = []

    def take(upload: S3Upload) -> None:
        seen.append(upload)

    handler = on_s3_upload(take)
    for event in events:
        handler.invoke(event, FakeContext())
    raw = _raw(events[0])
    actual: dict[str, Json] = {
        "deliveries": len(seen),
        "effects": len({(one.bucket, one.key, one.version_id, one.sequencer) for one in seen}),
        "final_state": _final_state(seen),
        "raw_key": raw["key"],
        "decoded_key": seen[0].key,
    }
    if "has" in expected:
        parse_event("s3", events[0])
        actual["has"] = {name: name in raw for name in expected["has"]}
    for name, wanted in expected.items():
        if name not in actual:
            yield f'the expectation "{name}" is not understood'
        elif actual[name] != wanted:
            yield f"{name}: is {actual[name]}, not {wanted}"


def _event(scenario: Mapping[str, Json], one: Json) -> dict[str, Json]:
    if scenario["setup"]["source"]["kind"] == "s3-eventbridge":
        return s3_bus_event(one["key"])
    event = s3_event(one["key"], event_name=one.get("event", "ObjectCreated:Put"))
    if "sequencer" in one:
        _raw(event)["sequencer"] = one["sequencer"]
    return event


def _in_order(scenario: Mapping[str, Json], events: list[Json]) -> list[Json]:
    inject = scenario["setup"].get("inject", {})
    if "reorder" in inject:
        return [events[number - 1] for number in inject["reorder"]]
    return [
        event
        for number, event in enumerate(events, 1)
        for _ in range(1 + (number in inject.get("duplicate", ())))
    ]


def _raw(event: Json) -> dict[str, Json]:
    """The part about the object."""
    found = event["detail"]["object"] if "detail" in event else event["Records"][0]["s3"]["object"]
    assert isinstance(found, dict)
    return found


def _final_state(seen: list[S3Upload]) -> dict[str, str]:
    """What a reader that lets the later event win believes of each object."""
    latest: dict[str, S3Upload] = {}
    for upload in seen:
        known = latest.get(upload.key)
        if known is None or upload.is_later_than(known):
            latest[upload.key] = upload
    return {
        key: "deleted" if one.event_name.startswith("ObjectRemoved") else "there"
        for key, one in latest.items()
    }
