"""Event buses of one run: an event that was put is given to the targets of every rule whose pattern it matches.

Sources: EventBridge, "Event bus concepts", "Events", "Rules", "Creating a rule that runs on a schedule".

1. A queue is sent the event's JSON, a function is invoked asynchronously with it, a state machine is started with
   it, a topic gets it as a message; or what the target's input makes of it. What becomes of it then is theirs: a
   function that fails is tried again as any asynchronous invocation is.
2. Everything happens in the turn in which the event was put, so the journal has all of it or nothing. What a target
   does not take is a matter of `delivery`.
3. A rule with a schedule gives its own targets a scheduled event whenever it is due. Schedules do not keep a run
   from being idle. When a run goes on after it was cut off, times that passed meanwhile are not made up for.
4. Another bus gets the event as it is, with its id, and looks at it by its own rules; none of these can send it to a
   third bus (EventBridge, "Sending events between event buses in the same account and Region").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.pipelines.event_patterns import Pattern
from penstock.pipelines.input_transformers import RuleInput
from penstock.pipelines.schedules import Schedule
from penstock.runtime.delivery.addresses import Address, Sender, addressed
from penstock.runtime.delivery.deliveries import Deliveries
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Event, EventPut
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import milliseconds_text, seconds_text

DEFAULT_BUS = "default"
SCHEDULED = "Scheduled Event"
SCHEDULER_SOURCE = "aws.events"

MAXIMUM_ENTRY_BYTES: Final = 1_048_576
"""Of source, detail type and detail together (EventBridge, "Calculating PutEvents event entry size")."""


def check_entry_size(size_bytes: int) -> None:
    """Refuse entries that are too large together.

    Raises:
        ServiceError: `ValidationException`.
    """
    if size_bytes > MAXIMUM_ENTRY_BYTES:
        raise ServiceError(
            "ValidationException",
            f"Total size of the entries in the request is over the limit: {size_bytes} bytes",
        )


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """One target of a rule.

    Attributes:
        input: what it is given instead of the event.
    """

    to: Address
    input: RuleInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """A rule on a bus."""

    name: str
    bus: str
    arn: str
    pattern: Pattern | None = None
    schedule: Schedule | None = None
    targets: tuple[RuleTarget, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event that is put; `detail` is decoded."""

    source: str
    detail_type: str
    detail: Mapping[str, object]
    resources: Sequence[str] = ()
    at: float | None = None
    bus: str = DEFAULT_BUS


