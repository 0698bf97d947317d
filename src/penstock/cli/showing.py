"""What a run came to, told to people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.cli.outcome import Shown, dead_letters_of, denials, records_in, report_files, rows_of
from penstock.cli.printing import from_here, printable
from penstock.pipelines import Report
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import told_of_records
from penstock.runtime.readers.cost import PRICES_AS_OF, REGION

REPORT_ROWS = 12
LETTERS_SHOWN = 5
ERRORS_SHOWN = 3
ERROR_CHARACTERS = 300


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
    _show_function_failures(console, shown)
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


def _show_function_failures(console: Console, shown: Shown) -> None:
    """Each function that failed: its errors, the commonest first, and its log."""
    for name, failures in shown.summary.functions.items():
        console.print()
        for error, count in failures.invocations.most_common(ERRORS_SHOWN):
            message = printable(failures.messages[error].partition("\n")[0][:ERROR_CHARACTERS])
            times = "1 invocation" if count == 1 else f"{count:,} invocations"
            console.print(Text(f"{name} failed in {times}: {error}: {message}", style="red"))
        if len(failures.invocations) > ERRORS_SHOWN:
            console.print(f"{name} failed with {len(failures.invocations) - ERRORS_SHOWN} other errors, too")
        if failures.records:
            times = "1 record" if failures.records == 1 else f"{failures.records:,} records"
            console.print(Text(f"{name} named {times} as failed, counted with each delivery", style="red"))
        console.print(Text(f"  why: {from_here(shown.run.folder.logs / f'{name}.log')}"))


def _facts(shown: Shown) -> list[tuple[str, str]]:
    summary, cost = shown.summary, shown.summary.cost
    rate = summary.input_bytes / summary.seconds / 1e6 if summary.seconds else 0.0
    failed = f", {summary.chunks_failed} failed" if summary.chunks_failed else ""
    virtual = isinstance(shown.run.clock, VirtualClock)
    where = "in this process" if virtual else f"on {summary.workers} workers"
    if summary.records_fed or shown.pipeline.feed is not None:
        taken = [
            ("records", f"{summary.records_fed:,}"),
            ("windows", f"{summary.windows_closed:,}"),
            ("virtual time", f"{summary.seconds / 86_400:,.2f} days"),
        ]
    else:
        taken = [
            ("input", f"{summary.input_bytes / 1e6:,.1f} MB"),
            ("chunks", f"{summary.chunks_done}{failed}"),
            ("virtual time", f"{summary.seconds:,.2f} s")
            if virtual
            else ("wall time", f"{summary.seconds:.2f} s, {rate:,.1f} MB/s"),
        ]
    without = f", without {', '.join(cost.unpriced)}" if cost.unpriced else ""
    return [
        *taken,
        *_given_up(shown),
        ("retries", str(summary.retries)),
        ("dead letters", _dead_letters(shown)),
        ("invocations", f"{summary.invocations} {where}"),
        ("on AWS", f"${cost.usd:.6f} at the list prices of {REGION}, {PRICES_AS_OF}{without}"),
        ("state folder", str(shown.run.folder.path)),
    ]


def _given_up(shown: Shown) -> list[tuple[str, str]]:
    """What was given up of streams and of asynchronous invocations, and where it is told of."""
    summary = shown.summary
    counted = ((summary.discarded, "record"), (summary.given_up, "event"))
    what = [f"{count:,} {word}{'s' if count > 1 else ''}" for count, word in counted if count]
    lost = summary.discarded - summary.told_of + summary.lost
    where = [f"{count:,} to {name}" for name, count in summary.destinations.items()]
    where += [f"{lost:,} to nowhere"] if lost else []
    return [("given up", f"{', '.join(what)} ({'; '.join(where)})")] if what else []


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


def _dead_letters(shown: Shown) -> str:
    """The letters, and the records if those are more."""
    letters = dead_letters_of(shown)
    count, records = sum(letters.values()), sum(records_in(shown, name) for name in letters)
    return f"{count:,} of {records:,} records" if records > count else f"{count:,}"


def _show_letters(console: Console, shown: Shown) -> None:
    for name, count in dead_letters_of(shown).items():
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


def _told(body: str) -> list[str]:
    """A dead letter's reasons, if it is of the form that this project's handlers send; else the letter itself."""
    try:
        letter = json.loads(body)
    except ValueError:
        return [body]
    if isinstance(letter, dict) and isinstance(letter.get("first"), list):
        rows = [f"byte {row['offset']:,}: {row['reason']}: {row['raw'][:40]}" for row in letter["first"]]
        more = rows_of(body) - len(rows)
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
