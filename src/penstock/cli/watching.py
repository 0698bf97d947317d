"""How far a run is, while it runs: a live bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.runtime.embedded import Embedded
from penstock.runtime.journal_events import Event
from penstock.runtime.readers import progress
from penstock.runtime.workers.inline_output import outside

PLAIN_LINE_SECONDS = 1.0


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
    from rich.console import Console
    from rich.progress import (  # for a terminal only
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    counted = (BarColumn(), MofNCompleteColumn(), TextColumn("chunks")) if run.pipeline.feed is None else ()
    columns = (SpinnerColumn(), TextColumn("[bold]{task.description}"), *counted, TimeElapsedColumn())
    console = Console(file=outside(sys.stdout))
    with Progress(*columns, console=console, transient=True) as bar:
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
            print(reader.line(), file=outside(sys.stdout), flush=True)

    end = run.journal.subscribe(show)
    try:
        yield
    finally:
        end()
