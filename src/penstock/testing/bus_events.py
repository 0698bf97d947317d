"""Events of EventBridge: of a bus, of a scheduled rule, of the Scheduler."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.testing.event_parts import ACCOUNT, REGION, TIME, Event, arn, json_of


def bus_event(
    detail: object,
    *,
    source: str = "shop.orders",
    detail_type: str = "Order Placed",
    resources: Sequence[str] = (),
) -> Event:
    """An event of an EventBridge bus.

    Raises:
        TypeError: the detail is no JSON object, which EventBridge refuses.
    """
    written = json_of(detail)
    if not isinstance(written, dict):
        raise TypeError(f"the detail of an event is a JSON object, not {type(detail).__name__}")
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": TIME,
        "region": REGION,
        "resources": list(resources),
        "detail": written,
    }


def scheduled_event(*, rule: str = "nightly") -> Event:
    """What a scheduled rule gives a function."""
    return bus_event(
        {}, source="aws.events", detail_type="Scheduled Event", resources=[arn("events", f"rule/{rule}")]
    )


def scheduler_event(*, schedule: str = "nightly", group: str = "default") -> Event:
    """What the Scheduler gives a function for a schedule without an input of its own: the detail is a text."""
    event = bus_event(
        {},
        source="aws.scheduler",
        detail_type="Scheduled Event",
        resources=[arn("scheduler", f"schedule/{group}/{schedule}")],
    )
    return {**event, "detail": "{}"}
