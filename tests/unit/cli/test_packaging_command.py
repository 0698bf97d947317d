"""`penstock package`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli.main import main
from penstock.cli.packaging import written_packages
from penstock.errors import UsageError
from penstock.pipelines.packaging import Package

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that are made of nothing; the parts beneath have tests of their own."""
    made = Package(
        content=b"zip", digest="ab" * 32, unzipped_bytes=3_000_000, parts=(("handlers", 3_000_000),)
    )

    def packages(pipeline: object, *, functions: tuple[object, ...], **_: object) -> dict[str, Package]:
        return {function.name: made for function in functions}  # type: ignore[attr-defined]

    monkeypatch.setattr("penstock.cli.packaging.packages", packages)
    monkeypatch.chdir(PROJECT)


def test_a_line_for_each_function(tmp_path: Path) -> None:
    """Where its zip is, its size, and what is biggest in it; functions that need the same share a file."""
    done = CliRunner().invoke(main, ["package", "file-processing", "--output", str(tmp_path)])

    assert done.exit_code == 0, done.output
    (path,) = tmp_path.iterdir()
    assert path.name == "file-processing-abababababababab.zip"
    assert f"start-job  {path}  0 KB, unzipped 3.0 MB (handlers 3.0 MB)" in done.output
    assert len(done.output.splitlines()) == 5


def test_only_one_function(tmp_path: Path) -> None:
    """`--function` chooses."""
    done = CliRunner().invoke(
        main, ["package", "file-processing", "--function", "plan-file", "--output", str(tmp_path)]
    )
    assert [line.split()[0] for line in done.output.splitlines()] == ["plan-file"]


def test_a_function_that_is_none(tmp_path: Path) -> None:
    """The nearest name is offered."""
    done = CliRunner().invoke(
        main, ["package", "file-processing", "--function", "plan", "--output", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert 'did you mean "plan-file"?' in done.output


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """It says so."""
    (tmp_path / "file").touch()
    lines = written_packages(
        "file-processing", functions=(), runtime="python3.13", architecture="arm64", output=tmp_path / "file"
    )
    with pytest.raises(UsageError, match="cannot be written"):
        list(lines)
