"""What a rule about definitions is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from penstock.statemachines.checks.tree import Tree

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that is broken: what is wrong, at which JSON pointer, and how to mend it."""

    what: str
    pointer: str
    fix: str


Check: TypeAlias = Callable[[Tree], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One concern.

    Args:
        id: `SM` and three digits; the first digit is the area.
        title: what holds in every sound definition, as a sentence.
        source: the section of the States Language or the AWS page that it comes from.
        severity: AWS refuses a definition with an error; a warning is most likely a mistake.
    """

    id: str
    title: str
    source: str
    check: Check
    severity: Severity = "error"
