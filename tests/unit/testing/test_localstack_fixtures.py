"""The fixtures `localstack` and `deployed` where there is no LocalStack: skipped with the reason, or failed in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.testing.localstack import eventually

NOBODY = "http://127.0.0.1:9"

TESTS = """
def test_one(localstack): raise AssertionError("there is none")
def test_two(deployed): raise AssertionError("there is none")
"""


def run(folder: Path, **environ: str) -> str:
    """What pytest says of two tests that need LocalStack."""
    (folder / "test_them.py").write_text(TESTS)
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "AWS_ENDPOINT_URL")}
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=folder, env=kept | environ, capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


def test_it_is_said_why_there_is_none(tmp_path: Path) -> None:
    """The reason that the variable gives is the reason of the skip, in CI too."""
    shown = run(tmp_path, PENSTOCK_WITHOUT_LOCALSTACK="this machine has no room", CI="true")
    assert "2 skipped" in shown
    assert "this machine has no room" in shown


def test_on_a_laptop_a_missing_endpoint_skips(tmp_path: Path) -> None:
    """Nobody answers where AWS_ENDPOINT_URL says: skipped, with the address and the remedy."""
    shown = run(tmp_path, AWS_ENDPOINT_URL=NOBODY)
    assert "2 skipped" in shown
    assert f"AWS_ENDPOINT_URL is {NOBODY}, and no endpoint answers there" in shown


def test_in_ci_a_missing_endpoint_fails(tmp_path: Path) -> None:
    """There the tests are not passed over; what would skip them is named."""
    shown = run(tmp_path, AWS_ENDPOINT_URL=NOBODY, CI="true")
    assert "2 errors" in shown
    assert "no endpoint answers there" in shown
    assert "PENSTOCK_WITHOUT_LOCALSTACK=WHY" in shown


def test_waiting_gives_what_has_come() -> None:
    """The first true answer; without one in time, an error that says what was waited for."""
    answers: Iterator[object] = iter([None, [], "here"])
    assert eventually(lambda: next(answers)) == "here"
    with pytest.raises(AssertionError, match="the letter did not come in 0 s; seen last: None"):
        eventually(lambda: None, seconds=0, of="the letter")
