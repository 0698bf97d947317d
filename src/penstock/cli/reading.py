"""Reading the files that a command was named."""

from __future__ import annotations

from pathlib import Path

from penstock.errors import UsageError


def text_of(path: Path, called: str) -> str:
    """The text of a file.

    Args:
        called: what the file should hold, as an error tells it: "the definition".

    Raises:
        UsageError: it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{called} cannot be read: {error.strerror or error}", at=str(path), fix="name another file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{called} is no UTF-8 text: {error}",
            at=str(path),
            fix="write the file in UTF-8, or name another",
        ) from error
