"""The commands, as a user types them: output, exit codes, errors with a remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import RunStarted
from penstock.runtime.state_folder import new_run

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in the reference project, with their state elsewhere."""
    monkeypatch.chdir(PROJECT)
    return tmp_path / "state"


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("region,amount\nnorth,3\nsouth,x\nnorth,4\n")
    return path


def penstock(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="penstock")


def run(state: Path, *arguments: object) -> Result:
    output = ("--output", state.parent / "results")
    return penstock("run", "file-processing", "--clock", "virtual", "--state", state, *output, *arguments)


def test_a_run_shows_what_it_came_to(state: Path, orders: Path) -> None:
    """Plain lines in a pipe, the summary, the dead letters with their reasons, the results as files."""
    result = run(state, "--input", orders, "--option", "group_by=region", "--option", "sum=amount")
    assert result.exit_code == 0, result.output
    assert "ProcessChunks" in result.output
    assert "file-processing done: run-0001" in result.output
    assert "'x' is not a number" in result.output
    (report,) = (state.parent / "results").glob("file-processing/*/*/by_region.csv")
    assert report.read_text() == "region,rows,count_amount,sum_amount\nnorth,2,2,7\n"


def test_a_letter_about_many_rows_counts_them(state: Path, tmp_path: Path) -> None:
    """A chunk's rejected rows are one dead letter; the summary says how many they are."""
    path = tmp_path / "bad.csv"
    path.write_text("k,v\n" + "a,x\n" * 3000)
    result = run(state, "--input", path, "--option", "sum=v")
    assert "1 of 3,000 records" in result.output
    assert "and 2,980 rows more" in result.output


def test_a_run_as_json(state: Path, orders: Path) -> None:
    """One object and nothing else; it has what the summary has."""
    result = run(state, "--input", orders, "--option", "sum=amount", "--json")
    document = json.loads(result.output)
    assert (document["succeeded"], document["clock"]) == (True, "virtual")
    assert document["chunks"] == {"done": 1, "failed": 0}
    assert document["dead_letters"] == {"rejected-rows.fifo": 1}
    assert document["input_bytes"] == orders.stat().st_size
    assert document["cost"]["usd"] == pytest.approx(sum(line["usd"] for line in document["cost"]["lines"]))


def test_a_run_that_fails(state: Path, orders: Path) -> None:
    """Exit code 1, and why."""
    result = run(state, "--input", orders, "--option", "group_by=nowhere")
    assert result.exit_code == 1
    assert 'the file has no column "nowhere"' in result.output


