"""The command docker compose: the machine's own, or Debian's, fetched once below `.penstock`."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

VERSION: Final = "2.26.1-4"
ARCHIVE: Final = "http://deb.debian.org/debian/pool/main/d/docker-compose/docker-compose_{}_{}.deb"

SHA256: Final = {
    "amd64": "47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea",
    "arm64": "bbafaa666f3e7fa00ad36f2a8bab889f1c791ca8743d674e7267a3d07203869c",
}
"""By Debian's name of the architecture, from the archive's signed index."""

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def docker_compose(folder: Path) -> tuple[str, ...]:
    """The words that a command line begins with.

    Args:
        folder: Debian's is kept there.

    Skips the test where there is neither docker compose nor dpkg to unpack Debian's, and where the archive does not
    answer; fails it if the package is another one, and in CI if it is not there any more.
    """
    docker = shutil.which("docker")
    if docker is not None:
        asked = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
        if asked.returncode == 0:
            return docker, "compose"
    architecture = ARCHITECTURES.get(platform.machine(), "")
    if sys.platform != "linux" or shutil.which("dpkg-deb") is None or not architecture:
        pytest.skip("docker compose is not installed")
    kept = folder / VERSION
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            package, unpacked = Path(made) / "package.deb", Path(made) / VERSION
            package.write_bytes(_fetched(architecture))
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
            try:
                os.rename(unpacked, kept)
            except OSError:  # another test has fetched it meanwhile
                if not kept.is_dir():
                    raise
    return (str(kept / "usr/libexec/docker/cli-plugins/docker-compose"),)


def _fetched(architecture: str) -> bytes:
    url = ARCHIVE.format(VERSION, architecture)
    try:
        with urlopen(url, timeout=60) as answer:
            package: bytes = answer.read()
    except HTTPError as error:
        why = f"docker compose is not installed, and {url} answers {error.code}: install it, or name another version"
        if os.environ.get("CI") == "true" and error.code == HTTPStatus.NOT_FOUND:
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    except (URLError, TimeoutError, ConnectionError) as error:
        pytest.skip(f"docker compose is not installed, and {url} does not answer: {error}")
    assert hashlib.sha256(package).hexdigest() == SHA256[architecture], (
        f"{url} is not the package that was named"
    )
    return package
