"""What a JSONata expression may cost: steps, depth, the size of texts and arrays, the time of its patterns.

1. Every limit but that of `patterns` is a count, never a time: the same expression over the same data always ends
   the same way.
2. A limit is checked before memory is taken without bounds, so that no expression takes the process down.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock.errors import PatternStoppedError
from penstock.statemachines.jsonata_messages import LimitError
from penstock.statemachines.jsonata_package import JException, Utils
from penstock.statemachines.patterns import Allowance, Pattern

if TYPE_CHECKING:
    from regex import Match

MAXIMUM_STEPS = 400_000
"""Evaluations of parts of one expression."""

MAXIMUM_DEPTH = 100
"""Evaluations within evaluations, as measured on AWS (JSONata's own tests allow 500)."""

_PYTHON_FRAMES = 12_000

MAXIMUM_BYTES = 6_990_256
"""What the values of an expression may take, as measured on AWS: a byte per character, eight per element."""

MAXIMUM_TEXT = MAXIMUM_BYTES
MAXIMUM_ARRAY = MAXIMUM_BYTES // 8

MAXIMUM_RANGE = 360_145
"""Numbers that `$range` makes, as measured on AWS."""

Callback = Callable[..., None]


def too_much() -> LimitError:
    """The error of an expression that runs too long."""
    return LimitError("D1012", "Expression evaluation timeout: Check for infinite loop")


def too_large() -> LimitError:
    """The error of an expression whose values take too much memory."""
    return LimitError(
        "D1012", "Expression evaluation memory limit exceeded: Check for excessive memory usage"
    )


def too_deep() -> LimitError:
    """The error of an expression that is nested, or calls itself, too often."""
    sentence = "Check for non-terminating recursive function. Consider rewriting as tail-recursive."
    return LimitError("D1011", f"Stack overflow error: {sentence}")


class Budget:
    """Counts the steps of one evaluation.

    Raises (from its callbacks):
        LimitError: `D1011` (depth), `D1012` (steps, memory).
    """

    __slots__ = ("depth", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.depth = 0

    def enter(self, _part: object, _input: object, _frame: object) -> None:
        self.steps += 1
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH:
            raise too_deep()
        if self.steps > MAXIMUM_STEPS:
            raise too_much()

    def leave(self, _part: object, _input: object, _frame: object, result: object) -> None:
        """What one step makes is at most twice what it was given: looking at it afterwards is soon enough."""
        self.depth -= 1
        if isinstance(result, str):
            check_text(len(result))
        elif isinstance(result, list):
            # The library's ranges say that they are longer than they are, by one.
            check_array(len(result) - isinstance(result, Utils.RangeList))
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
        raise too_large()


def check_array(length: int) -> None:
    """Refuse an array of that many values before it is made."""
    if length > MAXIMUM_ARRAY:
        raise too_large()


class Searches(threading.local):
    """The processor time that the evaluation which this thread is at has left for patterns."""

    def __init__(self) -> None:
        self.allowance = Allowance()

    def begin(self) -> None:
        """A new evaluation begins."""
        self.allowance = Allowance()


SEARCHES = Searches()


class Matcher:
    """A regular expression of an expression, with the methods of `re.Pattern` that the library calls."""

    def __init__(self, pattern: str, flags: str) -> None:
        self._pattern = Pattern(pattern, flags)

    def _matches(self, text: str, most: int | None = None) -> list[Match[str]]:
        try:
            return self._pattern.matches(text, SEARCHES.allowance, most=most)
        except PatternStoppedError as error:
            raise too_much() from error

    def search(self, string: str) -> Match[str] | None:
        return next(iter(self._matches(string, 1)), None)

    def finditer(self, string: str) -> Iterator[Match[str]]:
        return iter(self._matches(string))

    def sub(self, repl: str | Callable[[Match[str]], str], string: str, count: int = 0) -> str:
        """Replace the matches; in a text, `\\g<1>` is what the library makes of `$1`."""
        parts: list[str] = []
        at = 0
        for match in self._matches(string, count or None):
            parts += (
                string[at : match.start()],
                _expanded(match, repl) if isinstance(repl, str) else repl(match),
            )
            at = match.end()
        return "".join((*parts, string[at:]))

    def split(self, string: str, maxsplit: int = 0) -> list[str]:
        """The texts between the matches, without what their groups hold."""
        parts: list[str] = []
        at = 0
        for match in self._matches(string, maxsplit or None):
            parts.append(string[at : match.start()])
            at = match.end()
        return [*parts, string[at:]]


_GROUP_REFERENCE = re.compile(r"\\g<(\d+)>")


def _expanded(match: Match[str], replacement: str) -> str:
    """As JSONata has it: `$12` is the group 12, or the group 1 and a 2 if there are fewer; none is empty."""
    groups = len(match.groups())

    def text(reference: re.Match[str]) -> str:
        digits = reference.group(1)
        for length in range(len(str(groups)), 0, -1):
            if int(digits[:length]) <= groups:
                return (match.group(int(digits[:length])) or "") + digits[length:]
        return digits[1:]

    return _GROUP_REFERENCE.sub(text, replacement)
