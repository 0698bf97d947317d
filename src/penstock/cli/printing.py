"""Text for a terminal."""

from __future__ import annotations

from pathlib import Path


def printable(text: str) -> str:
    """What a terminal can show: a control character as its escape."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def from_here(path: Path) -> Path:
    """A path as it is written from the present folder, if it lies there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
