"""A queue and its mapping under any pattern of failures and crashes, beside a reference model.

The model is a list for each message group and a few lines for each thing that may happen; in a standard queue every
message is a group of its own. It is asked whether a batch
may be delivered, and told what came of it; in the end, and after every step, the queue holds what the model holds.

Sources: SQS, "FIFO queue delivery logic", "Using dead-letter queues"; Lambda, "Handling errors for an SQS event
source". A new process knows of the old one what is in the journal: a delivery that was under way then never was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from penstock.runtime.clock import VirtualClock
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.settings import FunctionSettings
from penstock.runtime.ids import Ids
from penstock.runtime.invocation import FunctionError, Invocation, InvocationOutcome, written
from penstock.runtime.journal import Journal, read_journal
from penstock.runtime.journal_events import Event, MessageDeadLettered, RunResumed
from penstock.runtime.mappings.queue_mapping import QueueMapping, QueueMappingSettings
from penstock.runtime.queues.queue import QueueSettings
from penstock.runtime.queues.queues import Queues
from penstock.runtime.scheduler import Scheduler
from tests.properties.sometimes import Sometimes

VISIBILITY_SECONDS = 30.0
MOST_RECEIVES = 2

CrashAt = Literal["handler", "acknowledgement", "flush"]


class Crash(Exception):
    """The process ends."""


# --- The reference model ----------------------------------------------------------------------------------


@dataclass
class Message:
    """A message of the model; it is hidden while `hidden_until` lies ahead."""

    body: str
    receives: int = 0
    hidden_until: float = 0.0


@dataclass
class Model:
    """What a FIFO queue with a redrive policy is: a list for each group, and the dead letters."""

    groups: dict[str, list[Message]] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)

    def send(self, group: str, body: str) -> None:
        self.groups.setdefault(group, []).append(Message(body))

    def dead_letter(self, body: str) -> None:
        """A message goes to the dead-letter queue: the first of its group, after enough receives, and not hidden."""
        group = next(one for one in self.groups.values() if any(m.body == body for m in one))
        assert group[0].body == body, "not the first of its group"
        assert group[0].receives >= MOST_RECEIVES, "not received often enough"
        self.dead.append(group.pop(0).body)

    def deliver(self, bodies: list[str], now: float) -> None:
        """A batch is given to the function: from the front of each group, of which nothing is in flight."""
        for name, group in self.groups.items():
            taken = [body for body in bodies if body.partition("-")[0] == name]
            if not taken:
                continue
            assert not any(one.hidden_until > now for one in group), f"group {name} has messages in flight"
            assert taken == [one.body for one in group[: len(taken)]], f"group {name} is out of order"
            for one in group[: len(taken)]:
                assert one.receives < MOST_RECEIVES, "delivered once too often"
                one.receives += 1
                one.hidden_until = now + VISIBILITY_SECONDS

    def delete(self, bodies: list[str]) -> None:
        for group in self.groups.values():
            group[:] = [one for one in group if one.body not in bodies]

    def cut_off(self, now: float) -> None:
        """The consumer is gone with the process: what it had received counts as never received."""
        for group in self.groups.values():
            for one in group:
                if one.hidden_until > now:
                    one.hidden_until, one.receives = 0.0, one.receives - 1

    def left(self) -> set[str]:
        return {one.body for group in self.groups.values() for one in group}


# --- The function -----------------------------------------------------------------------------------------


@dataclass
class Scripted:
    """Works on a batch in order; once a message of a group fails, the rest of that group has failed, too."""

    machine: FifoMachine

    def invoke(self, invocation: Invocation, done: Callable[[InvocationOutcome], None]) -> None:
        machine = self.machine
        records = json.loads(written(invocation.payload))["Records"]
        bodies = [str(one["body"]) for one in records]
        machine.model.deliver(bodies, machine.scheduler.now())
        failed: list[str] = []
        blocked: set[str] = set()
        for record, body in zip(records, bodies, strict=True):
            group = body.partition("-")[0]
            if group in blocked or machine.failures.get(body, 0) > 0:
                machine.failures[body] = machine.failures.get(body, 0) - (group not in blocked)
                blocked.add(group)
                failed.append(record["messageId"])
            else:
                machine.worked_on(body)
        machine.crash_if("handler")
        outcome = InvocationOutcome(request_id=invocation.request_id, payload=b"null")
        if failed and machine.report:
            answer = {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
            outcome = InvocationOutcome(request_id=invocation.request_id, payload=json.dumps(answer).encode())
            machine.sometimes.reach("part of a batch failed", len(failed) < len(records))
        elif failed:
            error = FunctionError(error_type="ValueError", error_message="no")
            outcome = InvocationOutcome(request_id=invocation.request_id, error=error)
            machine.sometimes.reach("a whole batch failed")

        def acknowledged() -> None:
            machine.crash_if("acknowledgement")
            done(outcome)

        machine.scheduler.call_soon(acknowledged)

    def close(self) -> None: ...


class FifoMachine(RuleBasedStateMachine):
    """Sends, lets messages fail, lets time pass, and crashes: in the handler, before the deletion, after it."""

    sometimes = Sometimes()
    fifo = True
    work, dead = "work.fifo", "dead.fifo"

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal"
        self.model, self.kept = Model(), Model()
        self.journaled_at = self.kept_at = 0.0
        self.report = True
        self.failures: dict[str, int] = {}
        self.done: list[str] = []
        self.once_dead: set[str] = set()
        self.sent = 0
        self.crash_at: CrashAt | None = None
        self.clock = VirtualClock()
        self._start()

    def _start(self) -> None:
        past = tuple(read_journal(self.path)) if self.path.exists() else ()
        self.journal = Journal(self.path)
        self.scheduler = Scheduler(self.clock, after_turn=self._flush)
        ids = Ids(0, resumed_at=len(past))
        self.queues = Queues(
            [
                QueueSettings(
                    name=name,
                    arn=f"arn:{name}",
                    url=f"https://{name}",
                    fifo=self.fifo,
                    content_based_deduplication=self.fifo,
                    visibility_timeout_seconds=VISIBILITY_SECONDS,
                    dead_letter_queue=self.dead if name == self.work else None,
                    max_receive_count=MOST_RECEIVES,
                )
                for name in (self.work, self.dead)
            ],
            scheduler=self.scheduler,
            journal=self.journal,
            ids=ids,
        )
        functions = Functions(
            [FunctionSettings(name="work", arn="arn:work", handler="a.b", timeout_seconds=5)],
            invoker=Scripted(self),
            scheduler=self.scheduler,
            journal=self.journal,
            ids=ids,
            queues=self.queues,
        )
        mapping = QueueMapping(
            QueueMappingSettings(name="m", queue=self.work, function="work", batch_size=3, concurrency=2),
            queues=self.queues,
            functions=functions,
            scheduler=self.scheduler,
            journal=self.journal,
        )
        for one in past:
            self.queues.apply(one)
        if past:
            resumed = RunResumed(at=self.scheduler.now())
            self.journal.append(resumed)
            self.queues.apply(resumed)
        self.journal.subscribe(self._dead_lettered, MessageDeadLettered)
        self.journal.subscribe(self._journaled)
        delete = self.queues.delete

        def deleting(name: str, ids: list[str], **more: object) -> None:
            bodies = [self.queues.find(name).messages[one].body for one in ids]
            delete(name, ids, **more)  # type: ignore[arg-type]  # handed on as it came
            self.model.delete(bodies)
            self.deleted = True

        self.deleted = False
        self.queues.delete = deleting  # type: ignore[method-assign,assignment]
        mapping.start()
        self.queues.after_resume()

    def _flush(self) -> None:
        """The end of a turn: what it did is kept from now on."""
        if self.deleted:
            self.crash_if("flush")
        self.deleted = False
        self.journal.flush()
        self.kept, self.kept_at = deepcopy(self.model), self.journaled_at

    def crash_if(self, place: CrashAt) -> None:
        if self.crash_at == place:
            self.crash_at = None
            self.sometimes.reach(f"crashed at {place}")
            raise Crash

    def worked_on(self, body: str) -> None:
        self.sometimes.reach("worked on twice", body in self.done)
        self.done.append(body)

    def _journaled(self, event: Event) -> None:
        self.journaled_at = event.at

    def _dead_lettered(self, event: MessageDeadLettered) -> None:
        body = self.queues.find(self.work).messages[event.message_id].body
        self.model.dead_letter(body)
        self.once_dead.add(body)
        self.sometimes.reach("dead-lettered")

    def _let(self, work: Callable[[], None]) -> None:
        """Work until it is done; a crash is followed by a new process that goes on from the journal."""
        try:
            work()
        except Crash:
            self.model = deepcopy(self.kept)
            self.model.cut_off(self.kept_at)
            self._start()
            self._let(work)

    # --- What may happen ----------------------------------------------------------------------------------

    @rule(group=st.sampled_from("abc"), failures=st.sampled_from([0, 0, 0, 1, 1, 2, 5]))
    def send(self, group: str, failures: int) -> None:
        self.sent += 1
        group = group if self.fifo else f"alone{self.sent}"
        body = f"{group}-{self.sent}"
        self.failures[body] = failures
        self.queues.send(self.work, body, group_id=group if self.fifo else None)
        self.model.send(group, body)
        self._flush()

    @rule(seconds=st.sampled_from([0, 1, 29, 31, 100]))
    def wait(self, seconds: int) -> None:
        self._let(lambda: self.scheduler.run_for(seconds))

    @rule(place=st.sampled_from(["handler", "acknowledgement", "flush"]))
    def plan_a_crash(self, place: CrashAt) -> None:
        self.crash_at = place

    @rule(report=st.booleans())
    def answer(self, report: bool) -> None:
        self.report = report

    # --- What always holds --------------------------------------------------------------------------------

    @invariant()
    def the_queue_holds_what_the_model_holds(self) -> None:
        held = {one.body for one in self.queues.find(self.work).messages.values()}
        assert held == self.model.left()
        dead = [one.body for one in self.queues.find(self.dead).messages.values()]
        assert dead == self.model.dead if self.fifo else set(dead) == set(self.model.dead)

    @invariant()
    def groups_are_worked_on_in_order(self) -> None:
        """The first work on each message comes in the order of sending, in each group.

        A dead-lettering that a crash has undone leaves its message behind others; it has no place in the order.
        """
        for group in "abc":
            ordered = [body for body in self.done if body not in self.once_dead]
            first = dict.fromkeys(body for body in ordered if body.startswith(f"{group}-"))
            numbers = [int(body.partition("-")[2]) for body in first]
            assert numbers == sorted(numbers)

    def teardown(self) -> None:
        """In the end every message is done or a dead letter: nothing is lost, nothing waits for ever."""
        self._let(lambda: self.scheduler.run_until_idle())
        self.the_queue_holds_what_the_model_holds()
        self.groups_are_worked_on_in_order()
        everything = {f"{body}" for body in self.failures}
        assert self.model.left() == set()
        assert set(self.done) | set(self.model.dead) == everything
        self.sometimes.reach("done and dead-lettered", set(self.done) & set(self.model.dead))
        self.journal.close()
        self.folder.cleanup()


class StandardMachine(FifoMachine):
    """The same of a standard queue."""

    fifo = False
    work, dead = "work", "dead"


@pytest.mark.parametrize("machine", [FifoMachine, StandardMachine])
def test_a_queue_does_what_the_model_does(machine: type[FifoMachine]) -> None:
    """Under any pattern of failures and crashes; and every rare path was really reached."""
    machine.sometimes = Sometimes()
    run_state_machine_as_test(
        machine, settings=settings(max_examples=120, stateful_step_count=25, deadline=None)
    )
    machine.sometimes.check(
        "crashed at handler",
        "crashed at acknowledgement",
        "crashed at flush",
        "dead-lettered",
        "part of a batch failed",
        "a whole batch failed",
        "worked on twice",
    )
