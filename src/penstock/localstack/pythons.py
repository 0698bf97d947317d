"""A Python for LocalStack: 3.13 or 3.12, wherever this machine has one.

A name on the PATH is no Python yet: pyenv's shims fail for versions that are not active, and a distribution's may
come without `venv`. So each candidate is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import LocalStackError

PREFERRED: Final = ("3.13", "3.12")
"""The versions that LocalStack 4.14.0's pins have wheels for; the first is what the plan's functions run on."""

_ASK: Final = "import sys; print('%d.%d.%d' % sys.version_info[:3]); import ensurepip, venv"
_ASKING_SECONDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter that can make virtual environments.

    Attributes:
        version: `3.13.0`.
    """

    path: Path
    version: str

    @property
    def series(self) -> str:
        """`3.13`."""
        return ".".join(self.version.split(".")[:2])


def find_python(
    wanted: Path | None = None,
    *,
    series: Iterable[str] = PREFERRED,
    environ: Mapping[str, str] = os.environ,
) -> Python:
    """The first Python of a version that is wanted, best version first.

    Args:
        wanted: the user's choice; nothing else is tried.

    Raises:
        LocalStackError: there is none; names what was found instead.
    """
    accepted = tuple(series)
    refused: list[str] = []
    for version in accepted:
        for path in [wanted] if wanted is not None else candidates(version, environ):
            found = _ask(path)
            if isinstance(found, str):
                refused.append(f"{path} ({found})")
            elif found.series in accepted and (wanted is not None or found.series == version):
                return found
            else:
                refused.append(f"{path} (is {found.version})")
    named = " or ".join(accepted)
    tried = f"; found {', '.join(dict.fromkeys(refused))}" if refused else ""
    raise LocalStackError(
        f"there is no Python {named} here{tried}",
        fix=f"install one (pyenv install {accepted[0]}, uv python install {accepted[0]}, or your system's package"
        " manager), or name one with --python",
    )


def candidates(series: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Files that may be a Python of the series: this one, on the PATH, pyenv's, uv's."""
    home = Path(environ.get("HOME", "/"))
    if sys.version_info[:2] == tuple(int(part) for part in series.split(".")):
        yield Path(getattr(sys, "_base_executable", sys.executable))
    folders = [Path(one) for one in environ.get("PATH", os.defpath).split(os.pathsep) if one]
    seen: set[Path] = set()
    for folder in [*folders, Path("/opt/homebrew/bin"), Path("/usr/local/bin")]:
        for name in (f"python{series}", "python3"):
            path = folder / name
            if path not in seen and os.access(path, os.X_OK):
                seen.add(path)
                yield path
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    yield from _newest_first((pyenv / "versions").glob(f"{series}.*/bin/python3"))
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    yield from _newest_first(uv.glob(f"cpython-{series}.*/bin/python{series}"))


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    """By the number after the last full stop of the version's folder."""
    return sorted(paths, key=lambda path: [int(part) for part in _digits(path.parts[-3])], reverse=True)


def _digits(text: str) -> list[str]:
    return "".join(one if one.isdigit() else " " for one in text).split()


def _ask(path: Path) -> Python | str:
    """The Python at a path, or why it cannot be used."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _ASK], capture_output=True, text=True, timeout=_ASKING_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return getattr(error, "strerror", None) or "does not answer"
    version = done.stdout.strip()
    if not version:
        return "does not run"
    return Python(path=path, version=version) if done.returncode == 0 else f"{version} without venv"
