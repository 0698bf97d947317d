"""Calls of `TestState` that were recorded on AWS: what it answered, or why it refused."""

from __future__ import annotations

from tests.conformance import corpus, state_test_suite

FLOOR = 0.95
"""The least rate of recordings that agree, inspection data and all."""


def test_state_tests() -> None:
    """At least the promised share of the recorded answers agrees."""
    different, compared = state_test_suite.differing()
    if not compared:
        corpus.missing(state_test_suite.folder())
    assert len(different) <= (1 - FLOOR) * compared, f"{len(different)} of {compared} differ: {different}"
