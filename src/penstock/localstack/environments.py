"""The virtual environments: LocalStack's own, and one for each version of Python that functions run on.

Everything that is installed is pinned by `constraints-4.14.0.txt`. An environment is finished when it has its
stamp; one without it (the installation was interrupted), or with another (the pins or the Python have changed), is
made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from penstock.errors import LocalStackError
from penstock.localstack import processes
from penstock.localstack.pythons import Python

VERSION: Final = "4.14.0"
LOCK: Final = Path(__file__).with_name(f"constraints-{VERSION}.txt")

LOCALSTACK: Final = (f"localstack-core[runtime]=={VERSION}", "jsonata-python", "msgspec")
"""LocalStack, and what the plugin needs of ours (`regex` comes with LocalStack).

Never the package `localstack`: it brings the closed edition.
"""

FUNCTIONS: Final = ("awslambdaric", "boto3")
"""What Lambda's managed runtime for Python has: its runtime interface client, and boto3."""

KINESIS: Final = "kinesis-local"
KINESIS_VERSION: Final = "0.5.2"
"""The npm package that answers for Kinesis, in the version that LocalStack installs."""

INSTALL_SECONDS: Final = 900
_STAMP: Final = "penstock.stamp"
_SHOWN_LINES: Final = 12


def functions_environment(folder: Path, series: str) -> Path:
    """The environment among others in a folder for functions that run on a version of Python: `python3.13`."""
    return folder / f"python{series}"


def downloads(folder: Path) -> Path:
    """What LocalStack would download itself, among the environments in a folder."""
    return folder / "downloads"


def environment_python(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def is_ready(folder: Path, requirements: Sequence[str], python: Python, *, lock: Path = LOCK) -> bool:
    """Whether the environment is finished, with these requirements and this Python, which is still there."""
    try:
        made = (folder / _STAMP).read_text() == _stamp(requirements, python, lock)
    except OSError:
        return False
    return made and environment_python(folder).exists()


def make_environment(folder: Path, requirements: Sequence[str], python: Python, *, lock: Path = LOCK) -> bool:
    """Make an environment; returns whether it had to be made.

    Args:
        requirements: versions are those of the lock file.
        lock: pip's constraints; everything that is installed has its version there.

    Raises:
        LocalStackError: something cannot be installed, or written.
    """
    with _locked(folder):
        return _make(folder, requirements, python, lock)


def install_kinesis(downloads: Path) -> bool:
    """Put LocalStack's Kinesis server where LocalStack looks for it; returns whether it is there.

    LocalStack would do it itself when Kinesis is first used; but two of them that share the folder would be in each
    other's way. Without npm, or if it fails, it is left to LocalStack, which says why it cannot.
    """
    place = _kinesis(downloads)
    marker = place / "node_modules" / KINESIS / "main.js"
    npm = shutil.which("npm")
    if marker.exists() or npm is None:
        return marker.exists()
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place):
        if not marker.exists():
            partial = kinesis_being_made(downloads)
            processes.end(None, lambda: processes.marked(partial, processes.INSTALLING), grace_seconds=0)
            shutil.rmtree(partial, ignore_errors=True)
            command: list[str | Path] = [
                npm,
                "install",
                "--silent",
                "--prefix",
                partial,
                f"{KINESIS}@{KINESIS_VERSION}",
            ]
            try:
                _run(command, partial)
            except LocalStackError:
                return False
            shutil.rmtree(place, ignore_errors=True)
            partial.rename(place)
    return True


def kinesis_being_made(downloads: Path) -> Path:
    """Where the server of Kinesis is installed before it is put in its place."""
    return _kinesis(downloads).with_name(f"{KINESIS_VERSION}.partial")


def _kinesis(downloads: Path) -> Path:
    return downloads / KINESIS / KINESIS_VERSION


def _make(folder: Path, requirements: Sequence[str], python: Python, lock: Path) -> bool:
    if is_ready(folder, requirements, python, lock=lock):
        return False
    # Nobody else installs it now: what still does was started by a command that has been killed.
    processes.end(None, lambda: processes.marked(folder, processes.INSTALLING), grace_seconds=0)
    shutil.rmtree(folder, ignore_errors=True)
    _run([python.path, "-I", "-m", "venv", folder], folder)
    _install(folder, ["--constraint", lock, *requirements])
    (folder / _STAMP).write_text(_stamp(requirements, python, lock))
    return True


def _install(folder: Path, wanted: Sequence[str | Path]) -> None:
    """By uv where there is one, in a third of pip's time. Indexes that only pip's settings know are left to pip."""
    python, uv = environment_python(folder), shutil.which("uv")
    if uv is not None:
        with suppress(LocalStackError):  # pip says what is wrong
            _run([uv, "pip", "install", "--quiet", "--python", python, *wanted], folder)
            return
    pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # Half of the time would go into compiling modules of which few are ever imported.
    _run([*pip, "install", "--no-compile", "--no-input", *wanted], folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time makes an environment; the others find it made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise LocalStackError(
            f"the environment cannot be made: {error.strerror or error}",
            at=str(folder),
            fix="name another state folder with --state",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _stamp(requirements: Sequence[str], python: Python, lock: Path) -> str:
    pins = hashlib.sha256(lock.read_bytes()).hexdigest()
    return f"Python {python.version}\n{' '.join(requirements)}\nlock {pins}\n"


def _run(command: Sequence[str | Path], folder: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ[processes.INSTALLING] = str(folder)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=environ, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LocalStackError(
            f"the environment cannot be made: {error}",
            at=str(folder),
            fix="see what the system says, and try again",
        ) from error
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-_SHOWN_LINES:])
        raise LocalStackError(
            f"the environment cannot be made:\n{said}",
            at=str(folder),
            fix="it needs about 600 MB of disk and a package index that pip can reach; then run the command again",
        )
