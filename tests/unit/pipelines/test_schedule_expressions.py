"""Schedule expressions: when they are due, and what EventBridge would refuse."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ScheduleExpressionError
from penstock.pipelines.schedules import read_schedule, read_timetable

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
"""A Thursday."""


def due(expression: str, count: int, *, began: float = BEGAN) -> list[str]:
    schedule = read_schedule(expression)
    found: list[str] = []
    moment = began
    for _ in range(count):
        following = schedule.after(moment, began=began)
        assert following is not None
        assert following > moment
        found.append(f"{dt.datetime.fromtimestamp(following, dt.UTC):%Y-%m-%d %H:%M}")
        moment = following
    return found


def test_a_rate_counts_from_when_it_was_made() -> None:
    """EventBridge, "Rate expressions reference": it starts when the rule is created."""
    assert due("rate(1 minute)", 2) == ["2026-01-01 00:01", "2026-01-01 00:02"]
    assert due("rate(2 days)", 2) == ["2026-01-03 00:00", "2026-01-05 00:00"]
    assert read_schedule("rate(5 minutes)").after(BEGAN + 300.0, began=BEGAN + 7.0) == BEGAN + 307.0


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 * * ? *)", ["2026-01-01 10:00", "2026-01-02 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-01-01 12:15", "2026-01-02 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-01-01 18:00", "2026-01-02 18:00", "2026-01-05 18:00"]),
        ("cron(0 18 ? * mon-fri *)", ["2026-01-01 18:00", "2026-01-02 18:00", "2026-01-05 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01 08:00", "2026-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"]),
        ("cron(1/10 * * * ? *)", ["2026-01-01 00:01", "2026-01-01 00:11", "2026-01-01 00:21"]),
        ("cron(0/30 20-23 ? * MON-FRI *)", ["2026-01-01 20:00", "2026-01-01 20:30"]),
        ("cron(0 0 ? JAN,MAR 1 *)", ["2026-01-04 00:00", "2026-01-11 00:00"]),
        ("cron(0 0 L * ? *)", ["2026-01-31 00:00", "2026-02-28 00:00"]),
        ("cron(0 0 L 2 ? 2028)", ["2028-02-29 00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02 00:00", "2026-02-03 00:00"]),
        ("cron(0 0 1W 2,8 ? *)", ["2026-02-02 00:00", "2026-08-03 00:00"]),
        ("cron(0 0 31W 5 ? *)", ["2026-05-29 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13 00:00", "2026-02-10 00:00"]),
        ("cron(0 0 ? * FRI#5 *)", ["2026-01-30 00:00", "2026-05-29 00:00"]),
        ("cron(15 10 ? * 6L 2026-2030)", ["2026-01-30 10:15", "2026-02-27 10:15"]),
        ("cron(0 0 ? * L *)", ["2026-01-03 00:00", "2026-01-10 00:00"]),
        ("cron(0 0 31 * ? *)", ["2026-01-31 00:00", "2026-03-31 00:00"]),
    ],
)
def test_a_cron_expression_is_due(expression: str, expected: list[str]) -> None:
    """EventBridge, "Cron expressions reference": lists, ranges, steps, names, L, W and #, in UTC."""
    assert due(expression, len(expected)) == expected


