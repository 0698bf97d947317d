"""Judging every case at five levels, and the table of rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

from penstock.errors import PenstockError
from penstock.testing.machines import MachineRun
from tests.conformance import corpus
from tests.conformance.corpus import Case
from tests.conformance.matching import matches, same_events
from tests.conformance.replay import events_of, run_case


class Level(Enum):
    """What is compared; each level asks for more than the one before it."""

    STATUS = "status"
    OUTCOME = "outcome"
    CAUSE = "cause"
    EVENT_TYPES = "event types"
    FULL_EVENTS = "full events"


FLOORS: Mapping[Level, float] = {
    Level.STATUS: 1.0,
    Level.OUTCOME: 0.995,
    Level.CAUSE: 0.99,
    Level.EVENT_TYPES: 0.99,
    Level.FULL_EVENTS: 0.98,
}
"""The least rate of cases that must agree at each level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one case came out.

    Args:
        agrees: whether it agrees, at each level that the recording can be compared at.
        complaint: what went wrong instead of a run.
    """

    case: Case
    agrees: Mapping[Level, bool]
    complaint: str = ""

    @property
    def first_difference(self) -> Level | None:
        return next((level for level, agreed in self.agrees.items() if not agreed), None)


def score(case: Case) -> Score:
    """Run a case and compare."""
    levels = _levels(case.expected)
    try:
        run = run_case(case)
    except PenstockError as error:
        return Score(case=case, agrees=dict.fromkeys(levels, False), complaint=str(error))
    agrees: dict[Level, bool] = {}
    so_far = True
    for level in levels:
        so_far = so_far and _AGREES[level](case, run)
        agrees[level] = so_far
    return Score(case=case, agrees=agrees)


@cache
def scores() -> Sequence[Score]:
    """The scores of the whole corpus, in its order; computed once in a run of the tests."""
    return [score(case) for case in corpus.executions()]


def _levels(expected: Mapping[str, object]) -> list[Level]:
    levels = [Level.STATUS, Level.OUTCOME, Level.CAUSE]
    if "event_types" in expected or "event_count" in expected or "events" in expected:
        levels.append(Level.EVENT_TYPES)
    if "events" in expected:
        levels.append(Level.FULL_EVENTS)
    return levels


def _reliable_levels(case: Case) -> bool:
    return case.data.get("event_order") != "unreliable"


def _status(case: Case, run: MachineRun) -> bool:
    return case.expected["status"] == run.status


def _outcome(case: Case, run: MachineRun) -> bool:
    expected = case.expected
    if run.status == "SUCCEEDED":
        if "output_contains" in expected:
            return str(expected["output_contains"]) in str(run.output)
        return "output" not in expected or matches(expected["output"], run.output)
    return _recorded(expected, "error", run.error)


def _cause(case: Case, run: MachineRun) -> bool:
    return run.status == "SUCCEEDED" or _recorded(case.expected, "cause", run.cause)


def _recorded(expected: Mapping[str, object], name: str, actual: str | None) -> bool:
    """A field that the recording leaves out was absent on AWS if the whole history was recorded."""
    if name not in expected and "events" not in expected:
        return True
    return matches(expected.get(name), actual)


def _events(case: Case) -> list[Mapping[str, object]]:
    events = case.expected["events"]
    assert isinstance(events, list)
    return events


def _event_types(case: Case, run: MachineRun) -> bool:
    expected = case.expected
    if "event_count" in expected:
        return expected["event_count"] == len(run.history)
    if "event_types" in expected:
        return expected["event_types"] == run.event_types
    recorded = [str(event["type"]) for event in _events(case)]
    if not _reliable_levels(case):
        # Events are missing from these recordings: those that are there must have happened.
        return not Counter(recorded) - Counter(run.event_types)
    if case.data.get("event_order") == "strict":
        return recorded == run.event_types
    return Counter(recorded) == Counter(run.event_types)


def _full_events(case: Case, run: MachineRun) -> bool:
    if not _reliable_levels(case):
        return True
    ordered = case.data.get("event_order") == "strict"
    return same_events(_events(case), list(events_of(run)), ordered=ordered)


_AGREES: Mapping[Level, Callable[[Case, MachineRun], bool]] = {
    Level.STATUS: _status,
    Level.OUTCOME: _outcome,
    Level.CAUSE: _cause,
    Level.EVENT_TYPES: _event_types,
    Level.FULL_EVENTS: _full_events,
}


def rate(results: Iterable[Score], level: Level) -> tuple[int, int]:
    """How many cases agree at a level, and how many can be compared at it."""
    compared = [result.agrees[level] for result in results if level in result.agrees]
    return sum(compared), len(compared)


def table(results: Sequence[Score]) -> list[str]:
    """The rates per area and level, as lines of text."""
    areas = sorted({result.case.area for result in results})
    lines = [f"{'area':<22}{'cases':>6}" + "".join(f"{level.value:>20}" for level in Level)]
    for area in [*areas, ""]:
        chosen = [result for result in results if area in ("", result.case.area)]
        cells = [_cell(*rate(chosen, level)) for level in Level]
        lines.append(f"{area or 'all':<22}{len(chosen):>6}" + "".join(f"{cell:>20}" for cell in cells))
    return lines


def _cell(agreed: int, compared: int) -> str:
    return "-" if not compared else f"{agreed}/{compared} {100 * agreed / compared:5.1f} %"
