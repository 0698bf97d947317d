"""Schedule expressions, `rate(...)`, `cron(...)` and `at(...)`: when a rule or a schedule is due next.

Sources: EventBridge, "Rate expressions reference" and "Cron expressions reference"; EventBridge Scheduler, "Schedule
types", whose schedules have time zones, single moments, a beginning and an end.

1. Pure functions of a moment: no clock is read and nothing waits here.
2. Moments are epoch seconds; the finest unit of a calendar is the minute, and a rule's calendar is UTC.
3. Daylight saving: "when the schedule falls on a non-existent date and time, the invocation is skipped", and what
   would come twice comes once, the first time.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.errors import ScheduleExpressionError

MINUTE_SECONDS: Final = 60
_UNIT_SECONDS: Final = {"minute": MINUTE_SECONDS, "hour": 3600, "day": 86_400}
_EXPRESSION: Final = re.compile(r"(rate|cron)\((.*)\)", re.DOTALL)
_AT: Final = re.compile(r"at\((.*)\)", re.DOTALL)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], start=1
    )
}
_DAYS: Final = {
    name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], start=1)
}

DaysOfMonth = Callable[[int, int], frozenset[int]]
"""The days that are meant, of a year's month."""


class Schedule(Protocol):
    """When something is due: a `Rate` or a `Cron`."""

    def after(self, moment: float, *, began: float) -> float | None:
        """The first time that is later than `moment`; None: never again.

        Args:
            began: when the schedule was made.
        """


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so many seconds, counted from when the schedule was made.

    Attributes:
        at_once: it is due for the first time as soon as it has been made.
    """

    every_seconds: int
    at_once: bool = False

    def after(self, moment: float, *, began: float) -> float | None:
        """See `Schedule.after`."""
        if self.at_once and moment <= began:
            return math.nextafter(began, math.inf)
        passed = int((moment - began) // self.every_seconds)
        return began + max(passed + 1, 1) * self.every_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """At the minutes of a calendar."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: DaysOfMonth
    months: frozenset[int]
    years: frozenset[int]

    def after(self, moment: float, *, began: float) -> float | None:
        """See `Schedule.after`."""
        first = dt.datetime.fromtimestamp((moment // MINUTE_SECONDS + 1) * MINUTE_SECONDS, dt.UTC)
        for day in self._days_from(first.date()):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    found = dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)
                    if found >= first:
                        return found.timestamp()
        return None

    def _days_from(self, first: dt.date) -> Iterator[dt.date]:
        for year in sorted(year for year in self.years if year >= first.year):
            for month in sorted(self.months):
                for day in sorted(self.days(year, month)):
                    found = dt.date(year, month, day)
                    if found >= first:
                        yield found


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    moment: float

    def after(self, moment: float, *, began: float) -> float | None:
        """See `Schedule.after`."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True, slots=True)
class InZone:
    """At the minutes of a time zone's calendar."""

    cron: Cron
    zone: ZoneInfo

    def after(self, moment: float, *, began: float) -> float | None:
        """See `Schedule.after`."""
        shown = _shown(moment, self.zone)
        while (found := self.cron.after(shown, began=began)) is not None:
            due = _moment_of(dt.datetime.fromtimestamp(found, dt.UTC), self.zone)
            if due is not None and due > moment:
                return due
            shown = found
        return None


@dataclass(frozen=True, slots=True)
class Bounded:
    """Not before a moment, and not after another; a rate counts from the first one, which is its first time."""

    schedule: Schedule
    start: float | None
    end: float | None

    def after(self, moment: float, *, began: float) -> float | None:
        """See `Schedule.after`."""
        start, found = self.start, None
        if start is not None and moment < start:
            if isinstance(self.schedule, Rate):
                found = start
            else:
                found = self.schedule.after(math.nextafter(start, -math.inf), began=began)
        else:
            found = self.schedule.after(moment, began=began if start is None else start)
        return None if found is None or (self.end is not None and found > self.end) else found


def _shown(moment: float, zone: ZoneInfo) -> float:
    """What the zone's clocks show, as if it were UTC."""
    return dt.datetime.fromtimestamp(moment, zone).replace(tzinfo=dt.UTC).timestamp()


def _moment_of(shown: dt.datetime, zone: ZoneInfo) -> float | None:
    """When the zone's clocks show this for the first time; None if they never do."""
    found = shown.replace(tzinfo=zone, fold=0).timestamp()
    exists = dt.datetime.fromtimestamp(found, zone).replace(tzinfo=dt.UTC) == shown.replace(tzinfo=dt.UTC)
    return found if exists else None


def read_timetable(
    expression: str, *, timezone: str = "UTC", start: str | None = None, end: str | None = None
) -> Schedule:
    """Read a schedule of EventBridge Scheduler.

    "If you do not provide a `StartDate` for a rate-based schedule, your schedule starts invoking the target
    immediately"; its units are `minutes`, `hours` and `days`, in `rate(1 hours)` as well (EventBridge Scheduler,
    "Schedule types", "Rate-based schedules").

    Args:
        timezone: an IANA name.
        start, end: in UTC, `2026-03-01T00:00:00Z`.

    Raises:
        ScheduleExpressionError: EventBridge Scheduler would refuse it (`ValidationException`).
    """
    zone = _zone(timezone)
    once = _AT.fullmatch(expression.strip())
    if once is not None:
        found: Schedule = At(_at(once[1], zone))
    else:
        found = read_schedule(expression, plural=True)
        if isinstance(found, Cron) and timezone != "UTC":
            found = InZone(found, zone)
        elif isinstance(found, Rate) and start is None:
            found = replace(found, at_once=True)
    bounds = [None if text is None else _utc(text) for text in (start, end)]
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        raise ScheduleExpressionError(
            f"the schedule ends at {end}, before it begins", fix="write an end that is later than the start"
        )
    return found if bounds == [None, None] else Bounded(found, *bounds)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleExpressionError(
            f"there is no time zone called {name!r}", fix='write an IANA name such as "Europe/Berlin"'
        ) from error


def _at(text: str, zone: ZoneInfo) -> float:
    try:
        shown = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")
    except ValueError as error:
        raise ScheduleExpressionError(
            f"at({text}) is no moment", fix="write at(2026-03-01T10:00:00)"
        ) from error
    found = _moment_of(shown, zone)
    if found is None:
        raise ScheduleExpressionError(
            f"at({text}) is a moment that {zone.key} leaves out",
            fix="take one before or after the change of time",
        )
    return found


def _utc(text: str) -> float:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC).timestamp()
    except ValueError as error:
        raise ScheduleExpressionError(
            f"{text!r} is no moment in UTC", fix="write 2026-03-01T00:00:00Z"
        ) from error