@pytest.mark.parametrize("expression", ["cron(0 0 1 1 ? 2020)", "cron(0 0 30 FEB ? *)"])
def test_some_are_never_due_again(expression: str) -> None:
    """A year that is over, a day that no year has."""
    assert read_schedule(expression).after(BEGAN, began=BEGAN) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "every day",
        "at(2026-01-01T00:00:00)",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 seconds)",
        "rate(-5 minutes)",
        "rate(1.5 hours)",
        "rate(99999999999999999999 days)",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(0 10 1 * MON *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 * 13 ? *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 ? * 3#6 *)",
        "cron(0 0 LW * ? *)",
        "cron(0 22-4 * * ? *)",
        "cron(0/0 0 * * ? *)",
        "cron(0 0 * * ? 2200)",
        "cron(? 0 * * ? *)",
        "cron(x 0 * * ? *)",
        "cron(1,,2 0 * * ? *)",
    ],
)
def test_what_is_refused(expression: str) -> None:
    """With what to write instead."""
    with pytest.raises(ScheduleExpressionError) as caught:
        read_schedule(expression)
    assert caught.value.fix


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    moment=st.integers(0, 4_000_000_000),
)
def test_the_next_time_is_the_first_that_fits(minute: int, hour: int, weekday: int, moment: int) -> None:
    """It is later than the moment, at most a week away, and its calendar says what the expression says."""
    found = read_schedule(f"cron({minute} {hour} ? * {weekday} *)").after(moment, began=0.0)
    assert found is not None
    assert moment < found <= moment + 7 * 86_400
    calendar = dt.datetime.fromtimestamp(found, dt.UTC)
    assert (calendar.minute, calendar.hour, calendar.second) == (minute, hour, 0)
    assert calendar.isoweekday() % 7 + 1 == weekday


@given(expression=st.one_of(st.text(), st.from_regex(r"cron\([0-9A-Z*?,/#L W-]{0,30}\)", fullmatch=True)))
def test_any_text_is_read_or_refused(expression: str) -> None:
    """Nothing else is ever raised, and what is read can be asked."""
    try:
        schedule = read_schedule(expression)
    except ScheduleExpressionError:
        return
    following = schedule.after(BEGAN, began=BEGAN)
    assert following is None or following > BEGAN


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    moment=st.integers(1_700_000_000, 1_900_000_000),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
    ),
)
def test_a_zones_clocks_show_the_time(minute: int, hour: int, moment: int, zone: str) -> None:
    """Every day once at that time, but for a day that leaves it out."""
    found = read_timetable(f"cron({minute} {hour} * * ? *)", timezone=zone).after(moment, began=0.0)
    assert found is not None
    assert moment < found <= moment + 2 * 86_400 + 3600
    shown = dt.datetime.fromtimestamp(found, ZoneInfo(zone))
    assert (shown.minute, shown.hour, shown.fold) == (minute, hour, 0)


def test_a_rate_with_a_start_counts_from_it() -> None:
    """The start is its first time; the end may be its last."""
    found = read_timetable("rate(1 hour)", start="2026-01-01T00:30:00Z", end="2026-01-01T02:30:00Z")
    moments, moment = [], found.after(BEGAN, began=BEGAN)
    while moment is not None:
        moments.append((moment - BEGAN) / 60)
        moment = found.after(moment, began=BEGAN)
    assert moments == [30, 90, 150]
    assert found.after(BEGAN + 3600, began=BEGAN + 3000) == BEGAN + 5400


def test_a_rate_without_a_start_is_due_at_once() -> None:
    """The first time is when it was made; of rules, whose rates begin with a whole period, nothing changes."""
    found = read_timetable("rate(1 hours)", end="2026-01-01T01:30:00Z")
    first = found.after(BEGAN, began=BEGAN)
    assert first is not None
    assert BEGAN < first < BEGAN + 0.001
    assert found.after(first, began=BEGAN) == BEGAN + 3600
    assert found.after(BEGAN + 3600, began=BEGAN) is None
    assert read_schedule("rate(1 hour)").after(BEGAN, began=BEGAN) == BEGAN + 3600


def test_a_calendar_with_a_start_may_begin_with_it() -> None:
    """A calendar's own minutes count, the start among them."""
    found = read_timetable("cron(0 12 * * ? *)", start="2026-01-05T12:00:00Z")
    assert found.after(BEGAN, began=BEGAN) == BEGAN + 4.5 * 86_400


@given(
    expression=st.one_of(st.text(), st.from_regex(r"at\([0-9T:-]{0,20}\)", fullmatch=True)), zone=st.text()
)
def test_any_timetable_is_read_or_refused(expression: str, zone: str) -> None:
    """Nothing else is ever raised."""
    for timezone in ("UTC", zone):
        try:
            following = read_timetable(expression, timezone=timezone).after(BEGAN, began=BEGAN)
        except ScheduleExpressionError:
            continue
        assert following is None or following > BEGAN
