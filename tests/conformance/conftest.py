"""The conformance run ends with its table of rates and every case that differs."""

from __future__ import annotations

import pytest

from tests.conformance import (
    corpus,
    definition_suite,
    jsonata_suite,
    other_verdict_suite,
    scoring,
    state_test_suite,
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, if the corpus was compared in this run."""
    if scoring.scores.cache_info().currsize == 0:
        return
    results = scoring.scores()
    if not results:
        return
    terminalreporter.section(f"conformance with histories recorded on AWS ({corpus.asl_folder()})")
    for line in scoring.table(results):
        terminalreporter.write_line(line)
    suites = {
        "definitions with AWS's verdict": definition_suite,
        "definitions with another's verdict, by the rules": other_verdict_suite,
        "TestState": state_test_suite,
        "JSONata's own test suite": jsonata_suite,
    }
    for name, suite in suites.items():
        others, compared = suite.differing()
        if compared:
            rate = 100 * (compared - len(others)) / compared
            terminalreporter.write_line(f"{name}: {compared - len(others)}/{compared} {rate:.1f} %")
    known = corpus.known_differences()
    different = [result for result in results if result.first_difference is not None]
    terminalreporter.write_line(f"\n{len(different)} of {len(results)} cases differ")
    for result in different:
        level = result.first_difference
        assert level is not None
        reason = known.get(result.case.name, "not in docs/conformance.md")
        terminalreporter.write_line(f"  {level.value:<12} {result.case.name} ({result.case.tier}): {reason}")
        if result.complaint:
            terminalreporter.write_line(f"               {result.complaint}")
