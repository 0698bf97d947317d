"""What holds of every queue under any sequence of acts: no message is lost, none is in two places."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.runtime.clock import VirtualClock
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Event, RunResumed
from penstock.runtime.queues.messages import Where
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler


def new_queues(scheduler: Scheduler, journal: Journal, *, fifo: bool, resumed_at: int) -> Queues:
    ending = ".fifo" if fifo else ""
    made = [
        QueueSettings(
            name=name,
            arn=f"arn:{name}",
            url=f"https://{name}",
            fifo=fifo,
            content_based_deduplication=fifo,
            visibility_timeout_seconds=10.0,
            dead_letter_queue=f"dead{ending}" if name.startswith("work") else None,
            max_receive_count=2,
        )
        for name in (f"work{ending}", f"dead{ending}")
    ]
    return Queues(made, scheduler=scheduler, journal=journal, ids=Ids(0, resumed_at=resumed_at))


class QueueMachine(RuleBasedStateMachine):
    """Sends, receives, deletes, waits, changes visibility, and is cut off and rebuilt from its journal."""

    fifo = False

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(VirtualClock())
        self.events: list[Event] = []
        self.alive: set[str] = set()
        self.held: list[str] = []
        self.order: dict[str, list[str]] = {}
        self.sent = 0
        self.work = "work.fifo" if self.fifo else "work"
        self.dead = "dead.fifo" if self.fifo else "dead"
        self.queues = self._fresh()

    def _fresh(self) -> Queues:
        journal = Journal()
        journal.subscribe(self.events.append)
        return new_queues(self.scheduler, journal, fifo=self.fifo, resumed_at=len(self.events))

    @rule(group=st.sampled_from("ab"), delay=st.sampled_from([0, 0, 7]))
    def send(self, group: str, delay: int) -> None:
        self.sent += 1
        sent = self.queues.send(
            self.work,
            f"body {self.sent}",
            delay_seconds=None if self.fifo else delay,
            group_id=group if self.fifo else None,
        )
        self.alive.add(sent.message_id)
        self.order.setdefault(group, []).append(sent.message_id)

    @rule(most=st.integers(1, 5))
    def receive(self, most: int) -> None:
        found = self.queues.receive(self.work, most)
        ids = [message.message_id for message in found]
        assert len(ids) == len(set(ids)) <= most
        assert set(ids) <= self.alive
        assert all(message.receive_count <= 2 for message in found)
        if self.fifo:
            for group, order in self.order.items():
                of_group = [message.message_id for message in found if message.group_id == group]
                here = [one for one in order if one in self.queues.find(self.work).messages]
                assert of_group == here[: len(of_group)]
        self.held += ids

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(set(self.held))))
        if chosen in self.queues.find(self.work).messages:
            self.queues.delete(self.work, [chosen])
            self.alive.discard(chosen)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.sampled_from([0, 3, 50]))
    def change_visibility(self, data: st.DataObject, seconds: int) -> None:
        chosen = data.draw(st.sampled_from(sorted(set(self.held))))
        self.queues.change_visibility(self.work, [chosen], seconds)

    @rule(seconds=st.sampled_from([1, 5, 11]))
    def wait(self, seconds: int) -> None:
        self.scheduler.run_for(seconds)

    @rule()
    def be_cut_off(self) -> None:
        past = list(self.events)
        self.queues = self._fresh()
        for event in past:
            self.queues.apply(event)
        resumed = RunResumed(at=self.scheduler.now())
        self.events.append(resumed)
        self.queues.apply(resumed)
        self.queues.after_resume()

    @invariant()
    def every_message_is_in_exactly_one_place(self) -> None:
        places = [
            message_id for name in (self.work, self.dead) for message_id in self.queues.find(name).messages
        ]
        assert sorted(places) == sorted(self.alive)

    @invariant()
    def the_counts_agree(self) -> None:
        for name in (self.work, self.dead):
            queue = self.queues.find(name)
            where = [message.where for message in queue.messages.values()]
            assert queue.in_flight == where.count(Where.IN_FLIGHT)
            assert queue.delayed == where.count(Where.DELAYED)
            assert queue.visible == where.count(Where.VISIBLE)


class FifoQueueMachine(QueueMachine):
    """The same of FIFO queues, whose groups keep their order."""

    fifo = True


TestStandardQueue = QueueMachine.TestCase
TestFifoQueue = FifoQueueMachine.TestCase
for case in (TestStandardQueue, TestFifoQueue):
    case.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
