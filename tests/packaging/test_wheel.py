"""The wheel: what it installs, and that a project which it writes works in a clean environment."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built as `pip wheel` would."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_only_top_level_name_is_penstock(wheel: Path) -> None:
    """Three generic folder names would collide with every Lambda project's own."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"penstock"}
    assert "penstock/py.typed" in names


def test_the_lock_file_of_localstack_is_there(wheel: Path) -> None:
    """`penstock localstack up` installs by it."""
    with zipfile.ZipFile(wheel) as archive:
        lock = archive.read("penstock/localstack/constraints-4.14.0.txt").decode()
    assert "localstack-core==4.14.0\n" in lock


def test_the_toolkit_stays_small(wheel: Path) -> None:
    """What every function's zip carries is an eighth of a megabyte, packed; the wheel is ten times that."""
    with zipfile.ZipFile(wheel) as archive:
        carried = [
            one.compress_size
            for one in archive.infolist()
            if one.filename.startswith(("penstock/handlers/", "penstock/errors.py"))
        ]
    assert sum(carried) < 125_000
    assert wheel.stat().st_size < 1_250_000


@pytest.mark.slow
def test_a_new_project_passes_its_own_test(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the built wheel, in a clean environment: `penstock init mine`, then its `pytest`."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The dependencies are those that are installed here, but for this tree's own editable installation.
    installed = Path(sysconfig.get_path("purelib"))
    for entry in installed.iterdir():
        if "penstock" not in entry.name and not entry.name.endswith(".pth"):
            (site / entry.name).symlink_to(entry) if not (site / entry.name).exists() else None
    shown = subprocess.run(
        [python, "-c", "import penstock; print(penstock.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    ).stdout
    assert str(environment) in shown
    for command in (["init", "mine"], ["check"]):
        done = subprocess.run(
            [python, "-m", "penstock.cli.main", *command],
            cwd=tmp_path if command[0] == "init" else tmp_path / "mine",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tested = subprocess.run(
        [python, "-m", "pytest", "-q"], cwd=tmp_path / "mine", capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "1 passed" in tested.stdout
