"""Every event pattern of the corpus, against its event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import compile_pattern
from tests.conformance import semantic_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How one pattern came out: `match`, `no_match` or `error`."""

    name: str
    expected: str
    actual: str

    @property
    def is_right(self) -> bool:
        return self.expected == self.actual


def file() -> Path:
    """Where the patterns are."""
    return semantic_suite.folder() / "event_patterns.json"


@cache
def judged() -> Sequence[Judged]:
    """Every case of the corpus, in its order; empty if it is not there."""
    cases = json.loads(file().read_text(encoding="utf-8"))["cases"] if file().is_file() else []
    return [Judged(name=case["name"], expected=case["expected"], actual=_verdict(case)) for case in cases]


def table(results: Sequence[Judged]) -> Iterator[str]:
    """The rates per expected verdict, as lines of text."""
    for expected in [*sorted({one.expected for one in results}), "all"]:
        mine = [one for one in results if expected in (one.expected, "all")]
        right = sum(one.is_right for one in mine)
        yield f"{expected:<20}{right}/{len(mine)} {100 * right / len(mine):5.1f} %"


def counts(results: Sequence[Judged]) -> Counter[bool]:
    """How many are right, and how many are not."""
    return Counter(one.is_right for one in results)


def _verdict(case: Mapping[str, Any]) -> str:
    pattern = case["pattern_raw"] if "pattern_raw" in case else case["pattern"]
    try:
        compiled = compile_pattern(pattern)
        event = json.loads(case["event_raw"]) if "event_raw" in case else case["event"]
    except (EventPatternError, ValueError):
        return "error"
    if not isinstance(event, dict):
        return "error"
    return "match" if compiled.matches(event) else "no_match"
