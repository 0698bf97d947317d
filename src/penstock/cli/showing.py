"""What a run looks like: a live bar on a terminal, plain lines in a pipe, a summary, or JSON."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from penstock.cli.dead_letters import dead_letter_queues, printable
from penstock.errors import UsageError
from penstock.pipelines import Pipeline, Report
from penstock.pipelines.iam import Need
from penstock.pipelines.iam.advice import advice
from penstock.runtime.dead_letters.letters import told_of_records
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal_events import Event
from penstock.runtime.readers import progress
from penstock.runtime.readers.cost import PRICES_AS_OF, REGION
from penstock.runtime.readers.summary import Summary
from penstock.runtime.runs import RunFound

PLAIN_LINE_SECONDS = 1.0
REPORT_ROWS = 12
LETTERS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run that is over, and what it left."""

    pipeline: Pipeline
    run: Embedded
    summary: Summary
    results: Sequence[Path]
    output: Path
    report: Report | None = None


@contextmanager
def watching(run: Embedded, *, quiet: bool) -> Iterator[None]:
    """Show how far the run is, while it runs."""
    reader = progress.Progress()
    for event in run.past:
        reader.read(event)
    if quiet:
        yield
    elif sys.stdout.isatty():
        with _bar(run, reader):
            yield
    else:
        with _lines(run, reader):
            yield


