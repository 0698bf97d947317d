"""When schedules are due, and what their targets get, rule by rule: EventBridge Scheduler's, and those of rules."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from tests.contracts.conftest import Running
from tests.contracts.delivery import schedules
from tests.contracts.delivery.asking import EVENTS, SCHEDULER, left, notes, states

pipeline = schedules.pipeline

HOUR = 3600
DAY = 24 * HOUR
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

TIME = "it waits for minutes, days and months, which only virtual time does"
NOT_ON_LOCALSTACK: dict[str, str] = {}


def ticks(run: Running, name: str) -> list[str]:
    """The times that a schedule's invocations were due at, which its queue was told."""
    return [str(json.loads(one)["due"]) for one in run.letters(f"delivery-{name}-ticks", count=0)]


def ticks_of(run: Running, name: str, *, days: int) -> list[str]:
    """The same for so many days, taken out before they are too old."""
    found: list[str] = []
    while days > 0:
        run.wait(min(days, 10) * DAY)
        days -= 10
        found += ticks(run, name)
    return found


def came(run: Running, queue: str) -> list[float]:
    """When a queue got its messages, in seconds since the run began."""
    found = run.messages(queue, count=0)
    return sorted(int(one["Attributes"]["SentTimestamp"]) / 1000 - BEGAN.timestamp() for one in found)


@states(f"{SCHEDULER}/schedule-types.html#rate-based")
def test_a_rate_comes_at_even_distances(delivering: Running, page: str) -> None:
    """A rate-based schedule without a start date is due as soon as it was made, and after every period from then."""
    delivering.wait(16 * 60)
    assert came(delivering, "delivery-rate-ticks") == [0, 300, 600, 900]


@states(f"{SCHEDULER}/schedule-types.html#cron-based")
def test_a_cron_schedule_follows_the_calendar(delivering: Running, page: str) -> None:
    """A cron-based schedule is due at the minutes of the calendar that its six fields name, in UTC by default."""
    delivering.wait(3 * DAY)
    assert ticks(delivering, "daily") == [f"2026-01-0{day}T09:30:00Z" for day in (1, 2, 3)]


@states(f"{SCHEDULER}/schedule-types.html#one-time")
def test_a_one_time_schedule_comes_once(delivering: Running, page: str) -> None:
    """A one-time schedule is due at its moment, in its time zone, and never again."""
    delivering.wait(2 * DAY)
    assert ticks(delivering, "once-in-tokyo") == ["2026-01-01T18:04:05Z"]
    assert ticks_of(delivering, "once", days=400) == ["2026-01-02T03:04:05Z"]


@states(f"{SCHEDULER}/schedule-types.html#time-zones")
def test_a_time_zone_moves_with_the_clocks(delivering: Running, page: str) -> None:
    """A cron-based schedule follows its time zone's clocks, summer and winter."""
    found = ticks_of(delivering, "berlin", days=120)
    assert found[0] == "2026-01-01T01:30:00Z"
    assert found[-1] == "2026-04-30T00:30:00Z"


@states(f"{SCHEDULER}/schedule-types.html")
def test_a_time_that_is_left_out_is_skipped(delivering: Running, page: str) -> None:
    """In spring what falls into the hour that is left out does not come."""
    days = [one[:10] for one in ticks_of(delivering, "berlin", days=120)]
    expected = [(BEGAN + dt.timedelta(days=n)).date().isoformat() for n in range(120)]
    assert [day for day in expected if day not in days] == ["2026-03-29"]


@states(f"{SCHEDULER}/schedule-types.html")
def test_a_time_that_comes_twice_counts_once(delivering: Running, page: str) -> None:
    """In autumn what falls into the hour that comes twice comes once."""
    found = [one for one in ticks_of(delivering, "berlin", days=330) if "2026-10-24" < one < "2026-10-27"]
    assert found == ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]


@states("https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html")
def test_a_schedule_has_a_start_and_an_end(delivering: Running, page: str) -> None:
    """Nothing comes before the start date or after the end date."""
    delivering.wait(DAY)
    assert ticks(delivering, "bounded") == [f"2026-01-01T0{hour}:30:00Z" for hour in (5, 6, 7)]


