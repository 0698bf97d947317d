"""The zip file: sorted names, fixed dates and modes, Lambda's limits (Lambda, "Lambda quotas").

Nothing here resolves dependencies or uploads.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import penstock
from penstock.errors import TargetError

MOST_UNZIPPED_BYTES: Final = 250 * 1024 * 1024
"""Lambda's limit for the code and its layers together, unzipped."""

_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_SHOWN = 5


def toolkit_files() -> dict[str, bytes]:
    """What a handler needs of penstock: `handlers` and `errors`, and nothing of the other rooms."""
    root = Path(penstock.__file__).parent
    paths = [root / "__init__.py", root / "errors.py", *(root / "handlers").rglob("*.py")]
    return {f"penstock/{path.relative_to(root).as_posix()}": path.read_bytes() for path in sorted(paths)}


def archive(
    files: Mapping[str, bytes], *, of: str = "the code", most_bytes: int = MOST_UNZIPPED_BYTES
) -> bytes:
    """The files as a zip; equal files give equal bytes, in whatever order they come.

    Args:
        files: contents by their names in the archive, with `/`.
        of: what it is, as the error calls it.

    Raises:
        TargetError: unzipped it is over `most_bytes`; the text names the biggest parts.
    """
    size = sum(len(content) for content in files.values())
    if size > most_bytes:
        raise TargetError(
            f"{of} is {size:,} bytes unzipped, Lambda takes {most_bytes:,}",
            at=", ".join(f"{name} {part:,}" for name, part in biggest_parts(files)[:_SHOWN]),
            fix="leave out what the handler does not need, or make a container image",
        )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # Unix, wherever it is made: the mode is read by that
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, files[name], compresslevel=9)
    return target.getvalue()


def biggest_parts(files: Mapping[str, bytes]) -> list[tuple[str, int]]:
    """Bytes by top-level folder or file, the biggest first."""
    sizes: dict[str, int] = {}
    for name, content in files.items():
        part = name.partition("/")[0]
        sizes[part] = sizes.get(part, 0) + len(content)
    return sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
