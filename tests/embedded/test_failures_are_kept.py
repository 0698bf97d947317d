"""Nothing spills: what fails on its way through a pipeline is in a queue, with what is needed to try again."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from handlers import file_processing
from penstock.handlers import on_sqs_message
from penstock.pipelines import Function, Pipeline, Queue, QueueMapping
from penstock.pipelines.load import load_pipeline
from penstock.runtime.clock import Clock, RealClock, VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.readers.summary import summarize
from penstock.runtime.state_folder import new_run

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pipeline() -> Pipeline:
    return load_pipeline("file-processing", PROJECT)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    source = tmp_path / "numbers.csv"
    source.write_text("kind,value\n" + "".join(f"k{number % 3},{number}\n" for number in range(1000)))
    return source


def spoil_chunk(index: int, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """Have the function fail on one chunk, so many times; returns the attempts it saw."""
    # Another project may have been loaded in between, and this one's modules anew after it.
    loaded = importlib.import_module(file_processing.__name__)
    whole = loaded._totals_of
    attempts: list[int] = []

    def spoiled(s3: object, asked: file_processing.ChunkInput, rejected: list[object]) -> object:
        if asked.chunk.index == index:
            attempts.append(index)
            if len(attempts) <= times:
                raise RuntimeError("the disk of this machine is on fire")
        return whole(s3, asked, rejected)

    monkeypatch.setattr(loaded, "_totals_of", spoiled)
    return attempts


def run_it(
    pipeline: Pipeline, numbers: Path, base: Path, **options: str
) -> tuple[Embedded, dict[str, object]]:
    with Embedded(pipeline, new_run(pipeline.name, base=base), clock=VirtualClock()) as run:
        run.upload_to_entry(numbers, options={"sum": "value", "chunk_mb": "0.001", **options})
        run.run_until_idle()
        (told,) = run.queues.find("file-results").messages.values()
    return run, json.loads(told.body)


def test_a_chunk_that_fails_for_a_while_is_tried_again(
    pipeline: Pipeline, numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three retries with backoff; the fourth attempt succeeds and nobody notices."""
    attempts = spoil_chunk(2, monkeypatch, times=3)
    run, told = run_it(pipeline, numbers, tmp_path)
    assert told["status"] == "SUCCEEDED"
    assert told["rows"] == 1000
    assert len(attempts) == 4
    summary = summarize(read_journal(run.folder.journal))
    assert (summary.retries, summary.chunks_failed) == (3, 0)


def test_a_chunk_that_always_fails_is_kept_with_its_input(
    pipeline: Pipeline, numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job fails; the queue has the chunk's whole input and its failure."""
    spoil_chunk(2, monkeypatch, times=99)
    run, told = run_it(pipeline, numbers, tmp_path)
    assert told["status"] == "FAILED"
    (letter,) = (json.loads(one.body) for one in run.queues.find("failed-chunks").messages.values())
    assert letter["chunk"]["index"] == 2
    assert letter["report"]["measures"] == ["value"]
    assert letter["failure"]["Error"] == "RuntimeError"
    assert "on fire" in letter["failure"]["Cause"]


def test_what_is_not_tried_again_is_no_retry(pipeline: Pipeline, tmp_path: Path) -> None:
    """An empty file is refused once, by the plan; nothing else runs."""
    empty = tmp_path / "empty.csv"
    empty.touch()
    run, told = run_it(pipeline, empty, tmp_path)
    assert told["status"] == "FAILED"
    assert summarize(read_journal(run.folder.journal)).retries == 0


def test_a_tolerated_failure_is_named_in_the_report(
    pipeline: Pipeline, numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tolerance the others are merged, and the report says that it is not complete."""
    spoil_chunk(2, monkeypatch, times=99)
    run, told = run_it(pipeline, numbers, tmp_path, tolerated_failure_percentage="50")
    assert (told["status"], told["missing_chunks"]) == ("SUCCEEDED", [2])
    assert len(run.queues.find("failed-chunks").messages) == 1
    store = run.s3.store
    (key,) = (key for key in store.keys("penstock-results") if key.endswith("summary.json"))
    stored = store.find("penstock-results", key)
    assert stored is not None
    summary = json.loads(Path(store.files.data_path("penstock-results", stored)).read_bytes())
    assert (summary["complete"], summary["missing_chunks"]) == (False, [2])
    assert summary["rows"] < 1000


@on_sqs_message
def take(order: dict[str, int]) -> None:
    """Accepts objects of whole numbers."""


@pytest.mark.parametrize("clock", [VirtualClock, RealClock])
def test_what_cannot_be_decoded_is_dead_lettered_at_once(
    clock: type[VirtualClock | RealClock], tmp_path: Path
) -> None:
    """With its reason, after one delivery: retrying cannot help. The messages around it are done."""
    dead = Queue("dead")
    orders = Queue("orders", visibility_timeout_seconds=60, dead_letter_queue=dead)
    function = Function("take", take, timeout_seconds=10)
    pipeline = Pipeline("orders", parts=(QueueMapping(orders, function),), root=PROJECT)
    made: Clock = clock()
    with Embedded(pipeline, new_run("orders", base=tmp_path), clock=made, workers=1) as run:
        for body in ('{"n": 1}', '{"n": "one"}', "not json", '{"n": 2}'):
            run.queues.send("orders", body)
        run.run_until_idle()
        letters = list(run.queues.find("dead").messages.values())
        assert not run.queues.find("orders").messages
    assert [letter.body for letter in letters] == ['{"n": "one"}', "not json"]
    reasons = [letter.attributes["Reason"].string_value or "" for letter in letters]
    assert "Expected `int`" in reasons[0]
    assert "JSON" in reasons[1]
