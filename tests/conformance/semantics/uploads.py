"""Scenarios of S3's notifications, as a handler gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.errors import DeclarationError, PenstockError, UsageError
from penstock.handlers import S3Upload, on_s3_upload
from penstock.handlers.events import parse_event
from penstock.handlers.handler import Handler
from penstock.pipelines import Bucket, BucketNotification, Function, Pipeline, writes
from penstock.testing.context import FakeContext
from penstock.testing.events import s3_bus_event, s3_event, s3_test_event
from tests.conformance.semantics import plain_handlers

Json = Any


def complaints(scenario: Mapping[str, Json], folder: Path) -> Iterator[str]:
    """Deliver the scenario's events and say what is not as expected."""
    expected = dict(scenario["expected"])
    warned = [expected.pop(name) for name in ("warning", "warns") if name in expected]
    if warned and bool(warned[0]) != _is_refused_as_a_loop():
        yield "a bucket that triggers itself is declared without a complaint"
    if not expected:
        return
    events = _in_order(scenario, [_event(scenario, one) for one in scenario["inputs"]])
    seen: list[S3Upload] = []

    def take(upload: S3Upload) -> None:
        seen.append(upload)

    handler = on_s3_upload(take)
    taken = [_taken(handler, event) for event in events]
    for name, wanted in expected.items():
        check = _CHECKS.get(name)
        actual = None if check is None else check(events, seen, taken, wanted)
        if check is None:
            yield f'the expectation "{name}" is not understood'
        elif actual != wanted:
            yield f"{name}: is {actual}, not {wanted}"


def _taken(handler: Handler[[S3Upload], None], event: Json) -> bool:
    """Whether the handler takes an event, and reports no record of it as failed."""
    try:
        verdict = handler.invoke(event, FakeContext())
    except PenstockError:
        return False
    return not (isinstance(verdict, dict) and verdict.get("batchItemFailures"))


def _is_refused_as_a_loop() -> bool:
    """Whether a function may not write to the bucket that invokes it."""
    bucket = Bucket("uploads")
    function = Function("consumer", plain_handlers.upload, calls=(writes(bucket),))
    try:
        Pipeline("scenario", parts=(BucketNotification(bucket, to=function),))
    except DeclarationError:
        return True
    return False


def _has(events: list[Json], wanted: Mapping[str, Json]) -> dict[str, bool]:
    parse_event("s3", events[0])
    return {name: name in _raw(events[0]) for name in wanted}


def _comparable(seen: list[S3Upload]) -> bool:
    try:
        seen[0].is_later_than(seen[1])
    except UsageError:
        return False
    return True


_CHECKS: Mapping[str, Callable[[list[Json], list[S3Upload], list[bool], Json], Json]] = {
    "deliveries": lambda events, seen, taken, wanted: len(seen),
    "handled": lambda events, seen, taken, wanted: len(seen),
    "effects": lambda events, seen, taken, wanted: len(
        {(one.bucket, one.key, one.version_id, one.sequencer) for one in seen}
    ),
    "final_state": lambda events, seen, taken, wanted: _final_state(seen),
    "raw_key": lambda events, seen, taken, wanted: _raw(events[0])["key"],
    "decoded_key": lambda events, seen, taken, wanted: seen[0].key,
    "has": lambda events, seen, taken, wanted: _has(events, wanted),
    "comparable": lambda events, seen, taken, wanted: _comparable(seen),
    "acknowledged": lambda events, seen, taken, wanted: all(taken),
    "accepted": lambda events, seen, taken, wanted: taken if isinstance(wanted, list) else all(taken),
    "errors": lambda events, seen, taken, wanted: taken.count(False),
    "dlq": lambda events, seen, taken, wanted: (
        [None for one in taken if not one] if isinstance(wanted, list) else taken.count(False)
    ),
}


def _event(scenario: Mapping[str, Json], one: Json) -> Json:
    if scenario["setup"]["source"]["kind"] == "s3-eventbridge":
        return s3_bus_event(one["key"])
    if one.get("test_event") or "s3:TestEvent" in (one.get("event"), one.get("Event")):
        return s3_test_event()
    event: Json = s3_event(one["key"], event_name=one.get("event", "ObjectCreated:Put"))
    if "sequencer" in one:
        _raw(event)["sequencer"] = one["sequencer"]
    for name in ("eventVersion", "event_version"):
        if name in one:
            event["Records"][0]["eventVersion"] = one[name]
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
