"""SQS queues: what is received, when it comes back, where it goes in the end. Each test names its rule."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from penstock.runtime.clock import VirtualClock
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Attribute, Event, RunResumed
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import ServiceError


@dataclass
class Bench:
    scheduler: Scheduler
    queues: Queues
    events: list[Event]

    def pass_seconds(self, seconds: float) -> None:
        self.scheduler.run_for(seconds)

    def bodies(self, name: str, most: int = 10, **options: float) -> list[str]:
        return [message.body for message in self.queues.receive(name, most, **options)]  # type: ignore[arg-type]


def settings(name: str, **options: object) -> QueueSettings:
    arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    return QueueSettings(name=name, arn=arn, url=f"https://sqs/{name}", **options)  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Bench:
    scheduler = Scheduler(VirtualClock())
    journal = Journal()
    events: list[Event] = []
    journal.subscribe(events.append)
    queues = Queues(
        [
            settings("plain", visibility_timeout_seconds=30.0),
            settings("redriven", dead_letter_queue="dead", max_receive_count=2),
            settings("dead"),
            settings("slow", delay_seconds=5.0),
            settings("short", message_retention_seconds=60.0),
            settings("line.fifo", fifo=True, dead_letter_queue="dead.fifo", max_receive_count=1),
            settings("dead.fifo", fifo=True),
            settings("content.fifo", fifo=True, content_based_deduplication=True),
        ],
        scheduler=scheduler,
        journal=journal,
        ids=Ids(1),
    )
    return Bench(scheduler, queues, events)


def test_a_received_message_is_invisible_until_its_timeout(bench: Bench) -> None:
    """SQS, "Visibility timeout": nobody else receives it meanwhile; then it comes again, counted."""
    bench.queues.send("plain", "a")
    assert bench.bodies("plain") == ["a"]
    bench.pass_seconds(29.9)
    assert bench.bodies("plain") == []
    bench.pass_seconds(0.1)
    (message,) = bench.queues.receive("plain", 10)
    assert message.receive_count == 2


def test_a_message_that_is_received_again_and_again_comes_once_each_time(bench: Bench) -> None:
    """However often it comes back, one receive gives it once."""
    for body in "abc":
        bench.queues.send("plain", body)
    for _ in range(5):
        assert sorted(bench.bodies("plain")) == ["a", "b", "c"]
        bench.pass_seconds(30)


def test_a_deleted_message_never_comes_back(bench: Bench) -> None:
    """DeleteMessage ends it, wherever it is."""
    sent = bench.queues.send("plain", "a")
    bench.bodies("plain")
    bench.queues.delete("plain", [sent.message_id])
    bench.pass_seconds(60)
    assert bench.bodies("plain") == []


def test_visibility_can_be_changed(bench: Bench) -> None:
    """ChangeMessageVisibility counts from now; 0 makes the message visible at once."""
    sent = bench.queues.send("plain", "a")
    bench.bodies("plain")
    bench.queues.change_visibility("plain", [sent.message_id], 100)
    bench.pass_seconds(99)
    assert bench.bodies("plain") == []
    bench.pass_seconds(1)
    assert bench.bodies("plain") == ["a"]
    bench.queues.change_visibility("plain", [sent.message_id], 0)
    assert bench.bodies("plain") == ["a"]


def test_redrive_after_the_maximum_of_receives(bench: Bench) -> None:
    """SQS, "Using dead-letter queues": received twice and not deleted, the third receive moves it."""
    bench.queues.send("redriven", "bad", attributes={"n": Attribute(data_type="Number", string_value="1")})
    for _ in range(2):
        assert bench.bodies("redriven") == ["bad"]
        bench.pass_seconds(30)
    assert bench.bodies("redriven") == []
    (letter,) = bench.queues.receive("dead", 10)
    assert letter.body == "bad"
    assert letter.attributes["n"].string_value == "1"
    assert letter.dead_letter_source == "arn:aws:sqs:us-east-1:123456789012:redriven"


def test_a_spent_message_does_not_hide_the_others(bench: Bench) -> None:
    """What is moved on the way makes room: the receive still gives what it was asked for."""
    bench.queues.send("redriven", "bad")
    for _ in range(2):
        bench.bodies("redriven")
        bench.pass_seconds(30)
    bench.queues.send("redriven", "good")
    assert bench.bodies("redriven", 1) == ["good"]


def test_a_delayed_message_is_not_there_yet(bench: Bench) -> None:
    """The queue's delay holds, unless the message has its own."""
    bench.queues.send("slow", "a")
    bench.queues.send("slow", "b", delay_seconds=0)
    assert bench.bodies("slow") == ["b"]
    bench.pass_seconds(5)
    assert bench.bodies("slow") == ["a"]


def test_retention_ends_a_message(bench: Bench) -> None:
    """MessageRetentionPeriod: the only way to lose one by rule, and the journal tells of it."""
    bench.queues.send("short", "a")
    bench.pass_seconds(61)
    assert bench.bodies("short") == []
    assert type(bench.events[-1]).__name__ == "MessagesExpired"


