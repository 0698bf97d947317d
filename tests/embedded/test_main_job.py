"""The main job: the flights of 2013 go through the pipeline, and come out as an independent program adds them up."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from penstock.pipelines import Pipeline
from penstock.pipelines.load import load_pipeline
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.summary import summarize
from penstock.runtime.state_folder import new_run
from pipelines.flights import SPOILED_ROWS, flights

PROJECT = Path(__file__).resolve().parents[2]
MEASURES = ("dep_delay", "arr_delay", "air_time", "distance")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return load_pipeline("file-processing", PROJECT)


@pytest.fixture(scope="module")
def demo_file(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert pipeline.demo is not None
    return pipeline.demo(tmp_path_factory.mktemp("demo"))


Totals = dict[tuple[str, ...], dict[tuple[str, ...], list[str]]]


@pytest.fixture(scope="module")
def independent_totals() -> Totals:
    """The totals of the original flights by each grouping, by the csv module and nothing of ours."""
    groupings: tuple[tuple[str, ...], ...] = (("carrier",), ("origin", "dest"), ("month",))
    sums: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = {
        columns: defaultdict(lambda: [0] * 9) for columns in groupings
    }
    for row in csv.DictReader(io.StringIO(flights().decode())):
        for columns, groups in sums.items():
            group = groups[tuple(row[name] for name in columns)]
            group[0] += 1
            for at, measure in enumerate(MEASURES):
                if row[measure] != "NA":
                    group[1 + 2 * at] += 1
                    group[2 + 2 * at] += int(row[measure])
    return {
        columns: {key: [str(number) for number in group] for key, group in groups.items()}
        for columns, groups in sums.items()
    }


@pytest.mark.parametrize("clock", [RealClock, VirtualClock])
def test_the_report_is_what_an_independent_program_adds_up(
    clock: type[RealClock | VirtualClock],
    pipeline: Pipeline,
    demo_file: Path,
    independent_totals: Totals,
    tmp_path: Path,
) -> None:
    """Per carrier, route and month, over 336,776 rows; the spoiled rows are counted nowhere, and are all kept."""
    made: Clock = clock()
    with Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=made, workers=2) as run:
        run.upload_to_entry(demo_file)
        run.run_until_idle()
        s3 = run.s3_client()
        store = {
            key.rpartition("/")[2] if key.startswith("reports/") else key: s3.get_object(
                Bucket="penstock-results", Key=key
            )["Body"].read()
            for key in run.s3.store.keys("penstock-results")
        }
        letters = [json.loads(one.body) for one in run.queues.find("rejected-rows.fifo").messages.values()]
        told = [json.loads(one.body) for one in run.queues.find("file-results").messages.values()]
    assert len(independent_totals) == 3
    for columns, totals in independent_totals.items():
        rows = csv.reader(io.StringIO(store[f"by_{'_'.join(columns)}.csv"].decode()))
        header = next(rows)
        assert header[: len(columns) + 1] == [*columns, "rows"]
        assert {tuple(row[: len(columns)]): row[len(columns) :] for row in rows} == totals
    assert json.loads(store["summary.json"])["rows"] == 336_776
    assert sum(letter["rows"] for letter in letters) == len(SPOILED_ROWS)
    kept = b"".join(content for key, content in store.items() if "/rejected/" in key)
    assert kept.count(b"\n") == len(SPOILED_ROWS)
    (summary,) = told
    assert (summary["status"], summary["rejected"], summary["missing_chunks"]) == ("SUCCEEDED", 5, [])


def test_a_simulated_run_is_the_same_every_time(pipeline: Pipeline, tmp_path: Path) -> None:
    """Same pipeline, input and seed: the same journal, byte for byte. Another seed: other ids."""
    source = tmp_path / "numbers.csv"
    source.write_text("kind,value\n" + "".join(f"k{number % 5},{number}\n" for number in range(500)))

    def journal(name: str, seed: int) -> bytes:
        folder = new_run(pipeline.name, base=tmp_path / name)
        with Embedded(pipeline, folder, clock=VirtualClock(), seed=seed) as run:
            run.upload_to_entry(source, options={"group_by": "kind", "sum": "value", "chunk_mb": "0.0005"})
            run.run_until_idle()
            return folder.journal.read_bytes()

    first, again, other = journal("first", 1), journal("again", 1), journal("other", 2)
    assert first == again
    assert first != other


def test_a_simulated_run_is_the_same_in_every_process(pipeline: Pipeline, tmp_path: Path) -> None:
    """Nothing of the process stands in the journal but the name of its state folder's run."""
    source = tmp_path / "numbers.csv"
    source.write_text("kind,value\na,1\nb,2\n")
    journals = []
    for name in ("first", "second"):
        command = ["run", "file-processing", "--clock", "virtual", "--input", str(source)]
        folders = ["--state", str(tmp_path / name), "--output", str(tmp_path / "results")]
        subprocess.run(
            [sys.executable, "-m", "penstock.cli.main", *command, *folders],
            cwd=PROJECT,
            check=True,
            capture_output=True,
        )
        journals.append((tmp_path / name / pipeline.name / "run-0001" / "journal.jsonl").read_bytes())
    assert journals[0] == journals[1]


def test_one_upload_is_one_job_whatever_is_delivered_twice(pipeline: Pipeline, tmp_path: Path) -> None:
    """A duplicate of the S3 event starts nothing: the execution's name is made of what was written."""
    source = tmp_path / "numbers.csv"
    source.write_text("kind,value\na,1\nb,2\n")
    with Embedded(pipeline, new_run(pipeline.name, base=tmp_path), clock=VirtualClock()) as run:
        run.upload_to_entry(source)
        (message,) = run.queues.find("file-events").messages.values()
        run.queues.send("file-events", message.body)
        run.run_until_idle()
        assert len(run.queues.find("file-results").messages) == 1
    summary = summarize(read_journal(run.folder.journal))
    assert summary.executions == {"SUCCEEDED": 1}
