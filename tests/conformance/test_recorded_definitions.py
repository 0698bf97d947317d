"""Definitions that AWS accepted or refused."""

from __future__ import annotations

from tests.conformance import corpus, definition_suite

FLOOR = 0.98
"""The least rate of verdicts that agree."""


def test_verdicts() -> None:
    """What AWS accepts can be read and run; what it refuses is refused."""
    different, compared = definition_suite.differing()
    if not compared:
        corpus.missing(definition_suite.folder())
    assert len(different) <= (1 - FLOOR) * compared, f"{len(different)} of {compared} differ: {different}"