def read_schedule(expression: str, *, plural: bool = False) -> Schedule:
    """Read a schedule expression.

    Args:
        plural: the unit of a rate may be in the plural though its value is 1.

    Raises:
        ScheduleExpressionError: EventBridge would refuse it (`ValidationException`).
    """
    found = _EXPRESSION.fullmatch(expression.strip())
    if found is None:
        raise ScheduleExpressionError(
            f"{expression!r} is no schedule expression",
            fix="write rate(5 minutes), or cron(0 10 * * ? *) for every day at 10:00 UTC",
        )
    kind, inside = found.groups()
    return _rate(inside, plural=plural) if kind == "rate" else _cron(inside)


def _rate(inside: str, *, plural: bool) -> Rate:
    found = re.fullmatch(r"\s*([0-9]{1,9})\s+(minute|hour|day)(s?)\s*", inside)
    if found is None or int(found[1]) == 0:
        raise ScheduleExpressionError(
            f"rate({inside}) is no rate", fix="write a positive number and minutes, hours or days"
        )
    value, unit, ending = int(found[1]), found[2], found[3]
    if bool(ending) != (value > 1) and not (ending and plural):
        right = unit if value == 1 else f"{unit}s"
        raise ScheduleExpressionError(
            f"rate({inside}) has the unit in the wrong number", fix=f"write rate({value} {right})"
        )
    return Rate(value * _UNIT_SECONDS[unit])


