"""JSONata's own test suite, through the engine's boundary."""

from __future__ import annotations

from tests.conformance import corpus, jsonata_suite

FLOOR = 0.96
"""The least rate of cases that agree, with their error codes. Nine cases ask for `$eval`, which AWS has not."""


def test_jsonata_suite() -> None:
    """At least the promised share of JSONata's own cases agrees, error codes included."""
    different, compared = jsonata_suite.differing()
    if not compared:
        corpus.missing(jsonata_suite.folder())
    assert len(different) <= (1 - FLOOR) * compared, f"{len(different)} of {compared} differ: {different}"
