"""Dependencies for Lambda's platform: wheels, fetched by uv or pip, never built here.

Lambda's runtimes run on Amazon Linux 2023 (glibc 2.34) from Python 3.12 on, on Amazon Linux 2 (glibc 2.26) before
(Lambda, "Lambda runtimes"; PEP 600 for the names of platforms).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias, cast

from penstock.errors import TargetError, UsageError
from penstock.pipelines.packaging.requirements import ON_LAMBDA, name_in, normal

Architecture: TypeAlias = Literal["arm64", "x86_64"]

_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_SECONDS: Final = 900
_NOT_PACKED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
"""Of a `.dist-info`: what says how it was installed, not what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelRequest:
    """What is fetched; equal requests have equal results.

    Args:
        requirements: as pip takes them.
        pins: `name==version`, for what these need as well.
        runtime: Lambda's name of it, `python3.13`.
    """

    requirements: tuple[str, ...]
    pins: tuple[str, ...]
    runtime: str
    architecture: Architecture

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


class Fetch(Protocol):
    """Installs what is requested into an empty folder: `by_tool`, and the tests' own."""

    def __call__(self, request: WheelRequest, folder: Path) -> None: ...


def python_minor(runtime: str) -> int:
    """The 13 of `python3.13`.

    Raises:
        UsageError: it is no Python runtime of Lambda's.
    """
    found = re.fullmatch(r"python3\.([0-9]{1,2})", runtime)
    if found is None or int(found[1]) < 11:
        raise UsageError(
            f'"{runtime}" is no runtime for these handlers', fix="python3.11 or newer, as python3.13"
        )
    return int(found[1])


def checked_architecture(name: str) -> Architecture:
    """The name of a processor that Lambda has.

    Raises:
        UsageError: it is none.
    """
    if name in _MACHINES:
        return cast("Architecture", name)
    raise UsageError(f'"{name}" is no architecture of Lambda\'s', fix="arm64 or x86_64")


def by_tool(request: WheelRequest, folder: Path) -> None:
    """Fetch with `uv pip install --target`, or with `pip install --target` where there is no uv.

    Raises:
        TargetError: there is neither; or the index has no wheel for the platform, or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="penstock-") as scratch:
        wanted, pins = Path(scratch) / "requirements.txt", Path(scratch) / "constraints.txt"
        wanted.write_text("\n".join(request.requirements) + "\n", encoding="utf-8")
        pins.write_text("\n".join(request.pins) + "\n", encoding="utf-8")
        command = [*command_of(request, folder), "-r", str(wanted), "-c", str(pins)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(
                f"the dependencies could not be fetched: {type(error).__name__}",
                at=", ".join(request.requirements),
                fix=f"see whether `{command[0]}` runs, and whether the package index answers",
            ) from error
    if done.returncode != 0:
        raise TargetError(
            f"no wheels for {request.runtime} on {request.architecture}: {_reason(done.stderr)}",
            at=", ".join(request.requirements),
            fix="choose versions that have manylinux wheels, or another --architecture or --runtime; they have to "
            "agree with those that are installed here",
        )


def command_of(request: WheelRequest, folder: Path) -> list[str]:
    """The command that fetches, without its files of requirements.

    Raises:
        TargetError: neither uv nor pip is here.
    """
    minor, machine = python_minor(request.runtime), _MACHINES[request.architecture]
    glibc = 34 if minor >= 12 else 26
    common = [
        "install",
        "--quiet",
        "--target",
        str(folder),
        "--python-version",
        f"3.{minor}",
        "--only-binary",
        ":all:",
    ]
    uv = shutil.which("uv")
    if uv is not None:
        platform = f"{machine}-manylinux_2_34" if glibc >= 34 else f"{machine}-manylinux_2_17"
        return [uv, "pip", *common, "--python-platform", platform]
    if importlib.util.find_spec("pip") is None:
        raise TargetError(
            "neither uv nor pip is here, and one of them fetches the dependencies",
            fix=f"install uv, or run {sys.executable} -m ensurepip",
        )
    platforms = [f"manylinux_2_{number}_{machine}" for number in range(glibc, 4, -1)]
    named = [f"manylinux2014_{machine}", *(["manylinux1_x86_64"] if machine == "x86_64" else [])]
    options = [word for platform in [*platforms, *named] for word in ("--platform", platform)]
    return [sys.executable, "-m", "pip", *common, "--no-compile", "--implementation", "cp", *options]


def _reason(text: str) -> str:
    """The line of the tool's own words that says most, without a password of an index in it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if re.match(r"(?i)(error:(?! ResolutionImpossible)|[×╰])", line)]
    shown = (said or lines or ["the tool said nothing"])[-1]
    return re.sub(r"//[^/@\s]+@", "//", re.sub(r"(?i)^(error:\s*|[×╰─▶]+\s*)+", "", shown))


def fetched(request: WheelRequest, *, fetch: Fetch, cache: Path) -> dict[str, bytes]:
    """The files of the requested wheels by their names in the archive; fetched once, then kept in `cache`.

    Raises:
        TargetError: as `fetch` does; or the cache cannot be written.
    """
    if not request.requirements:
        return {}
    kept = cache / request.digest
    if not kept.is_dir():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix="fetching-", dir=cache))
        except OSError as error:
            raise TargetError(
                f"the dependencies cannot be kept: {error.strerror or error}",
                at=str(cache),
                fix="make it writable",
            ) from error
        try:
            fetch(request, fresh)
            with suppress(OSError):  # another process may have been faster
                os.replace(fresh, kept)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return {
        path.relative_to(kept).as_posix(): path.read_bytes()
        for path in sorted(kept.rglob("*"))
        if path.is_file() and _is_packed(path.relative_to(kept).parts, request)
    }


def _is_packed(parts: tuple[str, ...], request: WheelRequest) -> bool:
    top, last = parts[0], parts[-1]
    if top == "bin" or top[0] == "." or "__pycache__" in parts or last.endswith((".pyc", ".pyi")):
        return False  # tools, uv's own lock, caches, types
    owner = normal(top.partition("-")[0] if top.endswith(".dist-info") else top)
    if owner in ON_LAMBDA and not ON_LAMBDA.intersection(map(name_in, request.requirements)):
        return False
    return not (top.endswith(".dist-info") and last in _NOT_PACKED)
