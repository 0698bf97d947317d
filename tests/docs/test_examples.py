"""What the README and the pages show is run: every Python block of a page, one after another, in one module."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def module_name(request: pytest.FixtureRequest) -> Iterator[str]:
    name = "shown_" + re.sub(r"\W", "_", str(request.node.name))
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(
    page: Path, module_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks run as they stand, and so do the test functions that they define."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    source = tmp_path / f"{module_name}.py"
    source.write_text("\n\n".join(blocks), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location(module_name, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    for name, value in list(vars(module).items()):
        if name.startswith("test_") and callable(value):
            given = {"tmp_path": tmp_path} if "tmp_path" in inspect.signature(value).parameters else {}
            value(**given)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """A relative link leads to a file of the repository."""
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target
