"""Runs that are cut off early, wrong requests, and what --resume makes of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.pipelines.load import load_pipeline
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal_events import GivenInputs
from penstock.runtime.state_folder import new_run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return tmp_path / "state"


def run(state: Path, *arguments: str | Path) -> Result:
    folders = ["--state", str(state), "--output", str(state.parent / "results")]
    command = ["run", "file-processing", "--clock", "virtual", *folders, *map(str, arguments)]
    return CliRunner().invoke(main, command)


def totals(state: Path) -> list[str]:
    """The last lines of the reports, sorted: `rows,count,sum`."""
    found = (state.parent / "results").glob("file-processing/*/*/total.csv")
    return sorted(path.read_text().splitlines()[-1] for path in found)


def two_files(folder: Path) -> tuple[Path, Path]:
    first, second = folder / "x.csv", folder / "y.csv"
    first.write_text("k,v\na,1\n")
    second.write_text("k,v\nb,10\nb,20\n")
    return first, second


def cut_off(state: Path, given: GivenInputs, uploaded: tuple[Path, ...]) -> None:
    """A run that ends when some of its inputs are stored and nothing else has happened."""
    pipeline = load_pipeline("file-processing", ROOT)
    folder = new_run("file-processing", base=state)
    with Embedded(pipeline, folder, clock=VirtualClock(), given=given) as run:
        for path in uploaded:
            run.upload_to_entry(path, options=given.options)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_resumed_run_takes_in_what_is_missing(state: Path, tmp_path: Path, count: int) -> None:
    """However many of its inputs were stored when it was cut off, each is processed, once."""
    files = two_files(tmp_path)
    cut_off(state, GivenInputs(files=tuple(map(str, files)), options={"sum": "v"}), files[:count])
    result = run(state, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["chunks"]["done"] == 2
    assert totals(state) == ["1,1,1", "2,2,30"]


def test_a_resumed_demo_takes_in_its_file(state: Path) -> None:
    """The demo is made again, if it was not stored."""
    cut_off(state, GivenInputs(), ())
    result = run(state, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["input_bytes"] > 30_000_000


def test_a_run_that_never_began_cannot_be_resumed(state: Path) -> None:
    """It is not taken for a success."""
    new_run("file-processing", base=state).release()
    result = run(state, "--resume")
    assert result.exit_code == 2
    assert "was cut off before it began" in result.output


def test_a_run_without_its_buckets_goes_on(state: Path, tmp_path: Path) -> None:
    """Killed right after the journal's first event."""
    files = two_files(tmp_path)
    cut_off(state, GivenInputs(files=tuple(map(str, files))), ())
    (folder,) = (state / "file-processing").glob("run-*")
    journal = folder / "journal.jsonl"
    journal.write_text(journal.read_text().splitlines(keepends=True)[0])
    for name in ("buckets", "incoming"):
        for path in sorted((folder / "s3" / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / "s3" / name).rmdir()
    result = run(state, "--resume")
    assert result.exit_code == 0, result.output
    assert totals(state) == ["1,1,1", "2,2,30"]


def test_the_same_command_with_resume(state: Path, tmp_path: Path) -> None:
    """Is taken; another one is refused, since the run goes on with what it was given."""
    first, second = two_files(tmp_path)
    cut_off(state, GivenInputs(files=(str(first),), options={"sum": "v"}), ())
    other = run(state, "--input", second, "--option", "sum=v", "--resume")
    assert other.exit_code == 2
    assert "was given something else" in other.output
    same = run(state, "--input", first, "--option", "sum=v", "--resume")
    assert same.exit_code == 0, same.output
    assert totals(state) == ["1,1,1"]


def test_inputs_of_one_name_are_refused(state: Path, tmp_path: Path) -> None:
    """The second would take the place of the first."""
    paths = [tmp_path / folder / "x.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("k,v\na,1\n")
    result = run(state, "--input", paths[0], "--input", paths[1])
    assert result.exit_code == 2
    assert 'two inputs are called "x.csv"' in result.output
    assert not state.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--option", "grup=1"), "there is no option 'grup'"),
        (("--input", "s3://nowhere/x.csv"), "no run here has this object"),
        (("--input", "/dev/null"), "is no regular file"),
        (("--input", "nowhere.csv"), "does not exist"),
    ],
)
def test_a_refused_run_leaves_nothing(state: Path, arguments: tuple[str, ...], words: str) -> None:
    """So that --resume still finds the run before."""
    result = run(state, *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert not state.exists()


def test_a_name_that_is_not_utf_8_is_refused(state: Path, tmp_path: Path) -> None:
    """A key is UTF-8."""
    path = tmp_path / os.fsdecode(b"bad\xff.csv")
    try:
        path.write_text("k,v\na,1\n")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    result = run(state, "--input", path)
    assert result.exit_code == 2
    assert "the file's name is not UTF-8" in result.output


def test_two_runs_of_a_file_keep_their_results_apart(state: Path, tmp_path: Path) -> None:
    """Each run has a folder of its own."""
    first, _ = two_files(tmp_path)
    for grouping in ("k", "v"):
        assert run(state, "--input", first, "--option", f"group_by={grouping}").exit_code == 0
    results = state.parent / "results" / "file-processing"
    assert {path.parts[-3] + "/" + path.name for path in results.rglob("by_*.csv")} == {
        "run-0001/by_k.csv",
        "run-0002/by_v.csv",
    }