# --- cron -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One of the six fields: its name, its bounds, and the names that some values have."""

    name: str
    least: int
    most: int
    names: dict[str, int]

    def refused(self, text: str, why: str) -> ScheduleExpressionError:
        return ScheduleExpressionError(
            f"the field {self.name} of the cron expression is {text!r}: {why}",
            fix=f"write values of {self.least} to {self.most}, as in 1,5 or 1-5 or */5",
        )

    def number(self, text: str, whole: str) -> int:
        value = self.names.get(text.upper())
        if value is None and re.fullmatch(r"[0-9]{1,4}", text):
            value = int(text)
        if value is None or not self.least <= value <= self.most:
            raise self.refused(whole, f"{text!r} is no value of it")
        return value

    def values(self, text: str) -> frozenset[int]:
        """What a list of values, ranges and steps stands for."""
        return frozenset(value for item in text.split(",") for value in self._of(item, text))

    def _of(self, item: str, whole: str) -> range:
        span, slash, step_text = item.partition("/")
        if slash and (not re.fullmatch(r"[0-9]{1,4}", step_text) or int(step_text) == 0):
            raise self.refused(whole, f"{step_text!r} is no step")
        first_text, dash, last_text = span.partition("-")
        if span == "*":
            first, last = self.least, self.most
        else:
            first = self.number(first_text, whole)
            last = self.number(last_text, whole) if dash else (self.most if slash else first)
        if last < first:
            raise self.refused(whole, "a range goes upwards; write two ranges")
        return range(first, last + 1, int(step_text) if slash else 1)


_FIELDS: Final = (
    _Field(name="minutes", least=0, most=59, names={}),
    _Field(name="hours", least=0, most=23, names={}),
    _Field(name="day-of-month", least=1, most=31, names={}),
    _Field(name="month", least=1, most=12, names=_MONTHS),
    _Field(name="day-of-week", least=1, most=7, names=_DAYS),
    _Field(name="year", least=1970, most=2199, names={}),
)


def _cron(inside: str) -> Cron:
    texts = inside.split()
    if len(texts) != len(_FIELDS):
        raise ScheduleExpressionError(
            f"cron({inside}) has {len(texts)} fields",
            fix="write six: minutes, hours, day-of-month, month, day-of-week, year",
        )
    minutes, hours, by_month, months, by_week, years = zip(_FIELDS, texts, strict=True)
    if (by_month[1] == "?") == (by_week[1] == "?"):
        raise ScheduleExpressionError(
            f"cron({inside}) says day-of-month {by_month[1]!r} and day-of-week {by_week[1]!r}",
            fix="write ? in one of the two, and a value or * in the other",
        )
    return Cron(
        minutes=minutes[0].values(minutes[1]),
        hours=hours[0].values(hours[1]),
        days=_weekdays(*by_week) if by_month[1] == "?" else _days(*by_month),
        months=months[0].values(months[1]),
        years=years[0].values(years[1]),
    )


def _last(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    """1 for Sunday to 7 for Saturday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _days(field: _Field, text: str) -> DaysOfMonth:
    if text.upper() == "L":
        return lambda year, month: frozenset({_last(year, month)})
    if text.upper().endswith("W"):
        near = field.number(text[:-1], text)
        return lambda year, month: _nearest_weekday(year, month, near)
    values = field.values(text)
    return lambda year, month: frozenset(day for day in values if day <= _last(year, month))


def _nearest_weekday(year: int, month: int, day: int) -> frozenset[int]:
    """The day itself, or the Friday before or the Monday after it, within the month."""
    last = _last(year, month)
    if day > last:
        return frozenset()
    match _weekday(year, month, day):
        case 1:
            return frozenset({day + 1 if day < last else day - 2})
        case 7:
            return frozenset({day - 1 if day > 1 else day + 2})
        case _:
            return frozenset({day})


def _weekdays(field: _Field, text: str) -> DaysOfMonth:
    if "#" in text:
        name, _, nth = text.partition("#")
        wanted = field.number(name, text)
        if not re.fullmatch(r"[1-5]", nth):
            raise field.refused(text, "after # stands which of the month's it is, 1 to 5, and nothing else")
        return lambda year, month: frozenset(_those(year, month, wanted)[int(nth) - 1 : int(nth)])
    if text.upper() == "L":
        text = "7"
    elif text.upper().endswith("L"):
        last = field.number(text[:-1], text)
        return lambda year, month: frozenset(_those(year, month, last)[-1:])
    values = field.values(text)
    return lambda year, month: frozenset(
        day for day in range(1, _last(year, month) + 1) if _weekday(year, month, day) in values
    )


def _those(year: int, month: int, weekday: int) -> list[int]:
    """The days of the month that are that day of the week."""
    return [day for day in range(1, _last(year, month) + 1) if _weekday(year, month, day) == weekday]
