"""Events of EventBridge: buses, rules with a schedule, schedules of the Scheduler.

Sources: EventBridge, "Events in Amazon EventBridge"; Scheduler, "Using EventBridge Scheduler with Lambda".
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import force_setattr


class BusEvent(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """One event; `replay_name` is there if it comes from an archive."""

    version: str
    id: str
    detail_type: str
    source: str
    account: str
    time: datetime
    region: str
    resources: list[str]
    detail: dict[str, object]
    replay_name: str | None = None


class ScheduledEvent(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What a schedule sends. The Scheduler writes the detail as a text, which is decoded here."""

    version: str
    id: str
    detail_type: str
    source: str
    account: str
    time: datetime
    region: str
    resources: list[str]
    detail: dict[str, object] | str
    replay_name: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.detail, str):
            try:
                detail = msgspec.json.decode(self.detail, type=dict[str, object])
            except msgspec.DecodeError as error:
                raise ValueError(f"detail is no JSON object: {error}") from error
            force_setattr(self, "detail", detail)
