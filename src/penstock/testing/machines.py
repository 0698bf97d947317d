"""Running a state machine in a test: virtual time, scripted tasks, the same history every time.

    machine = load_definition(text)
    run = run_machine(machine, {"n": 1}, tasks=scripted({"Square": [Throws("Busy"), Returns({"n": 1})]}))
    assert run.output == {"n": 1}

A day of waiting takes no time; what a task answers is written down beside the test; a Distributed Map's
children run too. The happenings that the run was made of are in `run.happenings`, so that it can be replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from penstock.statemachines import (
    ActivityTaken,
    CancelTimer,
    Command,
    Event,
    Execution,
    Finished,
    Happening,
    IntegrationPattern,
    ItemsRead,
    ItemsReadFailed,
    Machine,
    ReadItems,
    ResultsWritten,
    RunTask,
    SetTimer,
    StartChild,
    Step,
    Stopped,
    StopReading,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
    WriteResults,
    advance,
    start,
    start_child,
)
from penstock.statemachines.model import Kind
from penstock.statemachines.protocol import ended_child
from penstock.statemachines.values import JSON
from penstock.testing.task_answers import (
    Answer,
    Hangs,
    Items,
    Returns,
    Tasks,
    Throws,
    no_items,
    no_tasks,
    scripted,
)

__all__ = [
    "Answer",
    "Hangs",
    "Items",
    "MachineRun",
    "Returns",
    "Tasks",
    "Throws",
    "no_items",
    "no_tasks",
    "run_machine",
    "scripted",
]

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass(slots=True)
class MachineRun:
    """What a run came to.

    Args:
        happenings: what the execution itself was told, in order; those of its children are not among them.
        children: the child executions of Distributed Maps, in order of their start.
        written: the results that were asked to be written.
        ended_at: virtual epoch seconds.
    """

    execution: Execution
    happenings: list[Happening] = field(default_factory=list)
    children: list[Execution] = field(default_factory=list)
    written: list[WriteResults] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def status(self) -> str:
        return self.execution.status.value

    @property
    def output(self) -> JSON:
        return self.execution.output

    @property
    def error(self) -> str | None:
        return self.execution.error

    @property
    def cause(self) -> str | None:
        return self.execution.cause

    @property
    def history(self) -> list[Event]:
        return self.execution.history

    @property
    def event_types(self) -> list[str]:
        return [event.type for event in self.execution.history]


def run_machine(
    machine: Machine,
    value: JSON,
    *,
    tasks: Tasks = no_tasks,
    items: Items = no_items,
    at: float = 0.0,
    seed: int = 0,
    kind: Kind = "STANDARD",
    synchronous: bool = False,
    name: str = "run",
    state_machine: str = "machine",
    role: str = "machine",
    account: str = ACCOUNT,
    activities: Sequence[str] | None = None,
    keep_children: bool = True,
    on_results: Callable[[WriteResults], None] | None = None,
    stop_after_seconds: float | None = None,
) -> MachineRun:
    """Run an execution to its end in virtual time.

    Args:
        value: the input.
        tasks: answers each attempt of each task.
        items: answers each ItemReader.
        at: when the execution starts, in epoch seconds.
        keep_children: keep every child execution with its history in `run.children`.
        on_results: takes each page of a ResultWriter; by default they are kept in `run.written`.
        synchronous: started by `StartSyncExecution`.
        stop_after_seconds: stop it (`StopExecution`) that long after its start, if it still runs.

    Returns:
        The run; its status is RUNNING if every branch hangs for ever.
    """
    written: list[WriteResults] = []
    world = _World(machine, tasks, items, at, activities, keep_children, on_results or written.append)
    prefix = f"arn:aws:states:{REGION}:{account}"
    express = f"{prefix}:express:{state_machine}:{name}:{name}"
    step = start(
        machine,
        value,
        execution_arn=express if kind == "EXPRESS" else f"{prefix}:execution:{state_machine}:{name}",
        state_machine_arn=f"{prefix}:stateMachine:{state_machine}",
        role_arn=f"arn:aws:iam::{account}:role/{role}",
        at=at,
        name=name,
        seed=seed,
        kind=kind,
        synchronous=synchronous,
        activities=activities,
    )
    driven = _Driven(world, step.execution, None)
    driven.carry_out(step)
    if stop_after_seconds is not None:
        stopping = Stopped(at=at + stop_after_seconds)
        world.schedule(stopping.at, lambda: driven.tell(stopping))
    world.run()
    ended_at = world.now if driven.ended_at is None else driven.ended_at
    return MachineRun(driven.execution, driven.happenings, world.children, written, ended_at)


class _World:
    """The virtual clock, and what happens next."""

    def __init__(
        self,
        machine: Machine,
        tasks: Tasks,
        items: Items,
        at: float,
        activities: Sequence[str] | None,
        keep_children: bool,
        on_results: Callable[[WriteResults], None],
    ) -> None:
        self.machine = machine
        self.tasks = tasks
        self.items = items
        self.now = at
        self.activities = activities
        self.keep_children = keep_children
        self.children: list[Execution] = []
        self.on_results = on_results
        self._order = count()
        self._due: list[tuple[float, int, _Due]] = []

    def schedule(self, at: float, action: Callable[[], None]) -> _Due:
        due = _Due(action)
        heappush(self._due, (max(at, self.now), next(self._order), due))
        return due

    def run(self) -> None:
        while self._due:
            at, _, due = heappop(self._due)
            if due.action is not None:
                self.now = at
                due.action()


class _Due:
    """Something that is to happen; without an action it is called off."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action


