"""Measuring two things against each other in the same run, and holding the ratio against a budget.

Rounds of the one and of the other take turns, so that a machine that is slow for a while is slow for both; the
medians are compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

Timed = Callable[[], float]
"""One round: does its work and returns the seconds that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two medians, in seconds per unit of work.

    Attributes:
        budget: how much of the peer's time ours may take.
    """

    name: str
    seconds: float
    peer: str
    peer_seconds: float
    budget: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.peer_seconds

    @property
    def is_within(self) -> bool:
        return self.ratio <= self.budget

    def __str__(self) -> str:
        verdict = "within" if self.is_within else "OVER"
        return (
            f"{self.name}: {_shown(self.seconds)}; {self.peer}: {_shown(self.peer_seconds)}; "
            f"ratio {self.ratio:.2f}, {verdict} the budget of {self.budget:.2f}"
        )


def compare(
    name: str, ours: Timed, peer: str, theirs: Timed, *, rounds: int, budget: float, units: int = 1
) -> Comparison:
    """Rounds of both in turn, after one of each that does not count.

    Args:
        units: units of work in one round; the medians are given per unit.
    """
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return Comparison(
        name=name,
        seconds=statistics.median(one for one, _ in pairs) / units,
        peer=peer,
        peer_seconds=statistics.median(other for _, other in pairs) / units,
        budget=budget,
    )


def report(comparisons: Sequence[Comparison]) -> int:
    """Print each comparison; 1 if a budget is missed, which is the process's exit status."""
    for comparison in comparisons:
        print(comparison)
    return 0 if all(comparison.is_within for comparison in comparisons) else 1


def repeated(act: Callable[[], object], times: int) -> Timed:
    """A round that does `act` so many times."""

    def timed() -> float:
        began = time.perf_counter()
        for _ in range(times):
            act()
        return time.perf_counter() - began

    return timed


@contextmanager
def fresh_processes() -> Iterator[Callable[[str], Timed]]:
    """Rounds that run a statement in a process of its own and measure it there, without Python's own start.

    All of them use one new folder of compiled modules, which their first rounds fill: neither side has to compile.
    """
    with TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def round_of(statement: str) -> Timed:
            script = (
                f"import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
            )

            def timed() -> float:
                done = subprocess.run(
                    [sys.executable, "-c", script],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=environment,
                )
                return float(done.stdout)

            return timed

        yield round_of


def _shown(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds * 1e9:.0f} ns"
