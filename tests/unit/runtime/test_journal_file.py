"""The journal's file: whole turns or nothing, also after a kill; and the folder that it lies in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StateFolderError
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.journal_events import Event, QueuePurged, RunFinished, RunResumed
from penstock.runtime.state_folder import hold, last_run, new_run


def purged(name: str) -> QueuePurged:
    return QueuePurged(at=1.0, queue=name)


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    """In order, with their types."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(purged("a"))
    journal.append(RunResumed(at=2.5))
    journal.close()
    assert list(read_journal(path)) == [purged("a"), RunResumed(at=2.5)]


def test_nothing_is_written_before_the_flush(tmp_path: Path) -> None:
    """A turn goes into the file with one write."""
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append(purged("a"))
    assert path.read_bytes() == b""
    journal.flush()
    assert len(list(read_journal(path))) == 1


@given(
    turns=st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=4), min_size=1, max_size=6),
    data=st.data(),
)
def test_a_torn_file_reads_as_whole_turns(
    turns: list[list[str]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut anywhere: what is read is a prefix of the turns, and the journal can be continued from there."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal(path)
    ends = [0]
    for turn in turns:
        for name in turn:
            journal.append(purged(name))
        journal.flush()
        ends.append(path.stat().st_size)
    journal.close()
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    whole = max(number for number, end in enumerate(ends) if end <= cut)
    expected: list[Event] = [purged(name) for turn in turns[:whole] for name in turn]
    assert list(read_journal(path)) == expected
    again = Journal(path)
    again.append(RunFinished(at=9.0))
    again.close()
    assert list(read_journal(path)) == [*expected, RunFinished(at=9.0)]


def test_a_line_that_is_no_event_is_an_error(tmp_path: Path) -> None:
    """Something else has written to the file; the line is named."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"type":"RunFinished","at":1.0}\nnonsense\n')
    with pytest.raises(StateFolderError, match="is not an event") as caught:
        list(read_journal(path))
    assert str(caught.value.at).endswith("journal.jsonl:2")


def test_subscribers_hear_their_kinds(tmp_path: Path) -> None:
    """Some kinds, or all; until the subscription is ended."""
    journal = Journal()
    some: list[Event] = []
    every: list[Event] = []
    end = journal.subscribe(some.append, RunFinished)
    journal.subscribe(every.append)
    journal.append(purged("a"))
    journal.append(RunFinished(at=1.0))
    end()
    journal.append(RunFinished(at=2.0))
    assert some == [RunFinished(at=1.0)]
    assert len(every) == 3


def test_a_full_disk_is_said_to_be_full() -> None:
    """ENOSPC: the error says how to go on, and the journal takes nothing more."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("only Linux has a device that is always full")
    journal = Journal(full)
    journal.append(purged("a"))
    with pytest.raises(StateFolderError, match="the disk is full") as caught:
        journal.flush()
    assert "--resume" in str(caught.value.fix)
    with pytest.raises(StateFolderError, match="can no longer be written"):
        journal.append(purged("b"))


def test_runs_are_numbered_and_the_last_one_is_found(tmp_path: Path) -> None:
    """run-0001, run-0002, ...; resuming takes the last."""
    for _ in range(3):
        new_run("p", base=tmp_path).release()
    with last_run("p", base=tmp_path) as folder:
        assert folder.run_id == "run-0003"


def test_a_folder_has_one_holder(tmp_path: Path) -> None:
    """Until it is released."""
    folder = new_run("p", base=tmp_path)
    with pytest.raises(StateFolderError, match="in use by process"):
        hold(folder.path)
    folder.release()
    hold(folder.path).release()
