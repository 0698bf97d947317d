"""Event buses that are targets of rules, on the embedded target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from penstock.errors import UsageError
from penstock.pipelines import Bucket, EventBus, EventRule, Pipeline, Queue, RuleTarget
from penstock.runtime.clock import VirtualClock
from penstock.runtime.dead_letters.letters import letters_in
from penstock.runtime.dead_letters.redrive import redrive
from penstock.runtime.embedded import Embedded
from penstock.runtime.journal import read_journal
from penstock.runtime.journal_events import EventPut
from penstock.runtime.state_folder import last_run, new_run
from penstock.testing.faults import unreachable

COPIES, ECHOES = EventBus("copies"), EventBus("echoes")
COPIED, ECHOED, LETTERS, LOST = Queue("copied"), Queue("echoed"), Queue("letters"), Queue("lost")
FILES = Bucket("files", event_bridge_enabled=True)
ALL: dict[str, object] = {"source": [{"exists": True}]}
RULES = (
    FILES,
    EventRule(
        "copy", pattern={"source": ["shop", "aws.s3"]}, to=(RuleTarget(COPIES, dead_letter_queue=LOST),)
    ),
    EventRule("keep", bus=COPIES, pattern=ALL, to=(COPIED,)),
    EventRule("echo", bus=COPIES, pattern=ALL, to=(RuleTarget(ECHOES, dead_letter_queue=LETTERS),)),
    EventRule("keep-echoes", bus=ECHOES, pattern=ALL, to=(ECHOED,)),
)
PIPELINE = Pipeline("test", parts=RULES)
SCHEDULED = Pipeline("test", parts=(*RULES, EventRule("hourly", schedule="rate(1 hour)", to=(COPIES,))))


def started(base: Path, pipeline: Pipeline = PIPELINE) -> Embedded:
    return Embedded(pipeline, new_run("test", base=base), clock=VirtualClock())


def put(run: Embedded, *, bus: str = "default", count: int = 1) -> list[str]:
    client: Any = run.client("events")
    entry = {"Source": "shop", "DetailType": "order", "EventBusName": bus}
    entries = [entry | {"Detail": json.dumps({"n": n})} for n in range(count)]
    return [one["EventId"] for one in client.put_events(Entries=entries)["Entries"]]


def events(run: Embedded, queue: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in run.queues.find(queue).messages.values()]


def test_events_arrive_in_order_and_as_they_were(tmp_path: Path) -> None:
    """The same ids, in the order in which they were put; the journal tells both buses."""
    with started(tmp_path) as run:
        ids = put(run, count=3)
        run.run_until_idle()
        found = events(run, "copied")
        run.journal.flush()
        told = [one for one in read_journal(run.folder.journal) if isinstance(one, EventPut)]
    assert [one["id"] for one in found] == ids
    assert [one["detail"]["n"] for one in found] == [0, 1, 2]
    assert [(one.bus, one.forwarded, one.event_id) for one in told[:2]] == [
        ("default", False, ids[0]),
        ("copies", True, ids[0]),
    ]


def test_a_third_bus_never_gets_an_event(tmp_path: Path) -> None:
    """Once it was sent it goes no further; what is put on the second bus itself goes on from there."""
    with started(tmp_path) as run:
        (sent,) = put(run)
        (own,) = put(run, bus="copies")
        run.run_until_idle()
        (letter,) = run.queues.find("letters").messages.values()
        assert [one["id"] for one in events(run, "echoed")] == [own]
    assert json.loads(letter.body)["id"] == sent
    assert letter.attributes["ERROR_CODE"].string_value == "THIRD_ACCOUNT_HOP_DETECTED"
    assert sent in (letter.attributes["ERROR_MESSAGE"].string_value or "")


def test_objects_are_heard_of_on_another_bus(tmp_path: Path) -> None:
    """What services tell the default bus, such as S3, is sent on like anything else."""
    with started(tmp_path) as run:
        run.upload(b"1", bucket="files", key="a.txt")
        run.run_until_idle()
        (event,) = events(run, "copied")
    assert (event["source"], event["detail"]["object"]["key"]) == ("aws.s3", "a.txt")


def test_a_schedule_goes_on_after_its_event_was_sent_on(tmp_path: Path) -> None:
    """Its times are those of its own bus, also in a run that was cut off."""
    with started(tmp_path, SCHEDULED) as run:
        run.scheduler.run_for(2.5 * 3600)
        first = events(run, "copied")
    with Embedded(SCHEDULED, last_run("test", base=tmp_path), clock=VirtualClock()) as run:
        run.scheduler.run_for(2.5 * 3600)
        every = events(run, "copied")
    assert len(first) == 2
    assert [one["time"][11:] for one in every] == ["01:00:00Z", "02:00:00Z", "03:00:00Z", "04:00:00Z"]


def test_a_bus_that_cannot_be_reached_gets_the_event_later(tmp_path: Path) -> None:
    """It is tried again, in a run that goes on as well; what is never taken is a dead letter, as it was."""
    with started(tmp_path) as run:
        unreachable(run, COPIES, seconds=30)
        (sent,) = put(run)
        assert events(run, "copied") == []
    with Embedded(PIPELINE, last_run("test", base=tmp_path), clock=VirtualClock()) as run:
        run.run_until_idle()
        assert [one["id"] for one in events(run, "copied")] == [sent]
        assert len(events(run, "letters")) == 1
        with unreachable(run, COPIES):
            (lost,) = put(run)
            run.run_until_idle()
        (letter,) = events(run, "lost")
    assert letter["id"] == lost


def test_an_event_for_a_third_bus_does_not_go_back(tmp_path: Path) -> None:
    """It would be another event there; the error says which bus, and the letter stays."""
    with started(tmp_path) as run:
        put(run)
        run.run_until_idle()
        with letters_in(run.client("sqs"), "letters") as (letter,):
            with pytest.raises(UsageError, match="event-bus/echoes has no way back") as refused:
                redrive(letter, cast("Any", run.client))
            assert refused.value.at == letter.message_id
        assert len(run.queues.find("letters").messages) == 1
