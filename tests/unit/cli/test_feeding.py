"""`penstock run` of a pipeline that is fed by a file: a file of something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli.main import main


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("carrier,origin\nUA,EWR\n", "none of the input's 2 records can be read as Departure", ":1"),
        ('\n{"flight": "UA 1"}\n', "the input's only record cannot be read as Departure", ":2"),
        ("", "the input has no records", ""),
    ],
)
def test_a_file_of_something_else_is_an_error(tmp_path: Path, text: str, what: str, place: str) -> None:
    """It is named with the line and what is meant, and nothing of a run is left behind."""
    source, state = tmp_path / "in.txt", tmp_path / "state"
    source.write_text(text)
    done = CliRunner().invoke(
        main, ["run", "stream-analytics", "--input", str(source), "--state", str(state)]
    )
    assert done.exit_code == 2
    assert what in done.output
    assert f"at: {source}{place}\n" in done.output
    assert "fix: name a file of records of Departure: JSON objects with flight, origin," in done.output
    assert not state.exists()
