"""Matching event patterns, against moto's matcher and, where it is installed, LocalStack's.

Run it with `python -m benchmarks.event_patterns`. The patterns and events are those of the corpus (see
docs/conformance.md); a pattern that a peer cannot match at all is left out of the comparison with that peer.
LocalStack's matcher is compared if `localstack-core` is installed in the same environment.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import Comparison, Timed, compare, repeated, report
from penstock.errors import EventPatternError
from penstock.pipelines.event_patterns import compile_pattern

CORPUS = Path(os.environ.get("PENSTOCK_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
BUDGET = 0.2
ROUNDS = 9

Match = Callable[[], object]
Case = tuple[dict[str, Any], dict[str, Any]]


def cases() -> list[Case]:
    """The corpus's patterns and events, those that are valid."""
    path = CORPUS / "events" / "semantics" / "event_patterns.json"
    if not path.is_file():
        sys.exit(f"the corpus is not at {CORPUS}: set PENSTOCK_CORPUS to its folder")
    found: list[Case] = []
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        if case["expected"] != "error" and "pattern" in case and isinstance(case.get("event"), dict):
            found.append((case["pattern"], case["event"]))
    return found


def against(name: str, peer_of: Callable[[Case], Match], chosen: list[Case]) -> Comparison:
    """Compare with a peer on the patterns that it can match."""
    ours: list[Match] = []
    theirs: list[Match] = []
    refused: list[str] = []
    for case in chosen:
        try:
            pattern, event = compile_pattern(case[0]), case[1]
            match = peer_of(case)
            match()
        except (EventPatternError, Exception) as error:  # noqa: BLE001  # whatever it raises, it cannot match this
            refused.append(f"{type(error).__name__}: {error}")
            continue
        ours.append(lambda pattern=pattern, event=event: pattern.matches(event))  # type: ignore[misc]
        theirs.append(match)
    if not ours:
        sys.exit(f"{name} can match none of the patterns: {refused[0]}")
    return compare(
        f"an event pattern, {len(ours)} of {len(chosen)}",
        _all(ours),
        name,
        _all(theirs),
        rounds=ROUNDS,
        budget=BUDGET,
        units=len(ours) * TIMES,
    )


TIMES = 20


def _all(matches: list[Match]) -> Timed:
    def once() -> None:
        for match in matches:
            match()

    return repeated(once, TIMES)


def moto_match(case: Case) -> Match:
    """moto's matcher of a pattern."""
    from moto.events.models import EventPattern

    pattern = EventPattern(json.dumps(case[0]), case[0])
    return lambda: pattern.matches_event(case[1])  # type: ignore[arg-type]


def localstack_match(case: Case) -> Match:
    """LocalStack's matcher of a pattern."""
    from localstack.services.events.event_rule_engine import EventRuleEngine

    engine = EventRuleEngine()
    compiled = (
        engine.compile_event_pattern(json.dumps(case[0]))
        if hasattr(engine, "compile_event_pattern")
        else case[0]
    )
    return lambda: engine.evaluate_pattern_on_event(compiled, case[1])


def main() -> int:
    """Measure and print; 1 if a budget is missed."""
    chosen = cases()
    compared = [against("moto", moto_match, chosen)]
    if importlib.util.find_spec("localstack") is None:
        print("localstack-core is not installed here: compared with moto only")
    else:
        compared.append(against("LocalStack", localstack_match, chosen))
    return report(compared)


if __name__ == "__main__":
    sys.exit(main())
