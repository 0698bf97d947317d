"""Faults that a test asks for: a target that cannot be reached, or that throttles; what is delivered twice.

A fault belongs to a resource's name. It holds for so many deliveries, for some time by the run's clock, or until it
is taken away. `penstock.testing.faults` is how a user asks for one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError


@dataclass(slots=True, eq=False)
class Fault:
    """What a target answers instead of taking what it is given.

    Attributes:
        times: how many deliveries still fail; None: all of them.
        until: in epoch seconds; None: until it is taken away.
        failed: how many deliveries have failed.
    """

    code: str
    message: str
    status: int
    times: int | None = None
    until: float | None = None
    failed: int = 0

    def holds(self, now: float) -> bool:
        return self.times != 0 and (self.until is None or now < self.until)


class Faults:
    """The faults of one run, by the names of their targets."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._by_name: dict[str, list[Fault]] = {}
        self._repeats: Counter[str] = Counter()

    def add(self, name: str, fault: Fault) -> None:
        """From now on deliveries to `name` fail."""
        self._by_name.setdefault(name, []).append(fault)

    def remove(self, name: str, fault: Fault) -> None:
        """They do no longer; harmless if the fault was over already."""
        faults = self._by_name.get(name, [])
        if fault in faults:
            faults.remove(fault)

    def repeat(self, name: str, times: int) -> None:
        """The next so many deliveries of a queue, an asynchronous function or a bucket come once more."""
        self._repeats[name] += times

    def comes_again(self, name: str) -> bool:
        """Whether this delivery comes once more."""
        if not self._repeats[name]:
            return False
        self._repeats[name] -= 1
        return True

    def check(self, name: str) -> None:
        """Raise what the target answers, if it has a fault now.

        Raises:
            ServiceError: of the fault.
        """
        for fault in self._by_name.get(name, ()):
            if fault.holds(self._scheduler.now()):
                fault.failed += 1
                if fault.times is not None:
                    fault.times -= 1
                raise ServiceError(fault.code, fault.message, fault.status)
