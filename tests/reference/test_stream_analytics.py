"""The stream-analytics pipeline, run as a whole in this process, against a computation of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.state_folder import last_run, new_run
from pipelines.departures import picture, records, write_departures
from pipelines.stream_analytics import pipeline

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2013, 1, 1, tzinfo=UTC).timestamp()
WINDOW_SECONDS = 900

Items = list[dict[str, Any]]


def line(
    minute: int, *, delay: int = 0, flight: str = "UA 1", origin: str = "EWR", day: int = 1
) -> dict[str, Any]:
    at = datetime(2013, 1, day, minute // 60, minute % 60, tzinfo=UTC)
    scheduled = datetime.fromtimestamp(at.timestamp() - delay * 60, UTC)
    return {
        "at": at.isoformat(),
        "flight": flight,
        "origin": origin,
        "scheduled": scheduled.isoformat(),
        "delay_minutes": delay,
    }


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return path


def run_to_the_end(source: Path, base: Path) -> tuple[Embedded, Items]:
    """The run, which is over, and what it stored."""
    run = Embedded(pipeline, new_run(pipeline.name, base=base), clock=VirtualClock(START))
    with run:
        run.feed(source)
        run.run_until_idle()
        return run, items_of(run)


def items_of(run: Embedded) -> Items:
    client: Any = run.client("dynamodb")
    return list(client.scan(TableName="departures-by-window")["Items"])


def stored(items: Items) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Departures, late ones and those that came twice, by airport and window."""
    return {
        (one["origin"]["S"], one["window"]["S"]): (
            int(one["departures"]["N"]),
            int(one["late"]["N"]),
            int(one["duplicates"]["N"]),
        )
        for one in items
    }


def test_a_week_is_counted_as_by_hand(tmp_path: Path) -> None:
    """Every window of every airport, held against a loop over the file."""
    source = write_departures(tmp_path)
    seen: Counter[tuple[str, str]] = Counter()
    late: Counter[tuple[str, str]] = Counter()
    twice: Counter[tuple[str, str]] = Counter()
    known: set[tuple[object, ...]] = set()
    for text in source.read_text().splitlines():
        try:
            one = json.loads(text)
            at = datetime.fromisoformat(one["at"]).timestamp() // WINDOW_SECONDS * WINDOW_SECONDS
        except (ValueError, KeyError):
            continue
        key = (one["origin"], f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}")
        name = (*key, one["flight"], one["scheduled"])
        if name in known:
            twice[key] += 1
            continue
        known.add(name)
        seen[key] += 1
        late[key] += datetime.fromisoformat(one["scheduled"]).timestamp() < at
    run, items = run_to_the_end(source, tmp_path)
    found = {(one["origin"]["S"], one["window"]["S"]): one for one in items}
    assert len(found) == len(seen) > 1000
    for key, one in found.items():
        counted = tuple(int(one[name]["N"]) for name in ("departures", "late", "duplicates"))
        assert counted == (seen[key], late[key], twice[key]), key
    assert sum(twice.values()) > 10
    assert len(run.queues.find("poison-departures").messages) == 2
    alerts = [json.loads(one.body)["detail"] for one in run.queues.find("delay-alerts").messages.values()]
    expected = {
        key
        for key, one in found.items()
        if int(one["departures"]["N"]) >= 3 and float(one["mean_delay_minutes"]["N"]) >= 60
    }
    assert {(one["origin"], one["window"]) for one in alerts} == expected != set()