@dataclass(slots=True)
class Buses:
    """The event buses of one run.

    Args:
        names: of the buses besides the default one.
    """

    names: frozenset[str]
    rules: Iterable[RuleSettings]
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    deliveries: Deliveries
    _by_bus: dict[str, list[RuleSettings]] = field(default_factory=dict)
    _last_due: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_bus = {name: [] for name in (DEFAULT_BUS, *sorted(self.names))}
        for rule in self.rules:
            self._by_bus[rule.bus].append(rule)

    def start(self, began: float) -> None:
        """Let the schedules begin.

        Args:
            began: when the run began, which is when its rules were made.
        """
        for rule in self._by_bus[DEFAULT_BUS]:
            if rule.schedule is not None:
                due = rule.schedule.after(self._last_due.get(rule.name, began), began=began)
                now = self.scheduler.now()
                if due is not None and due < now:
                    due = rule.schedule.after(now, began=began)
                self._expect(rule, rule.schedule, due, began)

    def apply(self, event: Event) -> None:
        """Fold an event of the journal: when a schedule was last due."""
        if (
            isinstance(event, EventPut)
            and (event.source, event.detail_type, event.bus) == (SCHEDULER_SOURCE, SCHEDULED, DEFAULT_BUS)
            and not event.forwarded
        ):
            for name in event.rules:
                self._last_due[name] = event.at

    def _expect(self, rule: RuleSettings, schedule: Schedule, due: float | None, began: float) -> None:
        if due is not None:
            self.scheduler.call_at(due, lambda: self._is_due(rule, schedule, due, began), background=True)

    def _is_due(self, rule: RuleSettings, schedule: Schedule, due: float, began: float) -> None:
        event = self._made(
            NewEvent(source=SCHEDULER_SOURCE, detail_type=SCHEDULED, detail={}, resources=(rule.arn,), at=due)
        )
        self._hand_over(event, [rule], bus=DEFAULT_BUS)
        self._expect(rule, schedule, schedule.after(due, began=began), began)

    def put(self, event: NewEvent) -> str:
        """Put an event on its bus.

        Returns:
            The event's id.

        Raises:
            ServiceError: `ResourceNotFoundException`, there is no such bus.
        """
        rules = self._rules_of(event.bus)
        made = self._made(event)
        return self._hand_over(made, _matching(rules, made), bus=event.bus)

    def forward(self, bus: str, event: Mapping[str, object]) -> str:
        """Take an event that a rule of another bus sends here.

        Returns:
            The event's id.

        Raises:
            ServiceError: `ResourceNotFoundException`, there is no such bus.
        """
        return self._hand_over(event, _matching(self._rules_of(bus), event), bus=bus, forwarded=True)

    def _rules_of(self, bus: str) -> Sequence[RuleSettings]:
        rules = self._by_bus.get(bus)
        if rules is None:
            raise ServiceError("ResourceNotFoundException", f"Event bus {bus} does not exist.")
        return rules

    def put_record(self, bus: str, record: Mapping[str, object], *, succeeded: bool) -> str:
        """Put the record of a function's asynchronous invocation, as Lambda does for a destination.

        Returns:
            The event's id.

        Raises:
            ServiceError: `ResourceNotFoundException`; `ValidationException`, an event cannot hold the record.
        """
        size = len(json.dumps(record, ensure_ascii=False).encode())
        check_entry_size(size)
        context = record["requestContext"]
        function_arn = str(context["functionArn"]) if isinstance(context, Mapping) else ""
        return self.put(
            NewEvent(
                source="lambda",
                detail_type=f"Lambda Function Invocation Result - {'Success' if succeeded else 'Failure'}",
                detail=record,
                resources=(f"arn:aws:events:us-east-1:123456789012:event-bus/{bus}", function_arn),
                bus=bus,
            )
        )

    def _made(self, event: NewEvent) -> dict[str, object]:
        return {
            "version": "0",
            "id": self.ids.uuid(),
            "detail-type": event.detail_type,
            "source": event.source,
            "account": "123456789012",
            "time": seconds_text(self.scheduler.now() if event.at is None else event.at),
            "region": "us-east-1",
            "resources": list(event.resources),
            "detail": dict(event.detail),
        }

    def _hand_over(
        self,
        event: Mapping[str, object],
        rules: Sequence[RuleSettings],
        *,
        bus: str,
        forwarded: bool = False,
    ) -> str:
        identifier = str(event["id"])
        self.journal.append(
            EventPut(
                at=self.scheduler.now(),
                bus=bus,
                event_id=identifier,
                source=str(event["source"]),
                detail_type=str(event["detail-type"]),
                rules=tuple(rule.name for rule in rules),
                forwarded=forwarded,
            )
        )
        for rule in rules:
            sender = Sender(service="events", name=f"rule/{rule.name}", arn=rule.arn)
            for target in rule.targets:
                body = self._body(target, event, rule)
                self.deliveries.deliver(*addressed(body, target.to, sender, forwarded=forwarded))
        return identifier

    def _body(self, target: RuleTarget, event: Mapping[str, object], rule: RuleSettings) -> str:
        if target.input is None:
            return json.dumps(event, ensure_ascii=False)
        ingested_at = milliseconds_text(self.scheduler.now())
        return target.input.made_of(event, rule_arn=rule.arn, rule_name=rule.name, ingested_at=ingested_at)


def _matching(rules: Sequence[RuleSettings], event: Mapping[str, object]) -> list[RuleSettings]:
    return [rule for rule in rules if rule.pattern is not None and rule.pattern.matches(event)]