@contextmanager
def _bar(run: Embedded, reader: progress.Progress) -> Iterator[None]:
    counted = (BarColumn(), MofNCompleteColumn(), TextColumn("chunks")) if run.pipeline.feed is None else ()
    columns = (SpinnerColumn(), TextColumn("[bold]{task.description}"), *counted, TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(event: Event) -> None:
            if reader.read(event):
                bar.update(
                    task,
                    description=reader.line() if reader.records_fed else reader.state or "starting",
                    total=reader.items_total or None,
                    completed=reader.items_done,
                )

        end = run.journal.subscribe(show)
        try:
            yield
        finally:
            end()


@contextmanager
def _lines(run: Embedded, reader: progress.Progress) -> Iterator[None]:
    state, at = reader.state, time.monotonic()

    def show(event: Event) -> None:
        nonlocal state, at
        if not reader.read(event):
            return
        if reader.state != state or time.monotonic() - at >= PLAIN_LINE_SECONDS:
            state, at = reader.state, time.monotonic()
            print(reader.line(), flush=True)

    end = run.journal.subscribe(show)
    try:
        yield
    finally:
        end()


# --- The summary ------------------------------------------------------------------------------------------


def show_summary(shown: Shown) -> None:
    """Print what the run came to; the report's files are there whoever reads what is printed."""
    files = [] if shown.report is None else report_files(shown, shown.report)
    console = Console(highlight=False, soft_wrap=True)
    summary = shown.summary
    word = "done" if summary.succeeded else "failed"
    console.print(Text(f"{shown.pipeline.name} {word}: {summary.run_id}", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in _facts(shown):
        table.add_row(name, value)
    console.print(table)
    for failure in summary.failures:
        console.print(Text(f"\nexecution {failure.execution} {failure.status}: {failure.error}", style="red"))
        console.print(Text(_cause(failure.cause)))
    for one in denials(shown):
        times = f" ({one['count']} times)" if one["count"] != 1 else ""
        console.print(
            Text(f"\n{one['caller']} may not {one['action']} on {one['resource']}{times}", style="red")
        )
        console.print(f"  fix: {one['fix']}", markup=False)
    if shown.report is not None:
        _show_report(console, shown.report, files)
    _show_letters(console, shown)
    if shown.results:
        console.print("\nresults")
        for path in shown.results:
            console.print(Text(f"  {path}"))


def _facts(shown: Shown) -> list[tuple[str, str]]:
    summary, cost = shown.summary, shown.summary.cost
    rate = summary.input_bytes / summary.seconds / 1e6 if summary.seconds else 0.0
    failed = f", {summary.chunks_failed} failed" if summary.chunks_failed else ""
    if summary.records_fed or shown.pipeline.feed is not None:
        given_up = f", {summary.discarded:,} given up" if summary.discarded else ""
        taken = [
            ("records", f"{summary.records_fed:,}{given_up}"),
            ("windows", f"{summary.windows_closed:,}"),
            ("virtual time", f"{summary.seconds / 86_400:,.2f} days"),
        ]
    else:
        taken = [
            ("input", f"{summary.input_bytes / 1e6:,.1f} MB"),
            ("chunks", f"{summary.chunks_done}{failed}"),
            ("wall time", f"{summary.seconds:.2f} s, {rate:,.1f} MB/s"),
        ]
    return [
        *taken,
        ("retries", str(summary.retries)),
        ("dead letters", _dead_letters(shown)),
        ("invocations", f"{summary.invocations} on {summary.workers} workers"),
        ("on AWS", f"${cost.usd:.6f} at the list prices of {REGION}, {PRICES_AS_OF}"),
        ("state folder", str(shown.run.folder.path)),
    ]


def denials(shown: Shown) -> list[dict[str, object]]:
    """What roles did not allow: who, what, how often, and what to declare."""
    return [
        {
            "caller": caller,
            "action": action,
            "resource": resource,
            "count": count,
            "fix": advice(shown.pipeline, caller, Need(action, resource)),
        }
        for (caller, action, resource), count in shown.summary.denied.items()
    ]


def _show_report(console: Console, report: Report, files: Sequence[Path]) -> None:
    """The table, its middle left out if it is long; the pictures go beside the results."""
    table = Table(*report.columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    left_out = len(report.rows) - REPORT_ROWS
    rows = list(report.rows)
    if left_out > 0:
        half = REPORT_ROWS // 2
        rows = [*rows[:half], [f"... {left_out} more", *[""] * (len(report.columns) - 1)], *rows[-half:]]
    for row in rows:
        table.add_row(*row)
    console.print(f"\n{report.title}")
    console.print(table)
    for path in files:
        console.print(Text(f"  {path}"))


def report_files(shown: Shown, report: Report) -> list[Path]:
    """Write the report's pictures, and its table as CSV, beside the results.

    Raises:
        UsageError: the folder cannot be written.
    """
    folder = shown.output / shown.pipeline.name / shown.summary.run_id
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([report.columns, *report.rows])
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {**report.pictures, "table.csv": table.getvalue()}.items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    except OSError as error:
        raise UsageError(
            f"the report cannot be written: {error.strerror or error}",
            at=str(folder),
            fix="name a folder that can be written with --output; the run itself is done",
        ) from error
    return written


def _dead_letters(shown: Shown) -> str:
    """The letters, and the records if those are more."""
    letters = _letters(shown)
    count, records = sum(letters.values()), sum(_records(shown, name) for name in letters)
    return f"{count:,} of {records:,} records" if records > count else f"{count:,}"


def _letters(shown: Shown) -> dict[str, int]:
    """The messages that lie in queues which nothing consumes, but for the one that tells of results."""
    return shown.summary.dead_letters(dead_letter_queues(shown.pipeline))


def _show_letters(console: Console, shown: Shown) -> None:
    for name, count in _letters(shown).items():
        console.print(f"\n{count} in {name}")
        messages = list(shown.run.queues.find(name).messages.values())
        if count > LETTERS_SHOWN:
            console.print(f"  the first {LETTERS_SHOWN}:")
        for message in messages[:LETTERS_SHOWN]:
            for line in _told(message.body):
                console.print(Text(f"  {printable(line)}"))
        if any(told_of_records(message.body) is not None for message in messages[:LETTERS_SHOWN]):
            command = f"penstock dlq show {shown.pipeline.name} {name} --records"
            console.print(Text(f"  the records themselves: {command}"))


def _rows_of(body: str) -> int:
    """How many records a dead letter tells of: a chunk's rejected rows are one letter."""
    try:
        letter = json.loads(body)
    except ValueError:
        return 1
    rows = letter.get("rows") if isinstance(letter, dict) else None
    return rows if isinstance(rows, int) and rows > 0 else 1


def _records(shown: Shown, queue: str) -> int:
    """How many records the letters in a queue tell of."""
    return sum(_rows_of(one.body) for one in shown.run.queues.find(queue).messages.values())


def _told(body: str) -> list[str]:
    """A dead letter's reasons, if it is of the form that this project's handlers send; else the letter itself."""
    try:
        letter = json.loads(body)
    except ValueError:
        return [body]
    if isinstance(letter, dict) and isinstance(letter.get("first"), list):
        rows = [f"byte {row['offset']:,}: {row['reason']}: {row['raw'][:40]}" for row in letter["first"]]
        more = _rows_of(body) - len(rows)
        untold = [f"and {more:,} rows more"] if more > 0 else []
        return [*rows, *untold, f"kept in {letter.get('kept_in', '')}"]
    if isinstance(letter, dict) and isinstance(letter.get("failure"), dict):
        failure = letter["failure"]
        return [f"{failure.get('Error', '')}: {_cause(str(failure.get('Cause', '')))}"]
    return [told_of_records(body) or body]


def _cause(cause: str) -> str:
    """Lambda's JSON cause as its message."""
    try:
        decoded = json.loads(cause)
    except ValueError:
        return cause
    return str(decoded.get("errorMessage", cause)) if isinstance(decoded, dict) else cause


def show_json(shown: Shown) -> None:
    """Print the summary as one JSON object."""
    summary = shown.summary
    document = {
        "pipeline": shown.pipeline.name,
        "run_id": summary.run_id,
        "succeeded": summary.succeeded,
        "input_bytes": summary.input_bytes,
        "records": summary.records_fed,
        "windows": summary.windows_closed,
        "discarded": summary.discarded,
        "chunks": {"done": summary.chunks_done, "failed": summary.chunks_failed},
        "retries": summary.retries,
        "invocations": summary.invocations,
        "executions": dict(summary.executions),
        "failures": [asdict(failure) for failure in summary.failures],
        "denied": denials(shown),
        "dead_letters": _letters(shown),
        "dead_letter_records": {name: _records(shown, name) for name in _letters(shown)},
        "resumptions": summary.resumptions,
        "wall_seconds": round(summary.seconds, 6),
        "cost": {
            "usd": round(summary.cost.usd, 9),
            "region": REGION,
            "prices_as_of": PRICES_AS_OF,
            "lines": [asdict(line) for line in summary.cost.lines],
        },
        "results": [str(path) for path in shown.results],
        "report": None if shown.report is None else [str(path) for path in report_files(shown, shown.report)],
        "state_folder": str(shown.run.folder.path),
    }
    print(json.dumps(document, indent=2))


def runs_table(found: Sequence[RunFound]) -> str:
    """The runs as lines of text."""
    if not found:
        return "no runs here"
    return "\n".join(
        f"{run.pipeline:<24} {run.run_id}  {run.status:<10}  "
        f"{datetime.fromtimestamp(run.started_at).astimezone():%Y-%m-%d %H:%M:%S}  {run.path}"
        for run in found
    )
