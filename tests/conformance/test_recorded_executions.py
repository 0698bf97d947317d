"""Executions that were recorded on AWS, replayed by the engine and compared event by event."""

from __future__ import annotations

import pytest

from tests.conformance import corpus, scoring
from tests.conformance.scoring import FLOORS, Level


@pytest.fixture(scope="module")
def results() -> list[scoring.Score]:
    """Every case's score."""
    found = list(scoring.scores())
    if not found:
        corpus.missing(corpus.asl_folder() / "exec")
    return found


@pytest.mark.parametrize("level", Level, ids=lambda level: level.value)
def test_rate_of_agreement(results: list[scoring.Score], level: Level) -> None:
    """At each level, at least the promised share of the recordings agrees."""
    agreed, compared = scoring.rate(results, level)
    different = [result.case.name for result in results if not result.agrees.get(level, True)]
    assert agreed >= FLOORS[level] * compared, f"{agreed} of {compared} agree; these differ: {different}"


def test_every_difference_is_explained(results: list[scoring.Score]) -> None:
    """A case of the open corpus that differs stands in the list of known differences, with its reason."""
    if not corpus.is_default():
        pytest.skip("the list of known differences is about the open corpus; differences are listed below")
    different = {result.case.name for result in results if result.first_difference is not None}
    assert different - corpus.known_differences().keys() == set()


def test_no_known_difference_is_stale(results: list[scoring.Score]) -> None:
    """A case that agrees by now is taken off the list."""
    agreeing = {result.case.name for result in results if result.first_difference is None}
    assert agreeing & corpus.known_differences().keys() == set()
