"""Event buses of one run: an event that was put is given to the targets of every rule whose pattern it matches.

Source: EventBridge, "Event bus concepts", "Events", "Rules".

1. A queue is sent the event's JSON, a function is invoked asynchronously with it, a state machine is started with
   it. What becomes of it then is theirs: a function that fails is tried again as any asynchronous invocation is.
2. Everything happens in the turn in which the event was put, so the journal has all of it or nothing; nothing is
   held here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from penstock.pipelines.event_patterns import Pattern
from penstock.runtime.functions import Functions
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import EventPut
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError
from penstock.runtime.timestamps import seconds_text

DEFAULT_BUS = "default"


class StartsExecutions(Protocol):
    """What starts a state machine: `StepFunctions`."""

    def start_execution(self, arn: str, name: str | None, value: object) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTarget:
    """One target of a rule, by name (a state machine by its ARN)."""

    kind: Literal["queue", "function", "state machine"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """A rule on a bus."""

    name: str
    bus: str
    pattern: Pattern
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
    queues: Queues
    functions: Functions
    executions: StartsExecutions
    _by_bus: dict[str, list[RuleSettings]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_bus = {name: [] for name in (DEFAULT_BUS, *sorted(self.names))}
        for rule in self.rules:
            self._by_bus[rule.bus].append(rule)

    def put(self, event: NewEvent) -> str:
        """Put an event on its bus.

        Returns:
            The event's id.

        Raises:
            ServiceError: `ResourceNotFoundException`, there is no such bus.
        """
        rules = self._by_bus.get(event.bus)
        if rules is None:
            raise ServiceError("ResourceNotFoundException", f"Event bus {event.bus} does not exist.")
        now = self.scheduler.now()
        identifier = self.ids.uuid()
        made: dict[str, object] = {
            "version": "0",
            "id": identifier,
            "detail-type": event.detail_type,
            "source": event.source,
            "account": "123456789012",
            "time": seconds_text(now if event.at is None else event.at),
            "region": "us-east-1",
            "resources": list(event.resources),
            "detail": dict(event.detail),
        }
        matching = [rule for rule in rules if rule.pattern.matches(made)]
        self.journal.append(
            EventPut(
                at=now,
                bus=event.bus,
                event_id=identifier,
                source=event.source,
                detail_type=event.detail_type,
                rules=tuple(rule.name for rule in matching),
            )
        )
        for rule in matching:
            for target in rule.targets:
                self._deliver(target, made, rule)
        return identifier

    def _deliver(self, target: RuleTarget, event: dict[str, object], rule: RuleSettings) -> None:
        sender = f"rule/{rule.name}"
        match target.kind:
            case "queue":
                self.queues.send(target.name, json.dumps(event, ensure_ascii=False), sender=sender)
            case "function":
                payload = json.dumps(event, ensure_ascii=False).encode()
                self.functions.queue_event(target.name, payload, source=sender)
            case "state machine":
                self.executions.start_execution(target.name, None, event)
