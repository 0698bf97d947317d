"""`kill -9` at any moment, then `--resume`: nothing is lost, nothing is counted twice, nothing is done again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from penstock.pipelines import Pipeline
from penstock.pipelines.load import load_pipeline
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import Event, Happened, InvocationStarted, RunResumed
from penstock.runtime.state_folder import hold, last_run, new_run
from penstock.statemachines import TaskSucceeded

PROJECT = Path(__file__).resolve().parents[2]
OPTIONS = {"group_by": "kind;kind,day", "sum": "value", "chunk_mb": "0.001"}

RUNS, KILLS = 4, 5
"""How many runs of the command are killed, and how often each of them."""


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of about 25 chunks, with a bad row in some of them."""
    draw = random.Random(7)
    path = tmp_path_factory.mktemp("input") / "readings.csv"
    with path.open("w") as file:
        file.write("kind,day,value,note\n")
        for number in range(1000):
            value = "broken" if number % 211 == 5 else str(draw.randint(-999, 999))
            file.write(f"{draw.choice('abc')},{number % 7},{value},{'x' * draw.randint(0, 20)}\n")
    return path


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load_pipeline("file-processing", PROJECT)


def what_came_of(run: Embedded) -> dict[str, object]:
    """Everything that a run leaves for its user: reports, rejected rows, messages."""
    s3 = run.s3_client()
    left: dict[str, object] = {}
    for key in run.s3.store.keys("penstock-results"):
        if key.startswith("reports/") or "/rejected/" in key:
            left[key] = s3.get_object(Bucket="penstock-results", Key=key)["Body"].read()
    for name in run.queues.names:
        bodies = (message.body for message in run.queues.find(name).messages.values())
        left[name] = Counter(bodies)
    return left


def run_to_its_end(pipeline: Pipeline, base: Path, readings: Path) -> tuple[dict[str, object], int]:
    with Embedded(pipeline, new_run(pipeline.name, base=base), clock=VirtualClock()) as run:
        events: list[Event] = []
        run.journal.subscribe(events.append)
        run.upload_to_entry(readings, options=OPTIONS)
        run.run_until_idle()
        return what_came_of(run), len(events)


def start_and_die_at(event_number: int, pipeline: Pipeline, base: Path, readings: Path) -> None:
    """In a child process: begin a run, and be killed at the n-th event, before its turn is written."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        seen = 0

        def count(_: Event) -> None:
            nonlocal seen
            seen += 1
            if seen == event_number:
                os.kill(os.getpid(), signal.SIGKILL)

        run = Embedded(pipeline, new_run(pipeline.name, base=base), clock=VirtualClock())
        run.journal.subscribe(count)
        with run:
            run.upload_to_entry(readings, options=OPTIONS)
            run.run_until_idle()
    finally:
        os._exit(1)


@pytest.mark.parametrize("tear", [False, True], ids=["clean", "torn"])
def test_a_run_killed_at_any_event_goes_on(
    tear: bool, pipeline: Pipeline, readings: Path, tmp_path: Path
) -> None:
    """At 30 random events: the resumed run leaves exactly what an undisturbed one leaves."""
    expected, events = run_to_its_end(pipeline, tmp_path / "whole", readings)
    draw = random.Random(20130101)
    for number in sorted(draw.sample(range(1, events), 30)):
        base = tmp_path / f"killed-{number}"
        start_and_die_at(number, pipeline, base, readings)
        journal = base / pipeline.name / "run-0001" / "journal.jsonl"
        if tear and journal.exists():
            with journal.open("ab") as file:
                file.write(b'{"type":"MessageSent","at":1767225600.0,"que')
        with Embedded(pipeline, last_run(pipeline.name, base=base), clock=VirtualClock()) as run:
            if not run.s3.store.keys("penstock-uploads"):
                run.upload_to_entry(readings, options=OPTIONS)  # killed before the upload was accepted
            run.run_until_idle()
            assert what_came_of(run) == expected, f"killed at event {number}"


def test_a_run_killed_while_it_is_resumed_goes_on(pipeline: Pipeline, readings: Path, tmp_path: Path) -> None:
    """Killed, resumed, killed again, resumed: as if nothing had happened."""
    expected, events = run_to_its_end(pipeline, tmp_path / "whole", readings)
    base = tmp_path / "killed"
    start_and_die_at(events // 3, pipeline, base, readings)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            seen = 0

            def count(_: Event) -> None:
                nonlocal seen
                seen += 1
                if seen == events // 4:
                    os.kill(os.getpid(), signal.SIGKILL)

            run = Embedded(pipeline, last_run(pipeline.name, base=base), clock=VirtualClock())
            run.journal.subscribe(count)
            with run:
                run.run_until_idle()
        os._exit(1)
    os.waitpid(child, 0)
    with Embedded(pipeline, last_run(pipeline.name, base=base), clock=VirtualClock()) as run:
        run.run_until_idle()
        assert what_came_of(run) == expected


@pytest.fixture(scope="module")
def undisturbed(
    pipeline: Pipeline, readings: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, object], int]:
    """What a run leaves that nobody kills, and how long its journal is, in bytes."""
    base = tmp_path_factory.mktemp("undisturbed")
    expected, _ = run_to_its_end(pipeline, base, readings)
    return expected, (base / pipeline.name / "run-0001" / "journal.jsonl").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("number", range(RUNS))
def test_the_command_killed_at_random_moments(
    number: int,
    undisturbed: tuple[dict[str, object], int],
    pipeline: Pipeline,
    readings: Path,
    tmp_path: Path,
) -> None:
    """`penstock run`, with its workers, killed 20 times in all as its journal grows, and resumed each time."""
    expected, journal_bytes = undisturbed
    draw = random.Random(42 + number)
    moments = sorted(draw.randrange(2000, int(journal_bytes * 0.9)) for _ in range(KILLS))
    folder = tmp_path / pipeline.name / "run-0001"
    journal = folder / "journal.jsonl"
    command = [*penstock(tmp_path), *given(readings)]
    for moment in moments:
        kill_when_written(journal, moment, command)
        command = [*penstock(tmp_path), "--resume"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert done_again(journal) == set(), f"killed at {moments} bytes"
    with Embedded(pipeline, hold(folder), clock=VirtualClock()) as run:
        assert what_came_of(run) == expected, f"killed at {moments} bytes"


def penstock(base: Path) -> list[str]:
    command = [sys.executable, "-m", "penstock.cli.main", "run", "file-processing"]
    return [*command, "--workers", "2", "--state", str(base), "--output", str(base / "results"), "--json"]


def given(readings: Path) -> list[str]:
    options = [part for name, value in OPTIONS.items() for part in ("--option", f"{name}={value}")]
    return ["--input", str(readings), *options]


def kill_when_written(journal: Path, size_bytes: int, command: list[str]) -> None:
    """Start the command and kill it, and only it, when its journal has reached a size (or it has ended)."""
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if journal.stat().st_size >= size_bytes:
                process.kill()
                break
        time.sleep(0.0005)  # the moment of the kill is the real process's, there is nothing to wait on
    process.wait()


def done_again(journal: Path) -> set[str]:
    """The child executions whose chunk was done before a kill, and for which the function ran again after it."""
    done: set[str] = set()
    done_before: set[str] = set()
    again: set[str] = set()
    for event in read_journal(journal):
        match event:
            case RunResumed():
                done_before = set(done)
            case InvocationStarted() if event.source in done_before:
                again.add(event.source)
            case Happened() if isinstance(event.happening, TaskSucceeded) and "Chunks" in event.execution:
                done.add(event.execution)
    assert done, "no chunk was done"
    return again
