"""`penstock run` of a pipeline that reads a stream from a moment on that has not come."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli.main import main

PIPELINE = """
from penstock.pipelines import Function, Pipe, Pipeline, Queue, Stream, StreamMapping

LATE = {{"starting_position": "AT_TIMESTAMP", "starting_timestamp": {moment}}}
mapped = Pipeline("mapped", parts=(StreamMapping(Stream("clicks"), Function("look", "json.dumps"), **LATE),))
piped = Pipeline("piped", parts=(Pipe("piped", Stream("clicks"), to=Queue("there"), batch_size=10, **LATE),))
"""


@pytest.mark.parametrize("name", ["mapped", "piped"])
def test_a_moment_in_the_future_leaves_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping and a pipe; the error says what time it is for the run. A moment that has come is none."""
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state"
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    path = tmp_path / "pipelines" / f"{name}_late.py"
    path.write_text(PIPELINE.format(moment=1_767_225_700.0))
    arguments = ["run", name, "--clock", "virtual", "--state", str(state)]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1, refused.output
    assert 'the stream "clicks" is to be read from 2026-01-01T00:01:40Z on' in refused.output
    assert not state.exists()
    path.unlink()
    (tmp_path / "pipelines" / f"{name}_due.py").write_text(PIPELINE.format(moment=1_767_225_600.0))
    assert CliRunner().invoke(main, arguments).exit_code == 0
