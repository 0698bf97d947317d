"""docs/parity.md: a row for each rule, a column for each place, filled by what the tests came to.

    PENSTOCK_PARITY=write pytest tests/contracts tests/integration
    PENSTOCK_PARITY=add pytest tests/contracts        fills in what has run, and leaves the other cells

A rule that has run in one place keeps what stands there for the other ones: no target runs them all.

Tests say their place and rule by `tells`; the page's text stands around the table.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "parity.md"
PLACES: Final = {
    "embedded": "embedded",
    "localstack": "LocalStack",
    "ministack": "MiniStack",
    "step-functions-local": "Step Functions Local",
}
_TABLE: Final = re.compile(r"(?<=<!-- filled by the tests -->\n).*?(?=<!-- until here -->)", re.DOTALL)
_PROPERTY: Final = "parity"

DEFINITIONS: Final = "Definitions: "
"""Begins the rules whose outcome elsewhere is held against the engine's."""

_seen: defaultdict[str, dict[str, str]] = defaultdict(dict)


def rule_of(item: pytest.Item) -> str:
    """The first line of a test's docstring: the rule, in one sentence."""
    function = getattr(item, "function", None)
    return str(function.__doc__ or "").strip().partition("\n")[0].rstrip(".") if function else ""


def tells(item: pytest.Item, place: str, rule: str) -> None:
    """Have the test's outcome stand in the page."""
    item.user_properties.append((_PROPERTY, (place, rule)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test came to: of its set-up, if that was the end of it."""
    if report.when != "call" and report.passed:
        return
    for name, value in report.user_properties:
        if name == _PROPERTY and isinstance(value, tuple | list):
            place, rule = map(str, value)
            _seen[rule][place] = _outcome(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table, if that was asked for."""
    asked = os.environ.get("PENSTOCK_PARITY")
    if asked not in ("write", "add") or not _seen or hasattr(session.config, "workerinput"):
        return
    page = PAGE.read_text()
    stood = rows_of(page)
    rows = stood if asked == "add" else {}
    for rule, outcomes in _seen.items():
        rows[rule] = stood.get(rule, {}) | outcomes
    PAGE.write_text(_TABLE.sub(_table(rows).replace("\\", r"\\"), page))


def _outcome(report: pytest.TestReport) -> str:
    if (known := getattr(report, "wasxfail", None)) is not None:
        return str(known)
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return f"not run: {reason.removeprefix('Skipped: ').partition(': `')[0]}"
    return "yes" if report.passed else "**no**"


def rows_of(page: str) -> dict[str, dict[str, str]]:
    """The rows that the page has."""
    found = _TABLE.search(page)
    lines = found[0].splitlines() if found is not None else []
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    places = [next((place for place, title in PLACES.items() if title == one), "") for one in cells[0][1:]]
    return {
        rule: {place: text for place, text in zip(places, texts, strict=True) if place and text}
        for rule, *texts in cells[2:]
    }


def _table(rows: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["| rule | " + " | ".join(PLACES.values()) + " |", "| --- |" + " --- |" * len(PLACES)]
    for rule, outcomes in sorted(rows.items()):
        cells = [outcomes.get(place, "") for place in PLACES]
        if rule.startswith(DEFINITIONS):
            cells[0] = "the measure"
        lines.append(f"| {rule.replace('|', '/')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