def test_a_group_is_blocked_while_one_of_it_is_in_flight(bench: Bench) -> None:
    """SQS, "FIFO queue delivery logic": order within a group, groups beside each other."""
    for body in ("a1", "a2", "b1"):
        bench.queues.send("content.fifo", body, group_id=body[0])
    assert bench.bodies("content.fifo", 1) == ["a1"]
    (b1,) = bench.queues.receive("content.fifo", 10)
    assert b1.body == "b1"
    first = next(iter(bench.queues.find("content.fifo").messages))
    bench.queues.delete("content.fifo", [first])
    assert bench.bodies("content.fifo") == ["a2"]


def test_a_duplicate_within_five_minutes_is_the_same_message(bench: Bench) -> None:
    """SQS, "Exactly-once processing": its send succeeds, and adds nothing."""
    first = bench.queues.send("content.fifo", "a", group_id="g")
    bench.pass_seconds(299)
    again = bench.queues.send("content.fifo", "a", group_id="g")
    assert (again.message_id, again.sequence_number) == (first.message_id, first.sequence_number)
    assert len(bench.queues.find("content.fifo").messages) == 1
    bench.pass_seconds(2)
    assert bench.queues.send("content.fifo", "a", group_id="g").message_id != first.message_id


def test_a_fifo_redrive_keeps_the_group(bench: Bench) -> None:
    """The dead letter is in the same group, with a sequence number of its new queue."""
    bench.queues.send("line.fifo", "a", group_id="g", deduplication_id="1")
    assert bench.bodies("line.fifo") == ["a"]
    bench.pass_seconds(30)
    assert bench.bodies("line.fifo") == []
    (letter,) = bench.queues.receive("dead.fifo", 1)
    assert letter.group_id == "g"


@pytest.mark.parametrize(
    ("queue", "options", "code"),
    [
        ("nowhere", {}, "AWS.SimpleQueueService.NonExistentQueue"),
        ("line.fifo", {}, "MissingParameter"),
        ("line.fifo", {"group_id": "g"}, "InvalidParameterValue"),
        ("plain", {"deduplication_id": "1"}, "InvalidParameterValue"),
    ],
)
def test_sends_that_sqs_refuses(bench: Bench, queue: str, options: dict[str, str], code: str) -> None:
    """Each with AWS's code; nothing is kept."""
    with pytest.raises(ServiceError) as caught:
        bench.queues.send(queue, "a", **options)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert not bench.events


@pytest.mark.parametrize("body", ["", "a\x00b", "x" * (1024 * 1024 + 1)])
def test_bodies_that_sqs_refuses(bench: Bench, body: str) -> None:
    """Empty, with characters outside of XML's, over 1 MiB."""
    with pytest.raises(ServiceError):
        bench.queues.send("plain", body)


def test_listeners_are_told_when_something_can_be_received(bench: Bench) -> None:
    """At a send, and when a visibility timeout is over; nothing polls."""
    told: list[float] = []
    bench.queues.listen("plain", lambda: told.append(bench.scheduler.now()))
    start = bench.scheduler.now()
    bench.queues.send("plain", "a")
    bench.pass_seconds(1)
    assert told == [start]
    bench.bodies("plain")
    bench.pass_seconds(40)
    assert told == [start, start + 31]


def test_a_queue_is_rebuilt_from_its_events(bench: Bench) -> None:
    """Applying the journal to fresh queues, and undoing what was in flight, gives every undeleted message."""
    kept = bench.queues.send("plain", "kept")
    gone = bench.queues.send("plain", "gone")
    bench.queues.send("redriven", "bad")
    for _ in range(2):
        bench.bodies("redriven")
        bench.bodies("plain")
        bench.pass_seconds(30)
    bench.bodies("redriven")
    bench.bodies("plain")
    bench.queues.delete("plain", [gone.message_id])
    again = Queues(
        [settings(name, dead_letter_queue="dead") for name in ("plain", "redriven", "dead")],
        scheduler=bench.scheduler,
        journal=Journal(),
        ids=Ids(2),
    )
    for event in bench.events:
        again.apply(event)
    again.apply(RunResumed(at=bench.scheduler.now()))
    again.after_resume()
    (message,) = again.receive("plain", 10)
    assert message.message_id == kept.message_id
    assert message.receive_count == 3  # the delivery that was in flight is undone: this is the third
    assert [letter.body for letter in again.receive("dead", 10)] == ["bad"]


def test_one_look_is_enough_for_what_comes_together(bench: Bench) -> None:
    """A listener is told once of messages that were sent in one turn, and again of later ones."""
    looks: list[int] = []
    bench.queues.listen("plain", lambda: looks.append(bench.queues.find("plain").visible))
    for body in "abc":
        bench.queues.send("plain", body)
    bench.scheduler.run_until_idle()
    bench.queues.send("plain", "d")
    bench.scheduler.run_until_idle()
    assert looks == [3, 4]
