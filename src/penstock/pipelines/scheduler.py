"""Schedules of EventBridge Scheduler, which need no bus and no rule (CloudFormation, "AWS::Scheduler::Schedule").

An `EventRule` with a schedule is EventBridge's older form of the same: UTC only, and no single moments.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from penstock.pipelines.resources import Function, Named, Queue, Resource, StateMachine, Topic


@dataclass(frozen=True, slots=True)
class Schedule(Resource):
    """When a target is invoked, and with what (EventBridge Scheduler, "Schedule types").

    Args:
        expression: `rate(5 minutes)`, `cron(0 10 * * ? *)` or, for one moment, `at(2026-03-01T10:00:00)`.
        to: the target.
        timezone: of `cron` and `at`, by its IANA name.
        start, end: no invocation before and after, in UTC: `2026-03-01T00:00:00Z`. A rate counts from `start`,
            which is its first time; without one it begins at once.
        flexible_window_minutes: an invocation comes at some moment of so many minutes; 0: as it is due.
        input: what the target gets, anything with a JSON form, in which `<aws.scheduler.scheduled-time>` and
            the other context attributes are filled in; None: a scheduled event.
        maximum_retry_attempts: of invocations that the target does not take (0 to 185).
        maximum_event_age_seconds: for how long they are tried (60 to 86,400).
        dead_letter_queue: where the input goes that could not be delivered; None: it is dropped.
        message_group_id: of the messages for a FIFO queue.
    """

    _: KW_ONLY
    expression: str
    to: Queue | Function | StateMachine | Topic
    timezone: str = "UTC"
    start: str | None = None
    end: str | None = None
    flexible_window_minutes: int = 0
    input: object = field(default=None, hash=False)
    maximum_retry_attempts: int = 185
    maximum_event_age_seconds: int = 86_400
    dead_letter_queue: Queue | Named | None = None
    message_group_id: str | None = None
