"""The process that workers are forked from is started ahead of a run, and used if it fits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from penstock.runtime.clock import RealClock
from penstock.runtime.invocation import Invocation, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Router
from penstock.runtime.workers.pool import PoolInvoker
from penstock.runtime.workers.starting import Zygote, start_zygote, zygote_ahead

HANDLER = """
import os

def parent(event, context):
    return {"parent": os.getppid(), "variable": os.environ.get("SAID_BY_A_PIPELINE")}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "told.py").write_text(HANDLER)
    return tmp_path


def asked(project: Path, zygote: Zygote) -> bytes | None:
    """What a function answers that runs in a pool with this zygote ahead."""
    scheduler, told = Scheduler(RealClock()), list[InvocationOutcome]()
    invocation = Invocation(
        function="told",
        handler="told.parent",
        payload=b"{}",
        request_id="1",
        arn="arn:aws:lambda:us-east-1:000000000000:function:told",
    )
    pool = PoolInvoker(
        scheduler, Router(), project=project, store=project, logs=project / "logs", workers=1, ahead=zygote
    )
    try:
        pool.invoke(invocation, told.append)
        scheduler.run_until(lambda: bool(told))
    finally:
        pool.close()
    assert told[0].error is None, told[0].error
    return told[0].payload


def test_workers_are_forked_from_it(project: Path) -> None:
    """A project that the path has by now makes no difference: every worker has it."""
    with pytest.MonkeyPatch.context() as patched, zygote_ahead() as zygote:
        patched.syspath_prepend(str(project))
        assert asked(project, zygote) == b'{"parent": %d, "variable": null}' % zygote.process.pid
        assert zygote.process.returncode == 0


def test_what_a_pipeline_says_when_it_is_declared_reaches_its_functions(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was started without its variables is of no use, and ends."""
    with zygote_ahead() as zygote:
        monkeypatch.setenv("SAID_BY_A_PIPELINE", "yes")
        answer = asked(project, zygote)
        assert answer is not None
        assert b'"variable": "yes"' in answer
        assert b'"parent": %d,' % zygote.process.pid not in answer
        assert zygote.process.returncode == -9


def test_a_path_that_was_added_to(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions import from where their declaration does."""
    with zygote_ahead() as zygote:
        assert zygote.fits(project)
        monkeypatch.setattr(sys, "path", [*sys.path, str(project / "lib")])
        assert not zygote.fits(project)


def test_one_that_nobody_needs_is_gone_afterwards(project: Path) -> None:
    """Whatever ends the command: here, a mistake in its use."""
    with pytest.raises(LookupError), zygote_ahead() as zygote:
        raise LookupError
    assert zygote.process.returncode == -9
    with pytest.raises(ProcessLookupError):
        os.kill(zygote.process.pid, 0)


def test_it_ends_by_itself_with_its_run() -> None:
    """At the end of the connection, wherever in its start it is."""
    zygote = start_zygote()
    zygote.end()
    assert zygote.process.returncode == 0
