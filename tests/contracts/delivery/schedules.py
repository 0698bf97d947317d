"""The pipeline of the rules of schedules: EventBridge Scheduler's, and rules with a schedule.

A virtual clock begins at 2026-01-01T00:00:00Z.
"""

from penstock.pipelines import EventRule, Queue, RuleTarget, Schedule, Topic
from tests.contracts.delivery.parts import family, function

letters = Queue("delivery-schedule-letters")


def kept(name: str) -> Queue:
    """A queue that keeps its messages for as long as one can."""
    return Queue(name, message_retention_seconds=1_209_600)


def ticks(
    name: str,
    expression: str,
    *,
    timezone: str = "UTC",
    start: str | None = None,
    end: str | None = None,
    flexible_window_minutes: int = 0,
) -> Schedule:
    """A schedule with a queue of its own, which gets the time that it was due at."""
    return Schedule(
        f"delivery-{name}",
        expression=expression,
        to=kept(f"delivery-{name}-ticks"),
        timezone=timezone,
        start=start,
        end=end,
        flexible_window_minutes=flexible_window_minutes,
        input={"due": "<aws.scheduler.scheduled-time>"},
    )


pipeline = family(
    "schedules",
    ticks("rate", "rate(5 minutes)", end="2026-01-01T00:30:00Z"),
    ticks("daily", "cron(30 9 * * ? *)"),
    ticks("berlin", "cron(30 2 * * ? *)", timezone="Europe/Berlin"),
    ticks("once", "at(2026-01-02T03:04:05)"),
    ticks("once-in-tokyo", "at(2026-01-02T03:04:05)", timezone="Asia/Tokyo"),
    ticks("bounded", "rate(1 hour)", start="2026-01-01T05:30:00Z", end="2026-01-01T07:30:00Z"),
    ticks("flexible", "rate(1 hour)", end="2026-01-03T00:00:00Z", flexible_window_minutes=15),
    Schedule("delivery-plain", expression="at(2026-01-01T00:10:00)", to=Queue("delivery-plain-ticks")),
    Schedule(
        "delivery-of-function",
        expression="at(2026-01-01T00:10:00)",
        to=function("of-schedule", "invoked", dead_letter_queue=letters, maximum_retry_attempts=1),
        input={"n": 1, "fails": True},
    ),
    Schedule(
        "delivery-refused",
        expression="at(2026-01-01T00:10:00)",
        to=Topic("delivery-schedule-topic"),
        input={"text": "x" * 262_144},
        dead_letter_queue=letters,
    ),
    EventRule(
        "delivery-scheduled-rule",
        schedule="rate(1 day)",
        to=(Queue("delivery-rule-ticks"), RuleTarget(Queue("delivery-rule-input"), input={"n": 1})),
    ),
    EventRule("delivery-cron-rule", schedule="cron(0 18 ? * MON-FRI *)", to=(kept("delivery-cron-ticks"),)),
)
