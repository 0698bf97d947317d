"""The scheduler: what is done next, in virtual time and in real time."""

from __future__ import annotations

import socket

import pytest

from penstock.errors import TargetError
from penstock.runtime.clock import VIRTUAL_START, RealClock, VirtualClock
from penstock.runtime.scheduler import Scheduler


def test_virtual_time_jumps_from_timer_to_timer() -> None:
    """In order of time; at the same moment, in the order in which they were asked for."""
    scheduler = Scheduler(VirtualClock())
    done: list[tuple[str, float]] = []

    def note(name: str) -> None:
        done.append((name, scheduler.now() - VIRTUAL_START))

    for name, after in (("b", 10.0), ("a", 5.0), ("c", 10.0)):
        scheduler.call_at(VIRTUAL_START + after, lambda name=name: note(name))  # type: ignore[misc]
    scheduler.call_soon(lambda: note("now"))
    scheduler.run_until_idle()
    assert done == [("now", 0.0), ("a", 5.0), ("b", 10.0), ("c", 10.0)]


def test_a_cancelled_timer_does_not_hold_up_the_run() -> None:
    """Nor does its time pass."""
    scheduler = Scheduler(VirtualClock())
    timer = scheduler.call_at(VIRTUAL_START + 100, lambda: pytest.fail("it was cancelled"))
    timer.cancel()
    timer.cancel()
    scheduler.run_until_idle()
    assert scheduler.now() == VIRTUAL_START


def test_background_timers_do_not_keep_a_run_alive() -> None:
    """They run while something else does."""
    scheduler = Scheduler(VirtualClock())
    done: list[str] = []
    scheduler.call_at(VIRTUAL_START + 1, lambda: done.append("background"), background=True)
    scheduler.run_until_idle()
    assert done == []
    scheduler.call_at(VIRTUAL_START + 2, lambda: done.append("foreground"))
    scheduler.run_until_idle()
    assert done == ["background", "foreground"]


def test_a_turn_is_followed_by_the_hook() -> None:
    """Once for each action: that is where the journal is flushed."""
    turns: list[int] = []
    scheduler = Scheduler(VirtualClock(), after_turn=lambda: turns.append(1))
    for _ in range(3):
        scheduler.call_soon(lambda: None)
    scheduler.run_until_idle()
    assert len(turns) == 3


def test_time_stands_still_once_a_run_is_idle() -> None:
    """What waits in the background does not come because something else was done just now."""
    clock, done = VirtualClock(), list[str]()
    scheduler = Scheduler(clock)
    scheduler.call_at(VIRTUAL_START + 3600, lambda: done.append("background"), background=True)
    scheduler.call_soon(lambda: done.append("now"))
    scheduler.run_until_idle()
    assert (done, clock.now()) == (["now"], VIRTUAL_START)
    scheduler.run_for(3600)
    assert done == ["now", "background"]


def test_files_are_watched_in_real_time() -> None:
    """A run is not idle while something outside was announced; a virtual clock cannot wait for it."""
    scheduler = Scheduler(RealClock())
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    def hear() -> None:
        heard.append(ours.recv(10))
        scheduler.unwatch(ours.fileno())
        scheduler.expected()

    scheduler.watch(ours.fileno(), hear)
    scheduler.expect()
    scheduler.call_soon(lambda: theirs.sendall(b"hello"))
    scheduler.run_until_idle()
    assert heard == [b"hello"]
    with pytest.raises(TargetError, match="virtual clock"):
        Scheduler(VirtualClock()).watch(ours.fileno(), hear)
    ours.close()
    theirs.close()
    scheduler.close()


def test_what_is_kept_between_turns_is_given_back_at_rest() -> None:
    """When the outermost run is over, also by an error; not when a run within a turn is."""
    scheduler = Scheduler(VirtualClock())
    told: list[str] = []
    scheduler.at_rest(lambda: told.append("rest"))

    def within() -> None:
        scheduler.call_soon(lambda: told.append("inner"))
        scheduler.run_until(lambda: "inner" in told)
        told.append("outer")

    scheduler.call_soon(within)
    scheduler.run_until_idle()
    assert told == ["inner", "outer", "rest"]

    def breaks() -> None:
        raise ZeroDivisionError

    scheduler.call_soon(breaks)
    with pytest.raises(ZeroDivisionError):
        scheduler.run_until_idle()
    assert told[3:] == ["rest"]
