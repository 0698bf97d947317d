"""What every part of a declaration is: a value that knows the line where it was declared."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_HERE: Final = __file__.removesuffix("parts.py")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a source file, as an error shows it."""

    file: str
    line: int

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}"


def _declaring_line() -> Place:
    """The first frame that is neither of this package nor an `__init__` that dataclasses generate."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, "<string>")):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


@dataclass(frozen=True, slots=True)
class Part:
    """Anything that a pipeline is declared with."""

    declared_at: Place = field(init=False, compare=False, repr=False, default_factory=_declaring_line)


@dataclass(frozen=True, slots=True)
class Resource(Part):
    """A part with a name of its own, unique among its kind in one account and region."""

    name: str


@dataclass(frozen=True, slots=True)
class Named(Part):
    """A resource of the same pipeline, by its name: for a value that has to be written before the other.

    A function that starts the state machine that runs it, for example. Wherever one stands, the
    resource's own value may stand as well.
    """

    name: str