def test_poison_can_be_read_back_and_holds_up_nothing(tmp_path: Path) -> None:
    """What is no departure is put aside alone; its record is still in the stream."""
    source = write(
        tmp_path / "in.jsonl",
        line(60),
        "not JSON",
        line(61, flight="UA 2"),
        line(62, flight="UA 3", origin="JFK"),
    )
    run = Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock(START))
    with run:
        run.feed(source)
        run.run_until_idle()
        (letter,) = run.queues.find("poison-departures").messages.values()
        info = json.loads(letter.body)["KinesisBatchInfo"]
        client: Any = run.client("kinesis")
        iterator = client.get_shard_iterator(
            StreamName="departures",
            ShardId=info["shardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=info["startSequenceNumber"],
        )["ShardIterator"]
        (record,) = client.get_records(ShardIterator=iterator, Limit=1)["Records"]
        items = items_of(run)
    assert (info["batchSize"], record["Data"]) == (1, b"not JSON")
    assert stored(items) == {
        ("EWR", "2013-01-01T01:00:00Z"): (2, 0, 0),
        ("JFK", "2013-01-01T01:00:00Z"): (1, 0, 0),
    }


def test_late_and_repeated_departures_are_counted_as_such(tmp_path: Path) -> None:
    """Late is who was scheduled before the window; what is reported twice counts once."""
    source = write(
        tmp_path / "in.jsonl", line(60, delay=30), line(61, flight="UA 2"), line(61, flight="UA 2"), line(80)
    )
    assert stored(run_to_the_end(source, tmp_path)[1]) == {
        ("EWR", "2013-01-01T01:00:00Z"): (2, 1, 1),
        ("EWR", "2013-01-01T01:15:00Z"): (1, 0, 0),
    }


@pytest.mark.parametrize("stopped_after", [1, 40, 200, 900])
def test_a_run_that_was_cut_off_counts_nothing_twice(tmp_path: Path, stopped_after: int) -> None:
    """Stopped in the middle of a window and resumed: the windows are those of an undisturbed run."""
    lines = [
        line(minute, flight=f"UA {minute}", origin=("EWR", "JFK")[minute % 2]) for minute in range(0, 600, 3)
    ]
    source = write(tmp_path / "in.jsonl", *lines)
    undisturbed = stored(run_to_the_end(source, tmp_path / "one")[1])
    base = tmp_path / "two"
    first = Embedded(pipeline, new_run(pipeline.name, base=base), clock=VirtualClock(START))
    turns = 0

    def enough() -> bool:
        nonlocal turns
        turns += 1
        return turns > stopped_after

    with first:
        first.feed(source)
        first.scheduler.run_until(enough)
    second = Embedded(pipeline, last_run(pipeline.name, base=base), clock=VirtualClock(0.0))
    with second:
        second.run_until_idle()
        assert stored(items_of(second)) == undisturbed


def test_the_command_shows_windows_and_draws_them(tmp_path: Path) -> None:
    """A table, a picture and the table as CSV, and what was put aside."""
    source = write(
        tmp_path / "in.jsonl", line(60, delay=90), *(line(61, flight=f"UA {n}", delay=90) for n in (2, 3))
    )
    command = [sys.executable, "-m", "penstock.cli.main", "run", "stream-analytics", "--input", str(source)]
    folders = ["--state", str(tmp_path / "state"), "--output", str(tmp_path / "results")]
    text = subprocess.check_output([*command, *folders], cwd=ROOT, text=True, timeout=120)
    assert "records       3" in text
    assert "1 windows of 15 minutes" in text
    assert "2013-01-01T01:00:00Z  EWR" in text
    folder = tmp_path / "results" / "stream-analytics" / "run-0001"
    assert (folder / "table.csv").read_text().splitlines()[1] == "2013-01-01T01:00:00Z,EWR,3,3,0,90.0 min"
    ET.fromstring((folder / "departures.svg").read_text())
    document = json.loads(
        subprocess.check_output([*command, *folders, "--json"], cwd=ROOT, text=True, timeout=120)
    )
    assert (document["records"], document["windows"], document["discarded"]) == (3, 1, 0)


def test_a_reader_that_goes_away_takes_no_file_along(tmp_path: Path) -> None:
    """`| head -1`: the report is written all the same."""
    source = write(tmp_path / "in.jsonl", line(60))
    command = [sys.executable, "-m", "penstock.cli.main", "run", "stream-analytics", "--input", str(source)]
    folders = ["--state", str(tmp_path / "state"), "--output", str(tmp_path / "results")]
    with subprocess.Popen(
        [*command, *folders], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        run.stdout.close()
        run.wait(timeout=120)
    assert (tmp_path / "results" / "stream-analytics" / "run-0001" / "table.csv").exists()


def test_records_that_cannot_be_read_come_when_the_one_before_came(tmp_path: Path) -> None:
    """They reach the stream all the same: it is for the handler to refuse them."""
    source = write(tmp_path / "in.jsonl", line(60), "[1, 2]", '{"origin": "EWR"}')
    found = list(records(source))
    assert [one.at for one in found] == [START + 3600] * 3
    assert [one.data for one in found[1:]] == [b"[1, 2]", b'{"origin": "EWR"}']


def test_lines_before_the_first_departure_come_with_it(tmp_path: Path) -> None:
    """A header, for example: the run does not begin in 1970 because of it."""
    source = write(tmp_path / "in.jsonl", "at,flight,origin", line(60), "[1, 2]")
    assert [(one.at, one.line) for one in records(source)] == [
        (START + 3600, 1),
        (START + 3600, 2),
        (START + 3600, 3),
    ]


def test_a_picture_of_nothing_is_a_picture() -> None:
    """No window, no bar."""
    ET.fromstring(picture([]))


def test_any_file_makes_records_that_a_stream_takes(tmp_path: Path) -> None:
    """Keys are such as Kinesis takes, a time without an offset is UTC, and empty lines are none."""
    source = tmp_path / "in.jsonl"
    naive = {**line(60), "at": "2013-01-01T01:00:00"}
    odd: list[object] = [
        "5",
        "null",
        '"text"',
        "[" * 5000,
        {**line(60), "origin": ""},
        {**line(60), "origin": "x" * 257},
    ]
    write(source, naive, "", *odd)
    source.write_bytes(source.read_bytes() + b"\xff\xfe\r\n\r\n")
    found = list(records(source))
    assert len(found) == 8
    assert {one.at for one in found} == {START + 3600}
    assert {one.partition_key for one in found} == {"EWR", "?"}
    assert found[-1].data == b"\xff\xfe"


def test_a_picture_shows_hours_where_they_are() -> None:
    """Hours without departures take their room, the line ends before them, and days are labelled."""
    windows = [f"2013-01-0{day}T{hour:02}:00:00Z" for day in (1, 3) for hour in (0, 1, 12)]
    found = ET.fromstring(
        picture(
            [
                {"window": {"S": one}, "departures": {"N": "9"}, "mean_delay_minutes": {"N": "3.5"}}
                for one in windows
            ]
        )
    )
    space = "{http://www.w3.org/2000/svg}"
    (bars,) = [group for group in found.iter(f"{space}g") if group.get("fill") == "#9dbfe3"]
    places = [float(str(bar.get("x"))) for bar in bars]
    assert places[2] - places[0] == pytest.approx(12 * (places[1] - places[0]), abs=1)
    assert places[3] - places[0] == pytest.approx(48 * (places[1] - places[0]), abs=3)
    assert len(list(found.iter(f"{space}polyline"))) == 4
    texts = [text.text for text in found.iter(f"{space}text")]
    assert {"2013-01-01", "2013-01-02", "2013-01-03", "9", "4"} <= set(texts)
