"""The data of `stream-analytics`: a week of departures, a report of its windows, and its picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from penstock.pipelines import Report, TimedRecord
from penstock.pipelines.resources import ClientOf
from pipelines.flights import flights

DAYS = 7
SENT_TWICE_EVERY = 200
"""As many departures as are reported once for each that is reported twice."""

POISON = (
    b"not JSON",
    b'{"flight": "UA 1", "origin": "Newark", "scheduled": "2013-01-02T08:00:00Z", "delay_minutes": 0}',
)
"""What is no departure: no JSON; an airport that is none."""

_NO_TIME = {"", "NA"}

LONGEST_KEY = 256
"""Of a partition key, in characters (Kinesis, "PutRecord")."""


def write_departures(folder: Path) -> Path:
    """Write the first week's departures of the flights of 2013 to `folder/departures.jsonl`, in their order.

    Some are reported twice, and two lines are no departures at all.
    """
    found = sorted(_departures(), key=lambda one: str(one["at"]))
    target = folder / "departures.jsonl"
    with target.open("wb") as file:
        for number, departure in enumerate(found):
            line = json.dumps(departure).encode() + b"\n"
            file.write(line)
            if number % SENT_TWICE_EVERY == SENT_TWICE_EVERY - 1:
                file.write(line)
            if number in (len(found) // 3, len(found) // 2):
                file.write(POISON[number == len(found) // 2] + b"\n")
    return target


def _departures() -> Iterator[dict[str, object]]:
    for row in csv.DictReader(flights().decode().splitlines()):
        if row["month"] != "1" or int(row["day"]) > DAYS:
            if int(row["month"]) > 1 or int(row["day"]) > DAYS:
                return
            continue
        if row["dep_delay"] in _NO_TIME:
            continue
        hour, minute = divmod(int(row["sched_dep_time"]), 100)
        scheduled = datetime(2013, 1, int(row["day"]), hour, minute, tzinfo=UTC)
        delay = int(float(row["dep_delay"]))
        yield {
            "at": (scheduled + timedelta(minutes=delay)).isoformat(),
            "flight": f"{row['carrier']} {row['flight']}",
            "origin": row["origin"],
            "scheduled": scheduled.isoformat(),
            "delay_minutes": delay,
        }


def records(path: Path) -> Iterator[TimedRecord]:
    """The lines of a departures file as records.

    A line that cannot be read is put all the same, for the function to say what is wrong with it: it comes when the
    one before it came, or with the first that can be read. A time without an offset is UTC. Empty lines are none.
    """
    at = next((moment for _, data in _lines(path) if (moment := _departed(data)[0]) is not None), 0.0)
    for number, data in _lines(path):
        moment, key = _departed(data)
        at = at if moment is None else moment
        yield TimedRecord(at, key, data, number)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if data := line.rstrip(b"\r\n"):
                yield number, data


def _departed(data: bytes) -> tuple[float | None, str]:
    """When a plane left and where; None and a question mark, as far as the line does not say."""
    try:
        decoded = json.loads(data)
        origin, moment = str(decoded["origin"]), datetime.fromisoformat(decoded["at"])
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None, "?"
    return at, origin if 0 < len(origin) <= LONGEST_KEY else "?"


# --- The report -------------------------------------------------------------------------------------------


def report(client_of: ClientOf) -> Report:
    """The windows that were stored, and a picture of how many planes left and how late they were."""
    client: Any = client_of("dynamodb")
    items = _items(client)
    columns = ("window", "airport", "departures", "late", "twice", "mean delay")
    rows = [
        (
            item["window"]["S"],
            item["origin"]["S"],
            item["departures"]["N"],
            item["late"]["N"],
            item["duplicates"]["N"],
            f"{float(item['mean_delay_minutes']['N']):.1f} min",
        )
        for item in items
    ]
    return Report(
        title=f"{len(rows)} windows of 15 minutes",
        columns=columns,
        rows=rows,
        pictures={"departures.svg": picture(items)},
    )


def _items(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in client.get_paginator("scan").paginate(TableName="departures-by-window"):
        found += page["Items"]
    return sorted(found, key=lambda item: (item["window"]["S"], item["origin"]["S"]))


FEWEST_IN_PICTURE = 5
"""An hour with fewer departures has a bar, but no mean delay."""

HOUR_SECONDS = 3600
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LABEL_WIDTH = 960, 360, 48, 56, 32, 72


def picture(items: list[dict[str, Any]]) -> str:
    """Departures per hour as bars, their mean delay as a line where hours follow each other (SVG)."""
    hours: dict[int, tuple[float, float]] = {}
    for item in items:
        hour = int(datetime.fromisoformat(item["window"]["S"]).timestamp()) // HOUR_SECONDS
        departures = float(item["departures"]["N"])
        before = hours.get(hour, (0.0, 0.0))
        late = departures * float(item["mean_delay_minutes"]["N"])
        hours[hour] = (before[0] + departures, before[1] + late)
    first, last = min(hours, default=0), max(hours, default=0)
    most = max([*(departures for departures, _ in hours.values()), 1.0])
    means = {hour: late / departures if departures else 0.0 for hour, (departures, late) in hours.items()}
    judged = {hour: mean for hour, mean in means.items() if hours[hour][0] >= FEWEST_IN_PICTURE}
    longest = max([*judged.values(), 1.0])
    step = (WIDTH - 2 * LEFT) / (last - first + 1)
    ground, room = HEIGHT - BOTTOM, HEIGHT - TOP - BOTTOM
    bars, lines = list[str](), [""]
    days = list[tuple[float, str]]()
    for hour in sorted(hours):
        departures = hours[hour][0]
        x, height = LEFT + (hour - first) * step, departures / most * room
        told = f"{_moment(hour)}: {departures:.0f} departures, {means[hour]:.1f} min late"
        bars.append(
            f'<rect x="{x:.1f}" y="{ground - height:.1f}" width="{max(step * 0.8, 0.5):.1f}"'
            f' height="{height:.1f}">'
            f"<title>{escape(told)}</title></rect>"
        )
        if hour not in judged:
            lines.append("")
            continue
        if hour - 1 not in judged:
            lines.append("")
        lines[-1] += f"{x + step * 0.4:.1f},{ground - max(0.0, means[hour]) / longest * room:.1f} "
    for day in range(first // 24, last // 24 + 1):
        x = max(LEFT + (day * 24 - first) * step, float(LEFT))
        if (not days or x - days[-1][0] >= LABEL_WIDTH) and x <= WIDTH - LEFT - LABEL_WIDTH:
            days.append((x, _moment(day * 24)[:10]))
    labels = [f'<text x="{x:.1f}" y="{HEIGHT - 12}">{day}</text>' for x, day in days]
    scale = [
        f'<text x="{x}" y="{ground - room * share + 4:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{top * share:.0f}</text>"
        for x, anchor, colour, top in (
            (LEFT - 6, "end", "#4c7fb8", most),
            (WIDTH - LEFT + 6, "start", "#c2410c", longest),
        )
        for share in (0, 0.5, 1)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
            f' height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="11">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="{LEFT}" y="22" font-size="14" font-weight="600" fill="#1f2933">'
            "Departures from New York, hour by hour</text>",
            f'<text x="{LEFT}" y="38" fill="#4c7fb8">bars: departures an hour</text>',
            f'<text x="{WIDTH - LEFT}" y="38" text-anchor="end" fill="#c2410c">line: mean delay in minutes</text>',
            f'<g fill="#9dbfe3">{"".join(bars)}</g>',
            *(
                f'<polyline fill="none" stroke="#c2410c" stroke-width="1.5" points="{line.strip()}"/>'
                for line in lines
                if line
            ),
            f'<line x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{ground}" y2="{ground}" stroke="#9aa5b1"/>',
            *(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ground}" y2="{ground + 5}" stroke="#9aa5b1"/>'
                for x, _ in days
            ),
            f'<g fill="#52606d">{"".join(labels)}</g>',
            *scale,
            "</svg>",
            "",
        ]
    )


def _moment(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * HOUR_SECONDS, UTC):%Y-%m-%d %H:%M}"
