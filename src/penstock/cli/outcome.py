"""What a run left and what it came to, and both as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from penstock.errors import UsageError
from penstock.pipelines import Pipeline, Report
from penstock.pipelines.iam import Need
from penstock.pipelines.iam.advice import advice
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.queues import dead_letter_queues
from penstock.runtime.embedded import Embedded
from penstock.runtime.readers.cost import PRICES_AS_OF, REGION
from penstock.runtime.readers.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run that is over, and what it left."""

    pipeline: Pipeline
    run: Embedded
    summary: Summary
    results: Sequence[Path]
    output: Path
    report: Report | None = None


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


def function_failures(shown: Shown) -> list[dict[str, object]]:
    """What failed, by function, and the file that has what the function said of it."""
    return [
        {
            "function": name,
            "invocations": [
                {"error": error, "message": failures.messages[error], "count": count}
                for error, count in failures.invocations.most_common()
            ],
            "records": failures.records,
            "log": str(shown.run.folder.logs / f"{name}.log"),
        }
        for name, failures in shown.summary.functions.items()
    ]


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


def dead_letters_of(shown: Shown) -> dict[str, int]:
    """The messages that lie in queues which nothing consumes, but for the one that tells of results."""
    return shown.summary.dead_letters(dead_letter_queues(shown.pipeline))


def rows_of(body: str) -> int:
    """How many records a dead letter tells of: a chunk's rejected rows are one letter."""
    try:
        letter = json.loads(body)
    except ValueError:
        return 1
    rows = letter.get("rows") if isinstance(letter, dict) else None
    return rows if isinstance(rows, int) and rows > 0 else 1


def records_in(shown: Shown, queue: str) -> int:
    """How many records the letters in a queue tell of."""
    return sum(rows_of(one.body) for one in shown.run.queues.find(queue).messages.values())


def show_json(shown: Shown) -> None:
    """Print the summary as one JSON object."""
    summary, letters = shown.summary, dead_letters_of(shown)
    document = {
        "pipeline": shown.pipeline.name,
        "run_id": summary.run_id,
        "succeeded": summary.succeeded,
        "clock": "virtual" if isinstance(shown.run.clock, VirtualClock) else "real",
        "input_bytes": summary.input_bytes,
        "records": summary.records_fed,
        "windows": summary.windows_closed,
        "discarded": summary.discarded,
        "given_up": {
            "events": summary.given_up,
            "lost": summary.lost,
            "destinations": dict(summary.destinations),
        },
        "chunks": {"done": summary.chunks_done, "failed": summary.chunks_failed},
        "retries": summary.retries,
        "invocations": summary.invocations,
        "executions": dict(summary.executions),
        "failures": [asdict(failure) for failure in summary.failures],
        "function_failures": function_failures(shown),
        "denied": denials(shown),
        "dead_letters": letters,
        "dead_letter_records": {name: records_in(shown, name) for name in letters},
        "resumptions": summary.resumptions,
        "wall_seconds": round(summary.seconds, 6),
        "cost": {
            "usd": round(summary.cost.usd, 9),
            "region": REGION,
            "prices_as_of": PRICES_AS_OF,
            "lines": [asdict(line) for line in summary.cost.lines],
            "without": list(summary.cost.unpriced),
        },
        "results": [str(path) for path in shown.results],
        "report": None if shown.report is None else [str(path) for path in report_files(shown, shown.report)],
        "state_folder": str(shown.run.folder.path),
    }
    print(json.dumps(document, indent=2))
