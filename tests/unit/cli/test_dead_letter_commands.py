"""`penstock dlq`: what lies where, what it tells of, and sending it back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import main
from penstock.errors import UsageError
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import Letter
from penstock.runtime.dead_letters.pulling import as_test
from penstock.runtime.dead_letters.redrive import redrive
from penstock.runtime.embedded import Embedded
from penstock.runtime.runs import find_runs
from penstock.runtime.state_folder import last_run, new_run
from pipelines.file_processing import pipeline as file_processing
from pipelines.stream_analytics import pipeline as stream_analytics

PROJECT = Path(__file__).resolve().parents[3]
DEPARTURE = {
    "at": "2013-01-01T05:00:00+00:00",
    "flight": "UA 1",
    "origin": "EWR",
    "scheduled": "2013-01-01T05:00:00+00:00",
    "delay_minutes": 0,
}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(PROJECT)
    return tmp_path / "state"


def dlq(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["dlq", *arguments, "--state", str(state)])


def leave_undecodable_messages(state: Path, *bodies: str) -> None:
    """Messages that start-job cannot decode end in undelivered-files."""
    run = Embedded(file_processing, new_run(file_processing.name, base=state), clock=VirtualClock())
    with run:
        for body in bodies:
            run.queues.send("file-events", body)
        run.run_until_idle()


def leave_poison(state: Path) -> None:
    """A line that is no departure ends in poison-departures."""
    source = state.parent / "in.jsonl"
    source.write_text(f"{json.dumps(DEPARTURE)}\nnot JSON\n")
    clock = VirtualClock(1356998400.0)
    with Embedded(stream_analytics, new_run(stream_analytics.name, base=state), clock=clock) as run:
        run.feed(source)
        run.run_until_idle()


def letters(state: Path, queue: str) -> list[str]:
    run = Embedded(file_processing, last_run(file_processing.name, base=state), clock=VirtualClock(0.0))
    with run:
        return [message.body for message in run.queues.find(queue).messages.values()]


def test_letters_are_listed_and_shown_with_where_they_came_from(state: Path) -> None:
    """Looking changes nothing: they can be looked at again."""
    leave_undecodable_messages(state, "no event", '{"also": "none"}')
    for _ in range(2):
        listed = dlq(state, "ls", "file-processing")
        assert listed.exit_code == 0, listed.output
        assert "     2  undelivered-files" in listed.output.splitlines()
        shown = dlq(state, "show", "file-processing", "undelivered-files")
        assert shown.output.count("from queue file-events: ") == 2
        assert "  no event" in shown.output.splitlines()
    wanted = dlq(
        state,
        "show",
        "file-processing",
        "undelivered-files",
        "--where",
        '{"body": {"also": [{"exists": true}]}}',
    )
    assert "no event" not in wanted.output
    assert '{"also": "none"}' in wanted.output


def test_letters_go_back_and_are_worked_on(state: Path) -> None:
    """What still cannot be decoded comes back; a dry run sends nothing."""
    leave_undecodable_messages(state, "no event")
    dry = dlq(state, "redrive", "file-processing", "undelivered-files", "--dry-run")
    assert "would go back to queue file-events" in dry.output
    assert "0 sent back" in dry.output
    sent = dlq(state, "redrive", "file-processing", "undelivered-files", "--rate", "2")
    assert sent.exit_code == 0, sent.output
    assert "1 sent back" in sent.output
    assert letters(state, "undelivered-files") == ["no event"]


def test_a_letter_is_mended_before_it_goes_back(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the editor's text; what the editor left unsaved stays where it is."""
    leave_undecodable_messages(state, "no event", "another")
    test_event = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
    monkeypatch.setattr("click.edit", lambda text: test_event if text == "no event" else None)
    sent = dlq(state, "redrive", "file-processing", "undelivered-files", "--edit")
    assert "1 sent back" in sent.output, sent.output
    assert "left as it is" in sent.output
    assert letters(state, "undelivered-files") == ["another"]


def test_a_stream_letter_shows_its_records_and_puts_them_back(state: Path) -> None:
    """The records are read from the stream while it keeps them."""
    leave_poison(state)
    shown = dlq(state, "show", "stream-analytics", "poison-departures", "--records")
    assert "  not JSON" in shown.output.splitlines(), shown.output
    sent = dlq(state, "redrive", "stream-analytics", "poison-departures")
    assert "goes back to stream departures" in sent.output
    again = dlq(state, "ls", "stream-analytics")
    assert "     1  poison-departures" in again.output.splitlines()


@pytest.mark.parametrize("name", ["file-processing", "stream-analytics"])
def test_a_letter_becomes_a_test_that_fails_until_it_is_mended(state: Path, name: str) -> None:
    """The file is a whole test: pytest runs it as it is."""
    if name == "file-processing":
        leave_undecodable_messages(state, 'no "event"')
        queue = "undelivered-files"
    else:
        leave_poison(state)
        queue = "poison-departures"
    message_id = dlq(state, "show", name, queue).output.split()[0]
    pulled = dlq(state, "pull", name, queue, message_id[:8], "--into", str(state.parent / "pulled"))
    assert pulled.exit_code == 0, pulled.output
    (path,) = (state.parent / "pulled").glob("test_*.py")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(PROJECT),
            str(path),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "batchItemFailures" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "file-processing", "nowhere"), "there is no queue"),
        (("show", "file-processing", "undelivered-files", "--where", "[1]"), "no event pattern"),
        (("pull", "file-processing", "undelivered-files", "ffff"), "begin with ffff"),
        (("ls", "nowhere"), "no pipeline is called"),
    ],
)
def test_what_is_not_there_is_said(state: Path, arguments: tuple[str, ...], word: str) -> None:
    """With a remedy."""
    leave_undecodable_messages(state, "no event")
    result = dlq(state, *arguments)
    assert result.exit_code == 2
    assert word in result.output
    assert "fix: " in result.output


def test_a_run_that_was_finished_stays_so(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the look at it: a queue that is not there, a reader that has seen enough."""
    leave_undecodable_messages(state, "no event")

    def status() -> str:
        (found,) = find_runs(state)
        return found.status

    assert dlq(state, "show", "file-processing", "nowhere").exit_code == 2
    assert status() == "finished"

    def seen_enough(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("click.echo", seen_enough)
    assert dlq(state, "ls", "file-processing").exit_code != 0
    assert status() == "finished"


def test_a_record_of_a_stream_that_could_not_be_decoded_has_no_way_back() -> None:
    """A handler sent it here: the letter says from which stream, and what is left to do."""
    letter = Letter(
        queue="failed",
        message_id="m",
        receipt_handle="r",
        body="not JSON",
        attributes={
            "Source": "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
            "RecordId": "1",
            "Handler": "handlers.clicks.count",
        },
        system={},
        origin=None,
    )

    def no_client(service: str) -> object:
        raise AssertionError(service)

    assert letter.came_from() == "stream clicks"
    with pytest.raises(UsageError, match="stream/clicks that could not be decoded has no way back"):
        redrive(letter, no_client)
    with pytest.raises(UsageError, match="count could not decode") as raised:
        as_test(letter, stream_analytics, no_client)
    assert "kinesis_event(...)" in str(raised.value)
    assert "'not JSON'" in str(raised.value)
