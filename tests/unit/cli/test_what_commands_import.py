"""A command imports what it needs, and nothing of what other commands need: it starts at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
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
imported = []
for arguments in json.loads(sys.argv[2]):
    try:
        main(arguments)
    except SystemExit as ended:
        imported.append([arguments[0], ended.code, sorted(sys.modules)])
with open(sys.argv[1], "w") as file:
    json.dump(imported, file)
"""


def imported_by(
    commands: list[list[str]], folder: Path, heavy: Collection[str] = HEAVY
) -> dict[str, set[str]]:
    """Which of the heavy modules are imported when each of some commands ends, one after another in one process."""
    answer = folder / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(answer), json.dumps(commands)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ended = json.loads(answer.read_text())
    assert [(name, code) for name, code, _ in ended] == [(one[0], 0) for one in commands], done.stderr
    return {name: set(heavy).intersection(modules) for name, _, modules in ended}


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


def test_a_commands_module_imports_nothing_heavy() -> None:
    """Not even where the command goes on to need it: its mistakes are told of before."""
    modules = ("running", "dead_letters", "checking", "drawing", "listing", "policies", "planning")
    imports = "".join(f"import penstock.cli.{module}\n" for module in modules)
    script = f"import sys\n{imports}print([one for one in {HEAVY} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_commands_that_call_nobody_import_nothing_heavy(tmp_path: Path) -> None:
    """From their first line to their last."""
    commands = [
        ["check", "file-processing"],
        ["explain", "PL201"],
        ["graph", "statemachines/process_file.asl.yaml", "--output", str(tmp_path / "drawn.svg")],
        ["plan", "file-processing", "--output", str(tmp_path / "plan.yaml")],
        ["policy", "file-processing"],
        ["runs", "--state", str(tmp_path / "state")],
    ]
    assert imported_by(commands, tmp_path) == {one[0]: set() for one in commands}


def test_a_run_with_workers_imports_no_clients_itself(readings: Path, tmp_path: Path) -> None:
    """The functions' clients are made in the workers; the results are copied from the files."""
    options = ["--option", "group_by=kind", "--option", "sum=value", "--workers", "1", "--json"]
    places = ["--state", str(tmp_path / "state"), "--output", str(tmp_path / "results")]
    command = ["run", "file-processing", "--input", str(readings), *options, *places]
    heavy = (*HEAVY, "penstock.pipelines.plan")
    assert imported_by([command], tmp_path, heavy) == {"run": set()}
    assert list((tmp_path / "results").rglob("*.csv"))