def test_an_object_of_an_earlier_run(state: Path, orders: Path) -> None:
    """s3://bucket/key names what the store of an earlier run has."""
    run(state, "--input", orders)
    result = run(state, "--input", "s3://penstock-uploads/incoming/orders.csv", "--json")
    assert json.loads(result.output)["input_bytes"] == orders.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--input", "nowhere.csv"), "the input does not exist"),
        (("--input", "tests"), "the input is a folder"),
        (("--input", "s3://nowhere/key"), "no run here has this object"),
        (("--option", "chunk_mb"), "has no value"),
        (("--option", "chunks=3"), "there is no option 'chunks'"),
    ],
)
def test_a_command_that_is_used_wrongly(state: Path, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, what is wrong, and the remedy."""
    result = run(state, *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "fix:" in result.output


def test_nothing_to_resume(state: Path) -> None:
    """There must have been a run."""
    result = run(state, "--resume")
    assert result.exit_code == 1
    assert "there is no run of 'file-processing' to resume" in result.output


def test_an_unknown_pipeline(state: Path) -> None:
    """The nearest name is offered."""
    result = penstock("run", "file-procesing", "--state", state)
    assert result.exit_code == 2
    assert 'did you mean "file-processing"?' in result.output


def test_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says how to begin one."""
    monkeypatch.chdir(tmp_path)
    result = penstock("run", "file-processing")
    assert result.exit_code == 2
    assert "penstock init" in result.output


def test_the_runs_are_listed(state: Path, orders: Path) -> None:
    """Each with its pipeline, number and state."""
    assert penstock("runs", "--state", state).output == "no runs here\n"
    run(state, "--input", orders)
    assert "file-processing          run-0001  finished" in penstock("runs", "--state", state).output


def test_a_run_that_goes_on_is_not_cut_off(state: Path) -> None:
    """As long as a process holds its folder it is running; after that, without an end, it was cut off."""
    with new_run("orders", base=state) as folder:
        journal = Journal(folder.journal)
        journal.append(RunStarted(at=1.0, run_id="run-0001", pipeline="orders", seed=0, clock="real"))
        journal.flush()
        journal.close()
        assert "orders                   run-0001  running" in penstock("runs", "--state", state).output
    assert "orders                   run-0001  cut off" in penstock("runs", "--state", state).output


def test_check_of_a_sound_project(state: Path) -> None:
    """No problems, exit code 0."""
    result = penstock("check")
    assert (result.exit_code, result.output) == (0, "no problems\n")


def test_check_prints_every_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two problems in one declaration are both shown, with line and remedy; exit code 1."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "pipelines" / "bad.py").write_text(
        "from penstock.pipelines import Bucket, Pipeline, Queue\n"
        "pipeline = Pipeline('bad', parts=(\n"
        "    Bucket('No_Such_Name'),\n"
        "    Queue('orders', fifo=True),\n"
        "))\n"
    )
    monkeypatch.chdir(tmp_path)
    result = penstock("check")
    assert result.exit_code == 1
    assert "2 problems" in result.output
    assert "pipelines/bad.py:3" in result.output
    assert "pipelines/bad.py:4" in result.output
    assert result.output.count("fix:") == 2


def test_check_of_a_definition(tmp_path: Path) -> None:
    """A definition by itself is checked as well."""
    path = tmp_path / "machine.asl.json"
    path.write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}')
    result = penstock("check", path)
    assert result.exit_code == 1
    assert str(path) in result.output


def test_check_looks_at_the_definitions_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, with line and column, warnings included; also those that no pipeline names."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "pipelines" / "one.py").write_text(
        "from penstock.pipelines import Pipeline, StateMachine\n"
        "pipeline = Pipeline('one', parts=(StateMachine('m', 'statemachines/m.asl.yaml'),))\n"
    )
    (tmp_path / "statemachines").mkdir()
    (tmp_path / "statemachines" / "m.asl.yaml").write_text(
        "StartAt: A\nStates:\n  A: {Type: Pass, Next: B}\n"
    )
    (tmp_path / "statemachines" / "unused.asl.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": null, "OutputPath": "$.a", "End": true}}}'
    )
    monkeypatch.chdir(tmp_path)
    result = penstock("check")
    assert result.exit_code == 1
    assert "at: statemachines/m.asl.yaml:3:19  /States/A/Next" in result.output
    assert "SM501 warning: nothing that comes here" in result.output
    assert "PL607" not in result.output
    assert result.output.endswith("3 problems\n")
    assert "PL607 SM102" in penstock("check", "one").output


def test_explain() -> None:
    """A rule's title and where it comes from; an unknown rule names those that there are."""
    result = penstock("explain", "pl201")
    assert result.exit_code == 0
    assert result.output.startswith("PL201  ")
    assert "Source:" in result.output
    assert penstock("explain", "PL999").exit_code == 2


