"""AWS's delivery semantics: every scenario and every event pattern of the corpus."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.conformance import corpus, event_pattern_suite, semantic_suite
from tests.conformance.semantic_suite import Played

FLOOR = 0.9
"""The share of scenarios that have to come out as AWS's documentation says; every other one has a reason."""


class Summary:
    """Writes the tables of rates at the end of the run."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"delivery semantics ({semantic_suite.folder()})")
        results = semantic_suite.played()
        known = semantic_suite.known_differences()
        for line in semantic_suite.table(results):
            terminalreporter.write_line(line)
        for one in results:
            if one.complaints:
                reason = known.get(one.name, "; ".join(one.complaints))
                terminalreporter.write_line(f"  {one.name}: {reason}")
        terminalreporter.section("event patterns")
        patterns = event_pattern_suite.judged()
        for line in event_pattern_suite.table(patterns):
            terminalreporter.write_line(line)
        for pattern in patterns:
            if not pattern.is_right:
                terminalreporter.write_line(f"  {pattern.name}: {pattern.actual}, not {pattern.expected}")


@pytest.fixture(scope="module", autouse=True)
def _summary(request: pytest.FixtureRequest) -> None:
    if not semantic_suite.folder().is_dir():
        corpus.missing(semantic_suite.folder())
    plugins = request.config.pluginmanager
    if not plugins.has_plugin("delivery-semantics"):
        plugins.register(Summary(), "delivery-semantics")


@pytest.fixture(scope="module")
def results() -> Sequence[Played]:
    found = semantic_suite.played()
    assert found, "there is no scenario"
    return found


def test_scenarios_come_out_as_documented(results: Sequence[Played]) -> None:
    """At least the promised share is right."""
    right = sum(not one.complaints for one in results)
    wrong = [f"{one.name}: {one.complaints} ({one.source})" for one in results if one.complaints]
    assert right >= FLOOR * len(results), wrong


def test_every_difference_of_a_scenario_is_explained(results: Sequence[Played]) -> None:
    """A scenario of the open corpus that differs stands in the list, with its reason; and no other does."""
    if not corpus.is_default():
        pytest.skip("the list of known differences is about the open corpus; differences are listed below")
    different = {one.name for one in results if one.complaints}
    assert different == semantic_suite.known_differences().keys()


def test_every_event_pattern_is_right() -> None:
    """Match, no match or an error, as EventBridge has it; 98 % elsewhere than in the open corpus."""
    found = event_pattern_suite.judged()
    assert found, "there is no pattern"
    counted = event_pattern_suite.counts(found)
    wrong = [one for one in found if not one.is_right]
    assert counted[True] >= (len(found) if corpus.is_default() else 0.98 * len(found)), wrong
