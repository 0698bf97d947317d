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
    """The lines of a departures file as records; a line that cannot be read comes when the one before it came."""
    at, began = 0.0, None
    with path.open("rb") as file:
        for line in file:
            data = line.rstrip(b"\n")
            key = "?"
            try:
                decoded = json.loads(data)
                key, moment = str(decoded["origin"]), datetime.fromisoformat(decoded["at"])
            except (ValueError, KeyError, TypeError):
                yield TimedRecord(at, key, data)
                continue
            began = moment if began is None else began
            at = moment.timestamp()
            yield TimedRecord(at, key, data)


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

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 360, 48, 48, 32


def picture(items: list[dict[str, Any]]) -> str:
    """Departures per hour as bars, their mean delay as a line (SVG)."""
    hours: dict[str, list[float]] = {}
    for item in items:
        totals = hours.setdefault(item["window"]["S"][:13], [0.0, 0.0])
        departures = float(item["departures"]["N"])
        totals[0] += departures
        totals[1] += departures * float(item["mean_delay_minutes"]["N"])
    names = sorted(hours)
    most = max((hours[name][0] for name in names), default=1.0)
    delays = [hours[name][1] / hours[name][0] if hours[name][0] else 0.0 for name in names]
    shown = [late for name, late in zip(names, delays, strict=True) if hours[name][0] >= FEWEST_IN_PICTURE]
    longest = max([*shown, 1.0])
    step = (WIDTH - 2 * LEFT) / max(1, len(names))
    room = HEIGHT - TOP - BOTTOM
    bars, points, days = [], [], []
    for index, name in enumerate(names):
        x, height = LEFT + index * step, hours[name][0] / most * room
        bars.append(
            f'<rect x="{x:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}">'
            f"<title>{escape(name)}h: {hours[name][0]:.0f} departures, {delays[index]:.1f} min late</title></rect>"
        )
        if hours[name][0] >= FEWEST_IN_PICTURE:
            y = HEIGHT - BOTTOM - max(0.0, delays[index]) / longest * room
            points.append(f"{x + step * 0.4:.1f},{y:.1f}")
        if (index == 0 or name[:10] != names[index - 1][:10]) and x < WIDTH - LEFT - 60:
            days.append(f'<text x="{x:.1f}" y="{HEIGHT - 12}">{escape(name[:10])}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
            f' height="{HEIGHT}" font-family="system-ui, sans-serif" font-size="11">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="{LEFT}" y="22" font-size="14" font-weight="600" fill="#1f2933">'
            "Departures from New York, hour by hour</text>",
            f'<text x="{LEFT}" y="38" fill="#4c7fb8">bars: departures, up to {most:.0f}</text>',
            f'<text x="{LEFT + 180}" y="38" fill="#c2410c">line: mean delay, up to {longest:.0f} min</text>',
            f'<g fill="#9dbfe3">{"".join(bars)}</g>',
            f'<polyline fill="none" stroke="#c2410c" stroke-width="1.5" points="{" ".join(points)}"/>',
            f'<line x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" stroke="#9aa5b1"/>',
            f'<g fill="#52606d">{"".join(days)}</g>',
            "</svg>",
            "",
        ]
    )
