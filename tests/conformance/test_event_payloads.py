"""Real Lambda events parse; malformed ones are refused with an error that names what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.conformance import corpus, event_suite
from tests.conformance.event_suite import Judged

FLOORS = {"real": 0.995, "shape": 1.0, "decode": 1.0, "bytes": 1.0}
"""The share of each level that has to be right."""


class Summary:
    """Writes the table of rates at the end of the run."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        results = event_suite.judged()
        terminalreporter.section(f"event payloads ({event_suite.folder()})")
        for line in event_suite.table(results):
            terminalreporter.write_line(line)
        known = event_suite.known_differences()
        for result in results:
            if result.complaint is not None:
                reason = known.get(result.name, result.complaint)
                terminalreporter.write_line(f"  {result.level:<7} {result.name}: {reason}")


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Sequence[Judged]:
    found = event_suite.judged()
    if not found:
        corpus.missing(event_suite.folder() / "events")
    plugins = request.config.pluginmanager
    if not plugins.has_plugin("event-payloads"):
        plugins.register(Summary(), "event-payloads")
    return found


@pytest.mark.parametrize("level", FLOORS)
def test_rate_of_right_verdicts(results: Sequence[Judged], level: str) -> None:
    """At each level, at least the promised share is right."""
    mine = [result for result in results if result.level == level]
    wrong = [f"{result.name}: {result.complaint}" for result in mine if result.complaint is not None]
    assert len(mine) - len(wrong) >= FLOORS[level] * len(mine), wrong


def test_every_difference_of_an_event_is_explained(results: Sequence[Judged]) -> None:
    """A payload of the open corpus that differs stands in the list, with its reason; and no other does."""
    if not corpus.is_default():
        pytest.skip("the list of known differences is about the open corpus; differences are listed below")
    different = {result.name for result in results if result.complaint is not None}
    assert different == event_suite.known_differences().keys()