class _Driven:
    """One execution and what it has asked for."""

    def __init__(
        self, world: _World, execution: Execution, on_end: Callable[[Finished], None] | None
    ) -> None:
        self.world = world
        self.execution = execution
        self.on_end = on_end
        self.happenings: list[Happening] = []
        self.ended_at: float | None = None
        self.timers: dict[int, _Due] = {}
        self.readers: dict[int, tuple[Sequence[JSON], int]] = {}

    def tell(self, happened: Happening) -> None:
        if self.ended_at is None:
            if self.on_end is None:
                self.happenings.append(happened)
            self.carry_out(advance(self.execution, happened))

    def carry_out(self, step: Step) -> None:
        self.execution = step.execution
        for command in step.commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        world = self.world
        match command:
            case RunTask():
                self._run_task(command)
            case SetTimer():
                timer = TimerFired(timer_id=command.timer_id, at=command.at)
                self.timers[timer.timer_id] = world.schedule(command.at, lambda: self._fire(timer))
            case CancelTimer():
                self._call_off(command.timer_id)
            case StartChild():
                self._start_child(command)
            case ReadItems():
                self._read(command)
            case StopReading():
                self.readers.pop(command.read_id, None)
            case WriteResults():
                self._write(command)
            case Finished():
                self.ended_at = command.at
                for timer_id in list(self.timers):
                    self._call_off(timer_id)
                if self.on_end is not None:
                    self.on_end(command)
            case _:
                # Cancelled work answers nothing: the engine ignores what comes too late.
                return

    def _call_off(self, timer_id: int) -> None:
        due = self.timers.pop(timer_id, None)
        if due is not None:
            due.action = None

    def _fire(self, timer: TimerFired) -> None:
        self.timers.pop(timer.timer_id, None)
        if self.ended_at is None and timer.timer_id in self.execution.timers:
            self.tell(timer)

    def _run_task(self, task: RunTask) -> None:
        world = self.world
        answer = world.tasks(task)
        task_id = task.task_id
        accepted = not isinstance(answer, Throws) or answer.accepted
        if task.resource_type == "activity":
            if not isinstance(answer, Hangs) or answer.taken:
                self._soon(ActivityTaken(task_id=task_id, worker_name=answer.worker_name, at=world.now))
        elif task.pattern is not IntegrationPattern.REQUEST_RESPONSE and accepted:
            submitted = {} if answer.submitted is None else answer.submitted
            self._soon(TaskSubmitted(task_id=task_id, output=submitted, at=world.now))
        if isinstance(answer, Hangs):
            return
        at = world.now + answer.after_seconds
        ended: Happening
        if isinstance(answer, Returns):
            ended = TaskSucceeded(task_id=task_id, output=answer.output, at=at)
        else:
            ended = TaskFailed(task_id=task_id, error=answer.error, cause=answer.cause, at=at)
        world.schedule(at, lambda: self.tell(ended))

    def _soon(self, happened: Happening) -> None:
        self.world.schedule(happened.at, lambda: self.tell(happened))

    def _start_child(self, command: StartChild) -> None:
        world = self.world

        def begin() -> None:
            if command.child_id not in self.execution.children:
                return
            step = start_child(world.machine, command, at=world.now, activities=world.activities)
            child = _Driven(world, step.execution, finished)
            if world.keep_children:
                world.children.append(step.execution)
            child.carry_out(step)

        def finished(end: Finished) -> None:
            self._soon(ended_child(command.child_id, end))

        world.schedule(world.now, begin)

    def _read(self, command: ReadItems) -> None:
        world = self.world
        if command.page == 0:
            found = world.items(command)
            if isinstance(found, ItemsReadFailed):
                self._soon(
                    ItemsReadFailed(
                        read_id=command.read_id, error=found.error, cause=found.cause, at=world.now
                    )
                )
                return
            self.readers[command.read_id] = (found, 0)
        items, begin = self.readers[command.read_id]
        end = begin + command.limit
        self.readers[command.read_id] = (items, end)
        page = tuple(items[begin:end])
        self._soon(ItemsRead(read_id=command.read_id, items=page, done=end >= len(items), at=world.now))

    def _write(self, command: WriteResults) -> None:
        self.world.on_results(command)
        if not command.last:
            return
        where = command.parameters if isinstance(command.parameters, Mapping) else {}
        prefix = str(where.get("Prefix", "")).rstrip("/")
        key = "/".join(part for part in (prefix, command.folder, "manifest.json") if part)
        bucket = str(where.get("Bucket", ""))
        self._soon(ResultsWritten(write_id=command.write_id, bucket=bucket, key=key, at=self.world.now))
