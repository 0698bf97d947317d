"""EventBridge Scheduler's schedules of one run: each gives its target its input whenever it is due.

Sources: EventBridge Scheduler, "Schedule types", "Flexible time windows", "Adding context attributes", "Configuring a
dead-letter queue", "Managing the targets" (without an input: a scheduled event).

1. Schedules do not keep a run from being idle. When a run goes on after it was cut off, times that passed meanwhile
   are not made up for, unless their flexible window is still open.
2. Within a flexible window the moment is drawn; the same seed draws the same.
3. The attempt number that is filled in is that of the first attempt, since a retry delivers the same text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from penstock.pipelines.schedules import Schedule
from penstock.runtime.delivery.addresses import Address, Sender, addressed
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Event, ScheduleInvoked
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.timestamps import seconds_text

SOURCE: Final = "aws.scheduler"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """A schedule and its target.

    Attributes:
        input: the text that the target gets; None: a scheduled event.
    """

    name: str
    arn: str
    times: Schedule
    to: Address
    input: str | None = None
    flexible_window_seconds: float = 0.0


@dataclass(slots=True)
class Schedules:
    """The schedules of one run."""

    schedules: Iterable[ScheduleSettings]
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    deliveries: Deliveries
    _by_name: dict[str, ScheduleSettings] = field(default_factory=dict)
    _invoked: dict[str, frozenset[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name = {one.name: one for one in self.schedules}

    def start(self, began: float) -> None:
        """Let the schedules begin.

        Args:
            began: when the run began, which is when its schedules were made.
        """
        for one in self._by_name.values():
            still_open = self.scheduler.now() - one.flexible_window_seconds
            self._expect(one, max(math.nextafter(still_open, -math.inf), began), began)

    def apply(self, event: Event) -> None:
        """Fold an event of the journal: of which moments a target was told that may still come again."""
        if isinstance(event, ScheduleInvoked):
            known = self._invoked.get(event.schedule, frozenset())
            one = self._by_name.get(event.schedule)
            still_open = event.at - (0.0 if one is None else one.flexible_window_seconds)
            self._invoked[event.schedule] = frozenset(due for due in known if due >= still_open) | {event.due}

    def _expect(self, one: ScheduleSettings, passed: float, began: float) -> None:
        due = one.times.after(passed, began=began)
        if due is not None:
            self.scheduler.call_at(due, lambda: self._is_due(one, due, began), background=True)

    def _is_due(self, one: ScheduleSettings, due: float, began: float) -> None:
        if due in self._invoked.get(one.name, ()):
            pass
        elif one.flexible_window_seconds:
            when = due + one.flexible_window_seconds * (self.ids.number() / 2.0**63)
            self.scheduler.call_at(when, lambda: self._invoke(one, due), background=True)
        else:
            self._invoke(one, due)
        self._expect(one, due, began)

    def _invoke(self, one: ScheduleSettings, due: float) -> None:
        execution = self.ids.uuid()
        invoked = ScheduleInvoked(
            at=self.scheduler.now(), schedule=one.name, due=due, execution=execution, target=one.to.name
        )
        self.journal.append(invoked)
        self.apply(invoked)
        due_text = seconds_text(due)
        known = {
            "schedule-arn": one.arn,
            "scheduled-time": due_text,
            "execution-id": execution,
            "attempt-number": "1",
        }
        text = _event(one, execution, due_text) if one.input is None else one.input
        for name, value in known.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        sender = Sender(service="scheduler", name=f"schedule/{one.name}", arn=one.arn)
        described = {"EXECUTION_ID": execution, "SCHEDULED_TIME": due_text}
        self.deliveries.deliver(*addressed(text, one.to, sender, described=described))


def _event(one: ScheduleSettings, execution: str, due: str) -> str:
    """What a target gets for which there is no input; its detail is a text, as EventBridge Scheduler writes it."""
    return json.dumps(
        {
            "version": "0",
            "id": execution,
            "detail-type": "Scheduled Event",
            "source": SOURCE,
            "account": "123456789012",
            "time": due,
            "region": "us-east-1",
            "resources": [one.arn],
            "detail": "{}",
        }
    )
