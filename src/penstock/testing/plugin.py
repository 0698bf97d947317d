"""The pytest plugin that is installed with penstock: the fixture `embedded`.

    def test_a_file_goes_through(embedded: StartPipeline) -> None:
        with embedded(pipeline) as run:
            run.upload_to_entry(path)
            run.run_until_idle()

Nothing of the runtime is imported before a test asks for the fixture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from penstock.pipelines import Pipeline
    from penstock.runtime.embedded import Embedded


class StartPipeline(Protocol):
    """Makes a run of a pipeline on the embedded target; use it as a context manager."""

    def __call__(self, pipeline: Pipeline, *, seed: int = 0) -> Embedded: ...


@pytest.fixture
def embedded(tmp_path: Path) -> StartPipeline:
    """Runs of pipelines with a virtual clock, in this process: the same every time, and no waiting."""
    from penstock.runtime.clock import VirtualClock
    from penstock.runtime.embedded import Embedded
    from penstock.runtime.state_folder import new_run

    def start(pipeline: Pipeline, *, seed: int = 0) -> Embedded:
        folder = new_run(pipeline.name, base=tmp_path / ".penstock")
        return Embedded(pipeline, folder, clock=VirtualClock(), seed=seed)

    return start
