"""A command imports what it needs, and nothing of what other commands need: it starts at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]

HEAVY = (
    "boto3",
    "botocore",
    "moto",
    "rich",
    "cfnlint",
    "uvicorn",
    "pyarrow",
    "pydantic",
    "aws_lambda_powertools",
    "penstock.pipelines.deploy",
    "penstock.pipelines.packaging",
    "penstock.localstack.manager",
)

PROGRAM = """
import json, sys
from penstock.cli.main import main
try:
    main(sys.argv[2:])
except SystemExit as ended:
    with open(sys.argv[1], "w") as file:
        json.dump([ended.code, sorted(sys.modules)], file)
"""


def imported_by(arguments: list[str], folder: Path) -> set[str]:
    """Which of the heavy modules a command has imported when it ends; it must end well."""
    answer = folder / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(answer), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, modules = json.loads(answer.read_text())
    assert code == 0, done.stderr
    return set(HEAVY).intersection(modules)


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    path.write_text("kind,day,value\na,1,2\nb,2,3\n")
    return path


def test_every_heavy_module_is_one() -> None:
    """A name that nothing has is never imported, and says nothing."""
    script = f"import importlib.util; print([one for one in {HEAVY} if not importlib.util.find_spec(one)])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "module", ["running", "dead_letters", "checking", "drawing", "listing", "policies", "planning"]
)
def test_a_commands_module_imports_nothing_heavy(module: str) -> None:
    """Not even where the command goes on to need it: its mistakes are told of before."""
    script = f"import sys, penstock.cli.{module}; print([one for one in {HEAVY} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "file-processing"],
        ["explain", "PL201"],
        ["graph", "statemachines/process_file.asl.yaml", "--output", "{folder}/drawn.svg"],
        ["plan", "file-processing", "--output", "{folder}/plan.yaml"],
        ["policy", "file-processing"],
        ["runs", "--state", "{folder}/state"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_calls_nobody_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """From its first line to its last."""
    assert imported_by([one.format(folder=tmp_path) for one in arguments], tmp_path) == set()


def test_a_run_with_workers_imports_no_clients_itself(readings: Path, tmp_path: Path) -> None:
    """The functions' clients are made in the workers; the results are copied from the files."""
    options = ["--option", "group_by=kind", "--option", "sum=value", "--workers", "1", "--json"]
    places = ["--state", str(tmp_path / "state"), "--output", str(tmp_path / "results")]
    imported = imported_by(["run", "file-processing", "--input", str(readings), *options, *places], tmp_path)
    assert imported == {"botocore"}, "its hooks, through which handlers that are imported here are answered"
    assert list((tmp_path / "results").rglob("*.csv"))
