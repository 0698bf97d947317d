"""What a rule is: an id, a title, the page that it comes from, and one small check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from penstock.errors import RuleError
from penstock.pipelines.graph import Graph
from penstock.pipelines.resources import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that is broken: what is wrong, the part that breaks it, and how to mend it."""

    what: str
    part: Part
    fix: str
    within: str = ""


Check: TypeAlias = Callable[[Graph], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One concern.

    Args:
        id: `PL` and three digits; the first digit is the area.
        title: what holds in every sound declaration, as a sentence.
        source: the AWS page or the reason of our own that it comes from.

    """

    id: str
    title: str
    source: str
    check: Check

    def problems(self, graph: Graph) -> Iterator[RuleError]:
        """Every place of `graph` that breaks this rule."""
        for finding in self.check(graph):
            yield problem_of(finding, self.id)


def problem_of(finding: Finding, rule: str) -> RuleError:
    """A finding as the error that is shown."""
    at = f"{finding.part.declared_at}  {finding.within}".rstrip()
    return RuleError(finding.what, rule=rule, at=at, fix=finding.fix)
