"""What every test is given: the reference project's modules, whatever project another test imported from.

Hypothesis plays the same examples in every run; `HYPOTHESIS_PROFILE=explore` plays others, and ten times as many.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import settings

from penstock.pipelines.imports import PROJECT_PACKAGES
from tests.ministack import deployed_to_ministack, ministack
from tests.parity import pytest_runtest_logreport, pytest_sessionfinish

__all__ = ["deployed_to_ministack", "ministack", "pytest_runtest_logreport", "pytest_sessionfinish"]

# Python's collector takes a second to look through all that tests import: as often as usual, a third of their time.
gc.set_threshold(100_000, 10, 10)

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def _projects_stay_apart() -> Iterator[None]:
    """A test may enter another project, as the command does; the next test finds its own modules again.

    Names in annotations are looked up in `sys.modules` when they are first needed, so a module that was imported
    at the top of a test file has to be there whenever one of its tests runs.
    """
    modules, path = _project_modules(), list(sys.path)
    yield
    for name in _project_modules():
        del sys.modules[name]
    sys.modules.update(modules)
    for name, module in modules.items():
        package, _, child = name.rpartition(".")
        if package in modules:
            setattr(modules[package], child, module)
    sys.path[:] = path


def _project_modules() -> dict[str, ModuleType]:
    return {
        name: module for name, module in sys.modules.items() if name.partition(".")[0] in PROJECT_PACKAGES
    }
