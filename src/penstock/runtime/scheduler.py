"""The discrete-event loop: what is done next, and when.

1. One thread. An action runs to its end before the next one begins; that is one *turn*.
2. Actions that are due at the same moment run in the order in which they were asked for, so a run with the
   virtual clock is the same every time.
3. The virtual clock jumps to the next timer when nothing is left to do now. The real clock waits for the next
   timer or for a watched file, whichever comes first.
4. `after_turn` (the journal's flush) runs after every turn.
5. Whoever keeps something between turns gives it back `at_rest`: before the outermost `run_until` returns.
"""

from __future__ import annotations

import heapq
import selectors
from collections import deque
from collections.abc import Callable

from penstock.errors import TargetError
from penstock.runtime.clock import Clock, VirtualClock

Action = Callable[[], None]


class Timer:
    """An action that waits for its time. `background` ones do not keep a run from being idle."""

    __slots__ = ("_owner", "action", "background", "when")

    def __init__(self, owner: Scheduler, when: float, action: Action, *, background: bool) -> None:
        self._owner = owner
        self.when = when
        self.action: Action | None = action
        self.background = background

    def cancel(self) -> None:
        """Do not run the action; harmless if it ran already."""
        if self.action is not None:
            self.action = None
            self._owner._over(self)

    @property
    def waiting(self) -> bool:
        return self.action is not None


class Scheduler:
    """Runs actions now, at a time, or when a file can be read.

    Args:
        clock: a `VirtualClock` jumps; any other one is waited for.
        after_turn: called after every action.
    """

    def __init__(self, clock: Clock, *, after_turn: Action = lambda: None) -> None:
        self.clock = clock
        self.after_turn = after_turn
        self._at_rest: list[Action] = []
        self._depth = 0
        self._virtual = clock if isinstance(clock, VirtualClock) else None
        self._ready: deque[Action] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = 0
        self._foreground = 0
        self._outside = 0
        self._selector: selectors.DefaultSelector | None = None

    def now(self) -> float:
        return self.clock.now()

    def call_soon(self, action: Action) -> None:
        """Run `action` in a turn of its own, after those that were asked for before."""
        self._ready.append(action)

    def call_at(self, when: float, action: Action, *, background: bool = False) -> Timer:
        """Run `action` at `when` (epoch seconds), or soon if that has passed."""
        timer = Timer(self, when, action, background=background)
        self._order += 1
        heapq.heappush(self._timers, (when, self._order, timer))
        if not background:
            self._foreground += 1
        return timer

    def watch(self, file: int, on_readable: Action) -> None:
        """Run `on_readable` whenever the file descriptor can be read (real clock only).

        Raises:
            TargetError: the clock is virtual: nothing outside this process has its time.
        """
        if self._virtual is not None:
            raise TargetError(
                "a virtual clock cannot wait for another process",
                fix="run functions in this process (InlineInvoker), or use RealClock",
            )
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        self._selector.register(file, selectors.EVENT_READ, on_readable)

    def unwatch(self, file: int) -> None:
        """Watch the file descriptor no longer; to be called before it is closed."""
        if self._selector is not None:
            self._selector.unregister(file)

    def expect(self) -> None:
        """Something outside was started; until a watched file tells of its end, the run is not idle."""
        self._outside += 1

    def expected(self) -> None:
        """What was announced with `expect` has come."""
        self._outside -= 1

    @property
    def idle(self) -> bool:
        """Nothing to do now, later or outside, except in the background."""
        return not (self._ready or self._foreground or self._outside)

    def run_until_idle(self) -> None:
        """Take turns until `idle`."""
        self.run_until(lambda: False)

    def run_until(self, done: Callable[[], bool]) -> None:
        """Take turns until `done()` or idle, whichever is first. May be called from within a turn."""
        self._depth += 1
        try:
            while not done() and not self.idle:
                self._take_turns(done)
        finally:
            self._depth -= 1
            if not self._depth:
                for action in self._at_rest:
                    action()

    def at_rest(self, action: Action) -> None:
        """Have `action` called whenever the turns are over, also if the last one raised."""
        self._at_rest.append(action)

    def run_for(self, seconds: float) -> None:
        """Take turns for that long by the clock, background timers included."""
        over: list[bool] = []
        end = self.call_at(self.now() + seconds, lambda: over.append(True))
        try:
            self.run_until(lambda: bool(over))
        finally:
            end.cancel()

    def close(self) -> None:
        """Forget every action and watch."""
        self._ready.clear()
        self._timers.clear()
        self._foreground = 0
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def _take_turns(self, done: Callable[[], bool]) -> None:
        for _ in range(len(self._ready)):
            if not self._ready:
                break
            self._run(self._ready.popleft())
            if done():
                return
        # Once a run is idle, time stands still: what waits in the background must not come at once.
        self._collect_due(jump=not (self._ready or self.idle))
        if self._virtual is None and not done() and not self.idle:
            self._poll(0.0 if self._ready else self._until_next_timer())

    def _run(self, action: Action) -> None:
        action()
        self.after_turn()

    def _collect_due(self, *, jump: bool) -> None:
        timers = self._timers
        if jump and self._virtual is not None:
            while timers and not timers[0][2].waiting:
                heapq.heappop(timers)
            if timers:
                self._virtual.advance_to(timers[0][0])
        now = self.now()
        while timers and timers[0][0] <= now:
            timer = heapq.heappop(timers)[2]
            if timer.waiting:
                self._ready.append(lambda timer=timer: self._fire(timer))  # type: ignore[misc]

    def _fire(self, timer: Timer) -> None:
        action = timer.action
        if action is not None:
            timer.action = None
            self._over(timer)
            action()

    def _over(self, timer: Timer) -> None:
        if not timer.background:
            self._foreground -= 1

    def _until_next_timer(self) -> float | None:
        while self._timers and not self._timers[0][2].waiting:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - self.now())

    def _poll(self, timeout: float | None) -> None:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        for key, _ in self._selector.select(timeout):
            on_readable: Action = key.data
            if key.fd in self._selector.get_map():
                self._run(on_readable)
