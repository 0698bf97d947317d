"""How LocalStack finds the plugin."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import MetadataPathFinder
from pathlib import Path

import penstock
from penstock.localstack.plugin_folder import ENTRY_POINTS, write_plugin_folder

ROOT = Path(__file__).resolve().parents[3]


def test_an_installed_penstock_has_the_same_entry_points() -> None:
    """pyproject.toml names for LocalStack what the folder names."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    named = {name: points for name, points in declared.items() if name.startswith("localstack.")}
    assert named == ENTRY_POINTS


def test_each_entry_point_leads_to_a_file_that_defines_it() -> None:
    """They cannot be imported here, where LocalStack is not."""
    for points in ENTRY_POINTS.values():
        for where in points.values():
            module, _, name = where.partition(":")
            source = (ROOT / "src" / f"{module.replace('.', '/')}.py").read_text()
            assert f"class {name}(" in source or f"def {name}(" in source


def test_the_folder_has_penstock_and_nothing_else(tmp_path: Path) -> None:
    """On a path it gives this package and its entry points; a second call changes nothing."""
    folder = write_plugin_folder(write_plugin_folder(tmp_path / "plugin"))
    assert (folder / "penstock").resolve() == Path(penstock.__file__).resolve().parent
    assert len(list(folder.iterdir())) == 2
    (found,) = MetadataPathFinder.find_distributions(
        MetadataPathFinder.Context(name="penstock_localstack", path=[str(folder)])
    )
    assert {point.group for point in found.entry_points} == set(ENTRY_POINTS)
    assert found.version == penstock.__version__


def test_an_older_link_is_replaced(tmp_path: Path) -> None:
    """It led to an installation that is gone."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "penstock").symlink_to(tmp_path / "gone")
    assert (write_plugin_folder(folder) / "penstock" / "__init__.py").is_file()


def test_the_pytest_plugin_costs_nothing_until_it_is_used() -> None:
    """Importing it, as every run of pytest does, imports no room, boto3 or moto."""
    asked = "import sys, penstock.testing.plugin; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    heavy = (
        "penstock.runtime",
        "penstock.localstack",
        "penstock.pipelines",
        "boto3",
        "botocore",
        "moto",
        "yaml",
    )
    assert not [name for name in shown.split() if name in heavy]
    assert "penstock.testing.plugin" in shown
