"""What time it is: the only place of the embedded target where a clock is read.

`RealClock` follows the machine; `VirtualClock` stands still until the scheduler, its only mover, has nothing
to do at the present moment. Times are epoch seconds.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

VIRTUAL_START: Final = 1_767_225_600.0
"""2026-01-01T00:00:00Z, where a virtual clock begins unless it is told otherwise."""


class Clock(Protocol):
    """`VirtualClock` and `RealClock` implement it; both pass `tests/unit/runtime/test_scheduler.py`."""

    def now(self) -> float:
        """Epoch seconds; never goes back."""
        ...


class VirtualClock:
    """Time that only `advance_to` moves."""

    def __init__(self, start: float = VIRTUAL_START) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance_to(self, when: float) -> None:
        """Move forward to `when`; a moment that has passed changes nothing."""
        if when > self._now:
            self._now = when


class RealClock:
    """The machine's time, in step with its monotonic clock: a correction of the wall clock moves nothing."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()