@pytest.mark.parametrize("name", ["", "1st", "a b", "../up"])
def test_init_refuses_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's name is a distribution's name."""
    monkeypatch.chdir(tmp_path)
    assert penstock("init", name).exit_code == 2


def test_init_does_not_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that has something in it stays as it is."""
    monkeypatch.chdir(tmp_path)
    assert penstock("init", "mine").exit_code == 0
    (tmp_path / "mine" / "handlers" / "jobs.py").write_text("changed")
    assert penstock("init", "mine").exit_code == 2
    assert (tmp_path / "mine" / "handlers" / "jobs.py").read_text() == "changed"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["check"],
        ["explain"],
        ["graph"],
        ["test-state"],
        ["dlq"],
        ["dlq", "ls"],
        ["dlq", "show"],
        ["dlq", "redrive"],
        ["dlq", "pull"],
        ["deploy"],
        ["destroy"],
        ["diff"],
        ["init"],
        ["package"],
        ["localstack"],
        ["localstack", "up"],
        ["localstack", "down"],
        ["localstack", "install"],
        ["localstack", "status"],
        ["plan"],
        ["policy"],
        ["runs"],
        ["serve"],
    ],
)
def test_the_page_has_the_help(command: list[str]) -> None:
    """docs/cli.md shows each command's help as it is."""
    page = (PROJECT / "docs" / "cli.md").read_text()
    shown = CliRunner().invoke(main, [*command, "--help"], prog_name="penstock", terminal_width=100).output
    assert shown in page


def test_an_interrupted_run_says_how_to_go_on(
    state: Path, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C: exit code 130, and the command that resumes; that one finishes the run."""
    from penstock.runtime.embedded import Embedded

    def interrupt(_: Embedded) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Embedded, "run_until_idle", interrupt)
        result = run(state, "--input", orders, "--option", "sum=amount", "--workers", 1, "--json")
    assert result.exit_code == 130
    assert "penstock run file-processing --resume" in result.output
    assert result.output.rstrip().endswith(" --workers 1 --clock virtual --json")
    resumed = run(state, "--resume")
    assert resumed.exit_code == 0
    assert "file-processing done: run-0001" in resumed.output


def test_a_finished_run_that_is_resumed_ends_at_once(state: Path, orders: Path) -> None:
    """With worker processes too: nothing is left to wait for, nothing is done again."""
    command = [
        sys.executable,
        "-m",
        "penstock.cli.main",
        "run",
        "file-processing",
        "--json",
        "--workers",
        "1",
    ]
    folders = ["--state", str(state), "--output", str(state.parent / "results")]
    first, second = (
        json.loads(subprocess.check_output([*command, *folders, *more], cwd=PROJECT, timeout=60))
        for more in (["--input", str(orders), "--option", "sum=amount"], ["--resume"])
    )
    assert second["resumptions"] == 1
    for fact in ("succeeded", "chunks", "invocations", "dead_letters", "results"):
        assert second[fact] == first[fact]


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "| cat"])
def test_output_that_goes_nowhere_fails_nothing(state: Path, tmp_path: Path, redirected: str) -> None:
    """Closed output, and a terminal that cannot show what a row has."""
    path = tmp_path / "rows.csv"
    path.write_text("k,v\nnaïve,x\nb,2\n", encoding="utf-8")
    folders = f"--state {state} --output {tmp_path / 'results'} --clock virtual --option sum=v"
    command = (
        f"{sys.executable} -m penstock.cli.main run file-processing --input {path} {folders} {redirected}"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, "Traceback" in done.stderr + done.stdout) == (0, False), done.stderr


@pytest.mark.parametrize("given", [("--input", "a.csv"), ("--option", "a=b")], ids=["file", "option"])
def test_what_a_pipeline_has_no_place_for_is_refused(
    given: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not passed over in silence; the remedy says how it would be declared."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    (tmp_path / "pipelines" / "quiet.py").write_text(
        'from penstock.pipelines import Pipeline, Queue\n\nquiet = Pipeline("quiet", parts=(Queue("q"),))\n'
    )
    (tmp_path / "a.csv").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    result = penstock("run", "quiet", *given)
    assert result.exit_code == 2, result.output
    assert "takes no file and no options" in result.output
    assert "entry=Entry(bucket)" in result.output
