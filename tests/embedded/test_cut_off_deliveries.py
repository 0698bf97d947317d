"""A run that ends between any two turns goes on: nothing of an asynchronous delivery is lost, nothing comes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.handlers import on_event
from penstock.pipelines import (
    Bucket,
    BucketNotification,
    EventBus,
    EventRule,
    Function,
    Pipeline,
    Queue,
    RuleTarget,
    Subscription,
    Topic,
)
from penstock.runtime.clock import VirtualClock
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.journal_events import InvocationFinished
from penstock.runtime.state_folder import last_run, new_run
from penstock.testing.faults import unreachable


@on_event
def work(detail: dict[str, Any]) -> None:
    raise RuntimeError("boom")


COPIES, ECHOES = EventBus("copies"), EventBus("echoes")
KEPT, TOLD, LETTERS = Bucket("kept"), Queue("told"), Topic("letters")
ALL: dict[str, object] = {"source": ["shop"]}
PIPELINE = Pipeline(
    "test",
    parts=(
        EventRule("copy", pattern=ALL, to=(COPIES,)),
        EventRule(
            "use",
            bus=COPIES,
            pattern=ALL,
            to=(
                Queue("copied"),
                Function("work", work, maximum_retry_attempts=1, on_failure=KEPT, dead_letter_queue=LETTERS),
                RuleTarget(ECHOES, dead_letter_queue=Queue("echoed")),
            ),
        ),
        Subscription(LETTERS, to=Queue("letter")),
        BucketNotification(KEPT, to=TOLD),
    ),
)


class CutOffError(Exception):
    """The process ended here."""


class Kill:
    """Ends a run right after so many of its turns were written, from `armed` on."""

    def __init__(self, patched: pytest.MonkeyPatch, turns: int) -> None:
        self._flush, self._left, self.armed = Journal.flush, turns, False
        patched.setattr(Journal, "flush", lambda journal: self._flushed(journal))

    def _flushed(self, journal: Journal) -> None:
        before = journal.path.stat().st_size if journal.path is not None else 0
        self._flush(journal)
        if self.armed and journal.path is not None and journal.path.stat().st_size > before:
            self._left -= 1
            if self._left == 0:
                self.armed = False
                raise CutOffError


def was_cut_off(run: Embedded, kill: Kill) -> bool:
    """Work until the run ends in one way or the other."""
    kill.armed = True
    try:
        run.run_until_idle()
    except CutOffError:
        run.journal._lines.clear()  # what a kill would have left in memory
        return True
    return False


def test_every_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event, over a bus that is away at first: a copy, an object, a letter and a notice, wherever it is cut."""
    for turns in range(1, 100):
        with monkeypatch.context() as patched:
            kill = Kill(patched, turns)
            with Embedded(PIPELINE, new_run("test", base=tmp_path), clock=VirtualClock()) as run:
                unreachable(run, COPIES, times=2)
                client: Any = run.client("events")
                client.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": '{"n": 1}'}])
                run.journal.flush()
                was_cut = was_cut_off(run, kill)
                kill.armed = False
        with Embedded(PIPELINE, last_run("test", base=tmp_path), clock=VirtualClock()) as run:
            run.run_until_idle()
            kept = run.s3.store.keys("kept")
            found = {
                name: [json.loads(one.body) for one in run.queues.find(name).messages.values()]
                for name in ("copied", "echoed", "letter", "told")
            }
            run.journal.flush()
            ended = [
                one.attempt for one in read_journal(run.folder.journal) if isinstance(one, InvocationFinished)
            ]
        assert {name: len(one) for name, one in found.items()} == dict.fromkeys(found, 1), turns
        assert len(kept) == 1, turns
        assert found["copied"] == found["echoed"]
        assert found["told"][0]["Records"][0]["s3"]["object"]["key"] == kept[0]
        # An invocation that was cut off is made again; one that has ended is not.
        assert ended == [1, 2], turns
        if not was_cut:
            assert turns > 5
            return
    pytest.fail("the run never comes to its end")
