"""Regular expressions of definitions, which anybody may have written, searched in bounded time.

1. The package `regex` is known to this file only: unlike `re`, it can be interrupted while it searches. It takes no
   shortcut of the language: backreferences, lookaround and nested repetition are all there.
2. Most patterns that explode elsewhere do not in this package; what does is stopped after so much of the processor's
   time, not of the clock's. This is the one limit of the engine that is no count: matchers that always end refuse
   ordinary patterns.
3. A search that is stopped is an error of its evaluation, never an answer.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import ExpressionSyntaxError, PatternStoppedError

if TYPE_CHECKING:
    import regex

__all__ = ["SECONDS", "Allowance", "Pattern"]

SECONDS = 1.0
"""Processor time that all the searches of one evaluation may take together."""


@dataclass(slots=True)
class Allowance:
    """What is left of the processor time of one evaluation, in seconds."""

    seconds: float = SECONDS


class Pattern:
    """A compiled regular expression.

    Args:
        source: the expression, without delimiters.
        flags: any of `i` (ignore case), `m` (`^` and `$` at lines), `s` (the dot takes line ends), `x` (verbose).

    Raises:
        ExpressionSyntaxError: the source is no regular expression.
    """

    __slots__ = ("_compiled", "source")

    def __init__(self, source: str, flags: str = "") -> None:
        # Loaded only by definitions that use it: it takes 60 ms.
        import regex

        known = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "x": regex.VERBOSE}
        self.source = source
        try:
            self._compiled = regex.compile(_plain(source), sum(known[flag] for flag in sorted(set(flags))))
        except (regex.error, OverflowError, RecursionError, ValueError) as problem:
            raise ExpressionSyntaxError(f"the regular expression cannot be read: {problem}") from problem

    def covers(self, text: str, allowance: Allowance) -> bool:
        """Whether the whole text matches.

        Raises:
            PatternStoppedError: it takes too long.
        """
        before = time.thread_time()
        try:
            return self._compiled.fullmatch(text, timeout=_left(allowance)) is not None
        except TimeoutError as error:
            raise self._stopped() from error
        finally:
            allowance.seconds -= time.thread_time() - before

    def matches(self, text: str, allowance: Allowance, *, most: int | None = None) -> list[regex.Match[str]]:
        """The matches one after another.

        Args:
            most: how many are wanted; None for all of them.

        Raises:
            PatternStoppedError: it takes too long.
        """
        before = time.thread_time()
        found: list[regex.Match[str]] = []
        try:
            for match in self._compiled.finditer(text, timeout=_left(allowance)):
                found.append(match)
                if len(found) == most:
                    break
        except TimeoutError as error:
            raise self._stopped() from error
        finally:
            allowance.seconds -= time.thread_time() - before
        return found

    def _stopped(self) -> PatternStoppedError:
        return PatternStoppedError(
            f"the regular expression /{self.source}/ takes more than {SECONDS:g} s to search"
        )


# A brace that begins no quantifier; what an escape, a class of characters or `\p{L}` holds is passed over.
# What is not closed goes on to the end, so that no text is read twice.
_BRACE = re.compile(
    r"(\\[pPxuN]\{[^}]*(?:\}|\Z)|\\.|\[\^?\]?(?:\\.|[^\]\\])*(?:\]|\Z))|\{(?!\d+(?:,\d*)?\})", re.DOTALL
)


def _plain(source: str) -> str:
    """The source in which a brace that is no quantifier is a brace: for the package, `a{e<=1}` allows an error."""
    return _BRACE.sub(lambda found: found.group(1) or r"\{", source)


def _left(allowance: Allowance) -> float:
    """The package takes no time of nothing; a moment is enough to stop at once."""
    return max(allowance.seconds, 1e-6)
