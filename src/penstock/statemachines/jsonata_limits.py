"""What a JSONata expression may cost: steps, depth, the size of texts and arrays, the shape of patterns.

1. Every limit is a count, never a time: the same expression over the same data always ends the same way.
2. A limit is checked before memory is taken without bounds, so that no expression takes the process down.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock.statemachines.jsonata_package import JException, Utils

MAXIMUM_STEPS = 400_000
"""Evaluations of parts of one expression."""

MAXIMUM_DEPTH = 500
"""Evaluations within evaluations, as JSONata's own tests allow."""

_PYTHON_FRAMES = 12_000

MAXIMUM_TEXT = 8_000_000
"""Characters of one text, and values in one result."""

MAXIMUM_SEARCHED_TEXT = 100_000
"""Characters of a text that a pattern with repetition within it is searched in."""

Callback = Callable[..., None]


def too_much(what: str) -> JException:
    """The error of an expression that was stopped; JSONata's code for one that runs too long."""
    error = JException("D1012", -1)
    error.args = (f"Expression evaluation stopped: {what}",)
    return error


class Budget:
    """Counts the steps of one evaluation.

    Raises (from its callbacks):
        JException: `D1011` (depth), `D1012` (steps).
    """

    __slots__ = ("depth", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0

    def enter(self, _part: object, _input: object, _frame: object) -> None:
        self.steps += 1
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise JException("D1011", -1)
        if self.steps > MAXIMUM_STEPS:
            raise too_much(f"it takes more than {MAXIMUM_STEPS} steps")

    def leave(self, _part: object, _input: object, _frame: object, result: object) -> None:
        """What one step makes is at most twice what it was given: looking at it afterwards is soon enough."""
        self.depth -= 1
        if isinstance(result, str):
            check_text(len(result))
        elif isinstance(result, list):
            if not isinstance(result, Utils.RangeList):
                check_array(len(result))
        elif isinstance(result, int) and result.bit_length() > 1_024:
            raise JException("D1001", -1, "a number beyond 64-bit floating point")


@contextmanager
def deep_stack() -> Iterator[None]:
    """Room on Python's stack for the depth that is allowed; one evaluation takes a dozen of its frames."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _PYTHON_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def check_text(length: int) -> None:
    """Refuse a text of that many characters before it is made."""
    if length > MAXIMUM_TEXT:
        raise too_much(f"a text would have more than {MAXIMUM_TEXT} characters")


def check_array(length: int) -> None:
    """Refuse an array of that many values before it is made."""
    if length > MAXIMUM_TEXT // 8:
        raise too_much(f"an array would have more than {MAXIMUM_TEXT // 8} values")


# A group that is repeated and has a repetition or a choice in it can take exponential time on a text that it does
# not match: `(a+)+`, `(a|aa)*`.
_NESTED_REPETITION = re.compile(
    r"\((?:[^()\\]|\\.)*(?:[*+|]|\{\d+,\d*\})(?:[^()\\]|\\.)*\)\s*(?:[*+]|\{\d+,\d*\})"
)


class Pattern:
    """A compiled regular expression that is searched in texts of a bounded length only if it may explode.

    It has the methods of `re.Pattern` that the JSONata library calls.
    """

    def __init__(self, pattern: str, flags: int) -> None:
        self._compiled = re.compile(pattern, flags)
        self._explodes = _NESTED_REPETITION.search(pattern) is not None
        self.pattern = pattern

    def _check(self, text: str) -> None:
        if self._explodes:
            raise too_much(f"the pattern /{self.pattern}/ repeats a repetition, which can take forever")
        if len(text) > MAXIMUM_SEARCHED_TEXT:
            raise too_much(f"a pattern is searched in a text of more than {MAXIMUM_SEARCHED_TEXT} characters")

    def search(self, string: str) -> re.Match[str] | None:
        self._check(string)
        return self._compiled.search(string)

    def finditer(self, string: str) -> object:
        self._check(string)
        return self._compiled.finditer(string)

    def sub(self, repl: str | Callable[[re.Match[str]], str], string: str, count: int = 0) -> str:
        self._check(string)
        return self._compiled.sub(repl, string, count=count)

    def split(self, string: str, maxsplit: int = 0) -> list[str]:
        self._check(string)
        return list(self._compiled.split(string, maxsplit=maxsplit))
