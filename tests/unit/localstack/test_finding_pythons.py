"""A Python for LocalStack is asked, not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import LocalStackError
from penstock.localstack.pythons import find_python


def interpreter(path: Path, answer: str, *, code: int = 0) -> Path:
    """A file that answers as an interpreter would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def environ(tmp_path: Path, *path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": ":".join(map(str, path))}


def test_a_shim_that_fails_is_passed_over(tmp_path: Path) -> None:
    """pyenv's shim for a version that is not active prints nothing and fails; pyenv's own folder has the version."""
    interpreter(tmp_path / "shims" / "python9.7", "", code=127)
    real = interpreter(tmp_path / "home/.pyenv/versions/9.7.2/bin/python3", "9.7.2")
    found = find_python(series=("9.7",), environ=environ(tmp_path, tmp_path / "shims"))
    assert (found.path, found.version, found.series) == (real, "9.7.2", "9.7")


def test_the_best_version_wins_wherever_it_is(tmp_path: Path) -> None:
    """9.7 is wanted before 9.6: it is taken from uv's folder though 9.6 is on the PATH."""
    interpreter(tmp_path / "bin" / "python9.6", "9.6.1")
    best = interpreter(tmp_path / "home/.local/share/uv/python/cpython-9.7.0-any/bin/python9.7", "9.7.0")
    assert find_python(series=("9.7", "9.6"), environ=environ(tmp_path, tmp_path / "bin")).path == best


def test_python3_may_be_the_one(tmp_path: Path) -> None:
    """A distribution's python3 is of some version; it is asked."""
    one = interpreter(tmp_path / "bin" / "python3", "9.6.1")
    assert find_python(series=("9.7", "9.6"), environ=environ(tmp_path, tmp_path / "bin")).path == one


def test_newer_patches_come_first(tmp_path: Path) -> None:
    """9.7.10 is newer than 9.7.9."""
    for patch in (9, 10):
        interpreter(tmp_path / f"home/.pyenv/versions/9.7.{patch}/bin/python3", f"9.7.{patch}")
    assert find_python(series=("9.7",), environ=environ(tmp_path)).version == "9.7.10"


def test_without_one_the_error_says_what_was_found(tmp_path: Path) -> None:
    """A Python that cannot make environments, one that is too old: each is named, and so is the remedy."""
    interpreter(tmp_path / "bin" / "python9.7", "9.7.1", code=1)
    interpreter(tmp_path / "bin" / "python3", "9.1.0")
    with pytest.raises(LocalStackError) as caught:
        find_python(series=("9.7",), environ=environ(tmp_path, tmp_path / "bin"))
    assert "no Python 9.7 here" in str(caught.value)
    assert "python9.7 (9.7.1 without venv)" in str(caught.value)
    assert "python3 (is 9.1.0)" in str(caught.value)
    assert "pyenv install 9.7" in str(caught.value)


def test_the_users_choice_is_taken_or_refused(tmp_path: Path) -> None:
    """Nothing else is tried."""
    good = interpreter(tmp_path / "good", "9.6.0")
    interpreter(tmp_path / "bin" / "python9.7", "9.7.1")
    path = environ(tmp_path, tmp_path / "bin")
    assert find_python(good, series=("9.7", "9.6"), environ=path).path == good
    with pytest.raises(LocalStackError, match="No such file"):
        find_python(tmp_path / "none", series=("9.7",), environ=path)
