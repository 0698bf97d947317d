"""The zip file of a function's code."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from penstock.errors import TargetError
from penstock.pipelines.packaging import archive, toolkit_files


def test_same_files_same_bytes() -> None:
    """The order in which files come does not show."""
    files = toolkit_files()

    assert archive(files) == archive(dict(reversed(files.items())))


def test_toolkit_is_small() -> None:
    """The toolkit's part stays under 1 MB, unzipped."""
    assert sum(map(len, toolkit_files().values())) < 1_000_000


def test_toolkit_is_whole(tmp_path: Path) -> None:
    """The packed files import without the other rooms."""
    zipfile.ZipFile(io.BytesIO(archive(toolkit_files()))).extractall(tmp_path)
    path = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    program = f"{path}; import penstock.handlers as one; print(one.__file__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith(str(tmp_path))


def test_too_large_names_the_biggest() -> None:
    """Over the limit: the biggest part comes first."""
    with pytest.raises(TargetError) as raised:
        archive({"small/a": b"1", "large/a": b"22", "large/b": b"333"}, most_bytes=5)

    assert raised.value.at == "large 5, small 1"
