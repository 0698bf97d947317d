"""Text for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """What a terminal can show: a control character as its escape."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
