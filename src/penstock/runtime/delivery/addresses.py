"""Where rules and schedules deliver, and how long that is tried: what both have alike.

Sources: EventBridge, "How EventBridge retries delivering events"; EventBridge Scheduler, "Managing the targets".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from penstock.runtime.journal_events import Parcel, Terms

RULE_RETRIES: Final = 185
RULE_AGE_SECONDS: Final = 86_400.0

TargetKind: TypeAlias = Literal["queue", "function", "state machine", "topic", "event bus"]

NOTHING_ELSE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A target by its name (a state machine and a topic by their ARNs), with its retries and dead letters.

    Attributes:
        dead_letter_queue: by name.
        group_id: of messages for a FIFO queue.
    """

    kind: TargetKind
    name: str
    arn: str = ""
    maximum_retry_attempts: int = RULE_RETRIES
    maximum_age_seconds: float = RULE_AGE_SECONDS
    dead_letter_queue: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """A rule or a schedule: who delivers.

    Attributes:
        name: as roles and the journal know it: `rule/NAME`, `schedule/NAME`.
    """

    service: Literal["events", "scheduler"]
    name: str
    arn: str


def addressed(
    body: str,
    to: Address,
    sender: Sender,
    *,
    described: Mapping[str, str] = NOTHING_ELSE,
    forwarded: bool = False,
) -> tuple[Parcel, Terms]:
    """What is handed over, and on which terms.

    Args:
        described: what else a dead letter says.
        forwarded: the event came from another event bus.
    """
    parcel = Parcel(
        kind=to.kind,
        name=to.name,
        body=body,
        sender=sender.name,
        group_id=to.group_id,
        forwarded=forwarded,
    )
    terms = Terms(
        service=sender.service,
        source_arn=sender.arn,
        target_arn=to.arn,
        maximum_retry_attempts=to.maximum_retry_attempts,
        maximum_age_seconds=to.maximum_age_seconds,
        dead_letter_queue=to.dead_letter_queue,
        described=dict(described),
    )
    return parcel, terms
