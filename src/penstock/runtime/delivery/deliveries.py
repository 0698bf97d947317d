"""Delivering with retries: what a target did not take is given to it again, and in the end to a dead-letter queue.

Sources: EventBridge, "How EventBridge retries delivering events" (24 hours and 185 times by default, with exponential
backoff and jitter), "Using dead-letter queues to process undelivered events"; SNS, "Amazon SNS message delivery
retries" (100,015 times over 23 days for queues and functions), "Amazon SNS dead-letter queues".

1. Errors of the target's side and throttling are tried again; what is refused goes to the dead-letter queue at once.
   Without a dead-letter queue, what cannot be delivered is dropped, which the journal tells.
2. What waits to be tried again is the fold of the journal; a run that was cut off goes on with it.
3. AWS does not say how long EventBridge waits. Here it is 1 s, 2 s, ... up to eight minutes, each shortened by up to
   a half: so 185 retries end before 24 hours do, and the time limit is for those that allow less of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from penstock.runtime.delivery.targets import HOPPED, THROTTLED, Targets, is_worth_trying_again
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    Attribute,
    DeliveryDelayed,
    DeliverySettled,
    DeliveryTried,
    Event,
    Parcel,
    Terms,
)
from penstock.runtime.queues.messages import MAXIMUM_ATTRIBUTES
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError

LONGEST_RULE_DELAY_SECONDS: Final = 480.0

SUBSCRIPTION_RETRIES: Final = 100_015
LONGEST_BACKOFF_SECONDS: Final = 20.0


@dataclass(slots=True)
class _Waiting:
    """A delivery that was not taken yet: its first failure and its last; `attempts` counts them all."""

    first: DeliveryDelayed
    failed: DeliveryDelayed | DeliveryTried
    attempts: int = 1


@dataclass(slots=True)
class Deliveries:
    """The deliveries of one run that may have to be tried again."""

    targets: Targets
    scheduler: Scheduler
    journal: Journal
    ids: Ids
    _waiting: dict[str, _Waiting] = field(default_factory=dict)

    def deliver(self, parcel: Parcel, terms: Terms) -> None:
        """Hand a parcel over; if the target does not take it, do what the terms say."""
        try:
            self.targets.hand_over(parcel)
        except ServiceError as error:
            delayed = DeliveryDelayed(
                at=self.scheduler.now(),
                delivery=self.ids.uuid(),
                parcel=parcel,
                terms=terms,
                error=error.code,
                message=error.message,
            )
            self._change(delayed)
            self._after_failure(delayed.delivery, error)

    @property
    def waiting(self) -> int:
        """How many deliveries wait to be tried again."""
        return len(self._waiting)

    def apply(self, event: Event) -> None:
        """Do the change of one journal event."""
        match event:
            case DeliveryDelayed():
                self._waiting[event.delivery] = _Waiting(event, event)
            case DeliveryTried():
                waiting = self._waiting[event.delivery]
                waiting.attempts, waiting.failed = event.attempts, event
            case DeliverySettled():
                self._waiting.pop(event.delivery, None)
            case _:
                return

    def after_resume(self) -> None:
        """Go on with what waited."""
        for identifier in tuple(self._waiting):
            self._again_later(identifier)

    def _change(self, event: DeliveryDelayed | DeliveryTried | DeliverySettled) -> None:
        self.journal.append(event)
        self.apply(event)

    def _after_failure(self, identifier: str, error: ServiceError) -> None:
        if is_worth_trying_again(error):
            self._again_later(identifier)
        else:
            self._give_up(identifier, condition=None)

    def _again_later(self, identifier: str) -> None:
        waiting = self._waiting[identifier]
        terms = waiting.first.terms
        if waiting.attempts > terms.maximum_retry_attempts:
            self._give_up(identifier, condition="MaximumRetryAttempts")
            return
        when = waiting.failed.at + _delay(terms, waiting.attempts, self._draw)
        if terms.maximum_age_seconds is not None and when - waiting.first.at > terms.maximum_age_seconds:
            self._give_up(identifier, condition="MaximumEventAgeInSeconds")
            return
        self.scheduler.call_at(when, lambda: self._again(identifier))

    def _again(self, identifier: str) -> None:
        waiting = self._waiting[identifier]
        try:
            self.targets.hand_over(waiting.first.parcel)
        except ServiceError as error:
            tried = DeliveryTried(
                at=self.scheduler.now(),
                delivery=identifier,
                attempts=waiting.attempts + 1,
                error=error.code,
                message=error.message,
            )
            self._change(tried)
            self._after_failure(identifier, error)
            return
        self._settle(identifier, "Delivered")

    def _give_up(self, identifier: str, *, condition: str | None) -> None:
        waiting = self._waiting[identifier]
        terms, parcel = waiting.first.terms, waiting.first.parcel
        if terms.dead_letter_queue is None:
            self._settle(identifier, "Dropped")
            return
        fifo = self.targets.queues.find(terms.dead_letter_queue).settings.fifo
        attributes = parcel.attributes if terms.service == "sns" else _described(waiting, condition)
        try:
            self.targets.queues.send(
                terms.dead_letter_queue,
                parcel.body if parcel.dead_letter is None else parcel.dead_letter,
                # What had more attributes than a queue takes is here for that reason.
                attributes=attributes if len(attributes) <= MAXIMUM_ATTRIBUTES else None,
                group_id=parcel.group_id if fifo else None,
                deduplication_id=parcel.deduplication_id or identifier if fifo else None,
                sender=terms.source_arn,
            )
        except ServiceError:
            # It is too large for a queue: a dead letter that cannot be delivered is lost on AWS, too.
            self._settle(identifier, "Dropped")
        else:
            self._settle(identifier, "DeadLettered")

    def _settle(self, identifier: str, outcome: str) -> None:
        waiting = self._waiting[identifier]
        self._change(
            DeliverySettled(
                at=self.scheduler.now(),
                delivery=identifier,
                target=waiting.first.parcel.name,
                attempts=waiting.attempts + (outcome == "Delivered"),
                outcome=outcome,
            )
        )

    def _draw(self) -> float:
        return self.ids.number() / 2.0**63


def _delay(terms: Terms, failures: int, draw: Callable[[], float]) -> float:
    """How long a delivery waits after so many failures, in seconds."""
    if terms.service != "sns":
        longest = min(2.0 ** (failures - 1), LONGEST_RULE_DELAY_SECONDS)
        return longest * (1.0 - draw() / 2)
    if failures <= 3:
        return 0.0
    if failures <= 5:
        return 1.0
    if failures <= 15:
        # Ten times, "with exponential backoff, from 1 second to 20 seconds".
        return float(LONGEST_BACKOFF_SECONDS ** ((failures - 6) / 9))
    return LONGEST_BACKOFF_SECONDS


def _error_code(code: str) -> str:
    """A service's error in EventBridge's own words, of which its guide gives a sample."""
    if code in THROTTLED:
        return "THROTTLING"
    if code == HOPPED:
        return code
    known = {"AccessDeniedException": "NO_PERMISSIONS", "ServiceUnavailable": "CONNECTION_FAILURE"}
    return known.get(code, "ERROR_FROM_TARGET")


def _described(waiting: _Waiting, condition: str | None) -> dict[str, Attribute]:
    """What EventBridge says of a dead letter ("Considerations for using a dead-letter queue").

    EventBridge Scheduler says more, in the service's own words ("Retrieve the dead-letter event").
    """
    terms = waiting.first.terms
    of_schedule = terms.service == "scheduler"
    told = {
        "SCHEDULE_ARN" if of_schedule else "RULE_ARN": terms.source_arn,
        "TARGET_ARN": terms.target_arn,
        "ERROR_CODE": waiting.failed.error if of_schedule else _error_code(waiting.failed.error),
        "ERROR_MESSAGE": waiting.failed.message,
        **terms.described,
    }
    if condition is not None:
        told["EXHAUSTED_RETRY_CONDITION"] = condition
    if of_schedule:
        told |= {"IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": str(waiting.attempts - 1)}
        return {name: Attribute(data_type="String", string_value=value) for name, value in told.items()}
    attributes = {name: Attribute(data_type="String", string_value=value) for name, value in told.items()}
    retries = Attribute(data_type="Number", string_value=str(waiting.attempts - 1))
    return {**attributes, "RETRY_ATTEMPTS": retries}