@states(f"{SCHEDULER}/managing-schedule-flexible-time-windows.html")
def test_a_flexible_window_spreads_invocations(delivering: Running, page: str) -> None:
    """With a flexible time window an invocation comes at some moment within the window after it is due."""
    delivering.wait(25 * HOUR)
    delays = [one % HOUR for one in came(delivering, "delivery-flexible-ticks")]
    assert len(delays) >= 24
    assert all(0 <= one <= 15 * 60 for one in delays)
    assert len({round(one) for one in delays}) > 12


@states(f"{SCHEDULER}/managing-schedule-context-attributes.html")
def test_context_attributes_are_filled_in(delivering: Running, page: str) -> None:
    """Within the input the schedule's context attributes are replaced by their values."""
    delivering.wait(301)
    assert ticks(delivering, "rate") == ["2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z"]


@states(f"{SCHEDULER}/managing-targets-templated.html")
def test_without_an_input_there_is_an_event(delivering: Running, page: str) -> None:
    """A target for which there is no input gets a scheduled event, whose detail is a text."""
    delivering.wait(601)
    (event,) = [json.loads(one) for one in delivering.letters("delivery-plain-ticks")]
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert event["detail"] == "{}"
    assert event["time"] == "2026-01-01T00:10:00Z"
    assert event["resources"][0].endswith(":schedule/default/delivery-plain")


@states(f"{SCHEDULER}/managing-targets-templated.html")
def test_a_function_is_invoked_asynchronously(delivering: Running, page: str) -> None:
    """A function is invoked with the input; what fails then is a matter of Lambda's retries."""
    delivering.wait(1200)
    assert [one.at - BEGAN.timestamp() for one in notes(delivering, "of-schedule", count=2)] == [600, 660]
    found = [json.loads(one) for one in delivering.letters("delivery-schedule-letters", count=2)]
    assert {"n": 1, "fails": True} in found


@states(f"{SCHEDULER}/configuring-schedule-dlq.html")
def test_what_is_refused_is_a_dead_letter(delivering: Running, page: str) -> None:
    """A dead letter of a schedule is its input, with schedule, target, time and error as attributes."""
    delivering.wait(601)
    letters = delivering.messages("delivery-schedule-letters")
    (letter,) = [one for one in letters if "SCHEDULE_ARN" in one["MessageAttributes"]]
    assert json.loads(letter["Body"]).keys() == {"text"}
    told = {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()}
    assert told["SCHEDULE_ARN"].endswith(":schedule/default/delivery-refused")
    assert told["TARGET_ARN"].endswith(":delivery-schedule-topic")
    assert told["SCHEDULED_TIME"] == "2026-01-01T00:10:00Z"
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == ("InvalidParameter", "0")
    assert {"ERROR_MESSAGE", "EXECUTION_ID", "IS_PAYLOAD_TRUNCATED"} <= told.keys()


@states(f"{EVENTS}/eb-create-rule-schedule.html")
def test_a_rule_with_a_schedule_makes_events(delivering: Running, page: str) -> None:
    """A rule with a schedule gives its targets a scheduled event, or their input, whenever it is due."""
    delivering.wait(2 * DAY + 1)
    events = [json.loads(one) for one in delivering.letters("delivery-rule-ticks", count=2)]
    assert [one["time"] for one in events] == ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    assert {(one["source"], one["detail-type"]) for one in events} == {("aws.events", "Scheduled Event")}
    assert [one["detail"] for one in events] == [{}, {}]
    assert events[0]["resources"][0].endswith(":rule/delivery-scheduled-rule")
    assert [json.loads(one) for one in delivering.letters("delivery-rule-input", count=2)] == [{"n": 1}] * 2


@states(f"{EVENTS}/eb-cron-expressions.html")
def test_a_rules_cron_is_in_utc(delivering: Running, page: str) -> None:
    """A rule's cron expression is in UTC; days of the week may be named, and make the day of the month a ?."""
    delivering.wait(7 * DAY)
    events = [json.loads(one) for one in delivering.letters("delivery-cron-ticks", count=5)]
    days: list[Any] = [one["time"] for one in events]
    assert days == [f"2026-01-0{day}T18:00:00Z" for day in (1, 2, 5, 6, 7)]
    assert left(delivering, "delivery-cron-ticks") == 0


ONLY_EMBEDDED = {name: TIME for name in list(globals()) if name.startswith("test_")}
