"""Driving executions: commands are carried out, what happens is journaled and told to the engine.

1. The engine is pure; everything that it asks for is done here, or by the ports that are handed in.
2. What an execution is told is a `Happened` in the journal, before it is told. An execution is rebuilt by
   starting it again with the same seed and telling it the same; `asked` is then what it still waits for.
3. What follows from one happening without time passing (a message sent, a child begun) is one turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.executions import children
from penstock.runtime.executions.drive import Drive, caller_of_machine
from penstock.runtime.executions.map_runs import MapRuns
from penstock.runtime.executions.reading import ItemReaders
from penstock.runtime.executions.reports import Reports
from penstock.runtime.executions.tasks import TaskRunner
from penstock.runtime.executions.writing import ResultWriters
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import (
    ExecutionStarted,
    Happened,
    StateRetried,
)
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Call
from penstock.statemachines import (
    ActivityTaken,
    CancelChild,
    CancelTask,
    CancelTimer,
    ChildFinished,
    Command,
    Finished,
    Happening,
    ItemsRead,
    Machine,
    ReadItems,
    Redriven,
    ResultsWriteFailed,
    ResultsWritten,
    RunTask,
    SetTimer,
    StartChild,
    Status,
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
)
from penstock.statemachines.failures import TIMEOUT
from penstock.statemachines.protocol import ended_child
from penstock.statemachines.redrive import redrivable


class Driver:
    """Steps the executions of one run.

    Args:
        answer: answers the S3 calls of readers and writers.
        tasks: runs tasks; set once it exists, since a task may start an execution.
        guard: judges by the machine's role whether children of a Distributed Map may be started.
    """

    tasks: TaskRunner

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        journal: Journal,
        answer: Callable[[Call], dict[str, object]],
        guard: Guard = EVERYTHING_ALLOWED,
    ) -> None:
        self._guard = guard
        self._scheduler = scheduler
        self._journal = journal
        self._answer = answer
        self._told: deque[tuple[Drive, Happening]] = deque()
        self._busy = False
        self._live = True
        self.map_runs = MapRuns()
        self._reports = Reports(journal, self.map_runs)
        self.drives: dict[str, Drive] = {}
        self.tokens: dict[str, tuple[Drive, int]] = {}

    # --- Beginning ----------------------------------------------------------------------------------------

    def start(
        self, started: ExecutionStarted, machine: Machine, state_machine_arn: str, role_arn: str
    ) -> Drive:
        """Begin an execution that was just journaled, or is in the journal that is replayed."""
        step = start(
            machine,
            started.input,
            execution_arn=started.execution,
            state_machine_arn=state_machine_arn,
            role_arn=role_arn,
            at=started.at,
            name=started.name,
            seed=started.seed,
            kind="EXPRESS" if started.kind == "EXPRESS" else "STANDARD",
        )
        answer = self._answer_for(caller_of_machine(started.state_machine))
        drive = Drive(
            arn=started.execution,
            name=started.name,
            state_machine=started.state_machine,
            state_machine_arn=state_machine_arn,
            machine=machine,
            execution=step.execution,
            kind=started.kind,
            started_at=started.at,
            readers=ItemReaders(answer),
            writers=ResultWriters(answer),
        )
        self.drives[drive.arn] = drive
        # What a command of the first step brings about at once is told when all its commands are carried out.
        busy, self._busy = self._busy, True
        try:
            self._take(drive, step)
        finally:
            self._busy = busy
        self._work_off()
        return drive

    def _answer_for(self, caller: str) -> Callable[[Call], dict[str, object]]:
        """Answers calls that are made with the role of a machine."""
        return lambda call: self._answer(replace(call, caller=caller))

    def _start_child(self, parent: Drive, command: StartChild) -> None:
        kept = parent.unsuccessful.pop(command.execution_arn, None) if command.redrive else None
        if kept is not None and not kept.running:
            self._redrive_child(parent, kept, command)
            return
        child, step = children.begun(parent, command, self._answer_for(parent.caller))
        self._add_child(parent, child, command)
        if not self._is_refused(parent, child, command, redriven=False):
            self._take(child, step)

    def _add_child(self, parent: Drive, child: Drive, command: StartChild) -> None:
        self.drives[child.arn] = child
        self._reports.child_started(parent, command)
        parent.asked.children[command.child_id] = child

    def _redrive_child(self, parent: Drive, child: Drive, command: StartChild) -> None:
        """A child goes on from where it failed; one that cannot keeps its end."""
        child.parent, child.child = parent, command
        self._add_child(parent, child, command)
        if self._is_refused(parent, child, command, redriven=True):
            return
        if redrivable(child.execution):
            self._advance(child, Redriven(at=parent.execution.now))
        else:
            self._when_live(lambda: self._tell_parent(child, children.end_of(child)))

    def _is_refused(self, parent: Drive, child: Drive, command: StartChild, *, redriven: bool) -> bool:
        """Whether the machine's role does not allow it; the parent is told so."""
        if not self._live:
            return False
        now = self._scheduler.now()
        refused = children.refusal(self._guard, child, command, redriven=redriven, at=now)
        if refused is None:
            return False
        self._told.append((parent, refused))
        return True

    def _retire(self, parent: Drive, child: Drive) -> None:
        self.drives.pop(child.arn, None)
        child.parent = None
        if not child.running and child.execution.status is not Status.SUCCEEDED:
            children.keep(parent, child)

    def find(self, arn: str) -> Drive | None:
        """The execution of an ARN; of children that are over, those are known that are kept for a redrive."""
        found = self.drives.get(arn)
        return found or next((one for one in children.kept(self.drives.values()) if one.arn == arn), None)

    def children_of(self, map_run_arn: str) -> list[Drive]:
        """The children of a Map Run that run, and those that are kept for a redrive."""
        drives = list(self.drives.values())
        known = chain(drives, children.kept(drives))
        return [one for one in known if one.child is not None and one.child.map_run_arn == map_run_arn]

    # --- Telling ------------------------------------------------------------------------------------------

    def tell(self, drive: Drive, happening: Happening) -> None:
        """Tell an execution what happened, now or when the present turn has come to it."""
        self._told.append((drive, happening))
        self._work_off()

    def _work_off(self) -> None:
        if self._busy or not self._live:
            return
        self._busy = True
        try:
            while self._told:
                drive, happening = self._told.popleft()
                if drive.running or not isinstance(happening, _ONLY_WHILE_RUNNING):
                    self._journal.append(Happened(execution=drive.arn, happening=happening))
                    self._advance(drive, happening)
        finally:
            self._busy = False

    def _advance(self, drive: Drive, happening: Happening) -> None:
        if isinstance(happening, Redriven):
            drive.ended_at = None
        self._note_answer(drive, happening)
        self._take(drive, advance(drive.execution, happening))

    def _note_answer(self, drive: Drive, happening: Happening) -> None:
        """Strike what is answered from what the execution waits for, and report a Map Run's progress."""
        asked = drive.asked
        match happening:
            case TaskSucceeded() | TaskFailed():
                self._forget_task(drive, happening.task_id)
            case TaskSubmitted():
                asked.submitted[happening.task_id] = happening.output
            case ActivityTaken():
                asked.submitted[happening.task_id] = None
            case TimerFired():
                asked.timers.pop(happening.timer_id, None)
            case ItemsRead():
                asked.reads.pop(happening.read_id, None)
                if not self._live:
                    drive.readers.count(happening.read_id, len(happening.items))
                self._reports.items(drive, happening, live=self._live)
            case ChildFinished():
                child = asked.children.pop(happening.child_id, None)
                if child is not None:
                    self._retire(drive, child)
                    self._reports.child_ended(drive, child, happening, live=self._live)
            case ResultsWritten():
                write = asked.writes.pop(happening.write_id, None)
                if write is not None:
                    self._reports.written(write)
                    if not self._live:
                        drive.writers.written(write)
            case ResultsWriteFailed():
                asked.writes.pop(happening.write_id, None)
                drive.writers.failed(happening.write_id)
            case _:
                read_id = getattr(happening, "read_id", None)
                write_id = getattr(happening, "write_id", None)
                asked.reads.pop(read_id, None)  # type: ignore[arg-type]
                asked.writes.pop(write_id, None)  # type: ignore[arg-type]

    def _forget_task(self, drive: Drive, task_id: int) -> None:
        task = drive.asked.tasks.pop(task_id, None)
        drive.asked.submitted.pop(task_id, None)
        if task is not None:
            self.tokens.pop(task.task_token, None)

    # --- Commands -----------------------------------------------------------------------------------------

    def _take(self, drive: Drive, step: Step) -> None:
        drive.execution = step.execution
        self._reports.states(drive, live=self._live)
        if drive.unsuccessful:
            self._let_go(drive)
        for command in step.commands:
            self._do(drive, command)

    def _let_go(self, drive: Drive) -> None:
        """Nobody redrives the children of a Map Run that has succeeded, with failures that were tolerated."""
        records = map(self.map_runs.find, drive.map_runs)
        done = {record.arn for record in records if record is not None and record.status == "SUCCEEDED"}
        if done:
            kept = drive.unsuccessful.items()
            drive.unsuccessful = {
                arn: one for arn, one in kept if one.child is None or one.child.map_run_arn not in done
            }

    def _do(self, drive: Drive, command: Command) -> None:
        asked = drive.asked
        match command:
            case RunTask():
                asked.tasks[command.task_id] = command
                self.tokens[command.task_token] = (drive, command.task_id)
                self._when_live(lambda: self._run_task(drive, command))
            case CancelTask():
                self._cancel_task(drive, command)
            case SetTimer():
                asked.timers[command.timer_id] = command
                if self._live and command.retry:
                    now = self._scheduler.now()
                    self._journal.append(StateRetried(at=now, execution=drive.arn, due_at=command.at))
                self._when_live(lambda: self._set_timer(drive, command))
            case CancelTimer():
                asked.timers.pop(command.timer_id, None)
                alarm = drive.alarms.pop(command.timer_id, None)
                if alarm is not None:
                    alarm.cancel()
            case StartChild():
                self._start_child(drive, command)
            case CancelChild():
                child = asked.children.pop(command.child_id, None)
                if child is not None:
                    self._abandon(drive, child)
            case ReadItems():
                asked.reads[command.read_id] = command
                self._when_live(lambda: self._read(drive, command))
            case StopReading():
                asked.reads.pop(command.read_id, None)
                drive.readers.close(command.read_id)
            case WriteResults():
                drive.writers.collect(command)
                if command.last:
                    asked.writes[command.write_id] = command
                    self._when_live(lambda: self._write(drive, command))
            case Finished():
                self._finish(drive, command)

    def _when_live(self, action: Callable[[], None]) -> None:
        if self._live:
            action()

    def _run_task(self, drive: Drive, task: RunTask) -> None:
        self.tasks.run(
            task,
            drive.arn,
            lambda happening: self._tell_task(drive, task, happening),
            caller=drive.caller,
        )

    def _run_again(self, drive: Drive, task: RunTask) -> None:
        """After a resumption: a task that its service had accepted is not submitted twice."""
        submitted = drive.asked.submitted
        if task.task_id not in submitted:
            self._run_task(drive, task)
            return
        self.tasks.watch(
            task, submitted[task.task_id], lambda happening: self._tell_task(drive, task, happening)
        )

    def _cancel_task(self, drive: Drive, command: CancelTask) -> None:
        """Forget a task; what it had begun elsewhere is stopped if its state was aborted, not if it took too long."""
        task, submitted = drive.asked.tasks.get(command.task_id), drive.asked.submitted.get(command.task_id)
        self._forget_task(drive, command.task_id)
        if task is not None and submitted is not None and command.reason != TIMEOUT:
            self._when_live(lambda: self.tasks.cancel(task, submitted, caller=drive.caller))

    def _tell_task(self, drive: Drive, task: RunTask, happening: Happening) -> None:
        if task.task_id in drive.asked.tasks:
            self.tell(drive, happening)

    def _set_timer(self, drive: Drive, command: SetTimer) -> None:
        def fire() -> None:
            drive.alarms.pop(command.timer_id, None)
            self.tell(drive, TimerFired(timer_id=command.timer_id, at=max(command.at, self._scheduler.now())))

        drive.alarms[command.timer_id] = self._scheduler.call_at(command.at, fire)

    def _read(self, drive: Drive, command: ReadItems) -> None:
        self.tell(drive, drive.readers.read(command, self._scheduler.now()))

    def _write(self, drive: Drive, command: WriteResults) -> None:
        self.tell(drive, drive.writers.write(command, self._scheduler.now()))

    def _abandon(self, parent: Drive, child: Drive) -> None:
        """A child whose Map state has ended is stopped; nobody is told."""
        self.drives.pop(child.arn, None)
        child.parent = None
        if child.running:
            at = max(child.execution.now, parent.execution.now)
            self._take(child, advance(child.execution, Stopped(at=at)))
        children.keep(parent, child)

    def _finish(self, drive: Drive, end: Finished) -> None:
        drive.ended_at = end.at
        self.map_runs.abandon(drive.map_runs, end.at)
        for alarm in drive.alarms.values():
            alarm.cancel()
        drive.alarms.clear()
        for task_id in list(drive.asked.tasks):
            self._forget_task(drive, task_id)
        if end.status == "SUCCEEDED":
            drive.unsuccessful.clear()
        if drive.parent is not None and drive.child is not None:
            self._when_live(lambda: self._tell_parent(drive, end))
            return
        if drive.child is None and self._live:
            self._reports.end(drive, end)
        listeners, drive.on_end = drive.on_end, []
        for listener in listeners:
            listener(drive)

    def _tell_parent(self, child: Drive, end: Finished) -> None:
        if child.parent is None or child.child is None:
            return
        self._told.append((child.parent, ended_child(child.child.child_id, end)))

    # --- Resuming -----------------------------------------------------------------------------------------

    def replaying(self) -> None:
        """From here on, nothing is carried out or journaled: happenings come from the journal."""
        self._live = False

    def replay(self, happened: Happened) -> None:
        """Tell an execution again what it was told before."""
        drive = self.find(happened.execution)
        if drive is not None:
            self._advance(drive, happened.happening)

    def after_resume(self) -> None:
        """Carry out what every execution still waits for."""
        self._live = True
        for drive in list(self.drives.values()):
            if not drive.running:
                if drive.parent is not None:
                    self._tell_parent(drive, children.end_of(drive))
                continue
            asked = drive.asked
            for timer in list(asked.timers.values()):
                self._set_timer(drive, timer)
            for task in list(asked.tasks.values()):
                self._scheduler.call_soon(lambda d=drive, t=task: self._run_again(d, t))  # type: ignore[misc]
            for read in list(asked.reads.values()):
                self._scheduler.call_soon(lambda d=drive, r=read: self._read(d, r))  # type: ignore[misc]
            for write in list(asked.writes.values()):
                self._scheduler.call_soon(lambda d=drive, w=write: self._write(d, w))  # type: ignore[misc]
        self._scheduler.call_soon(self._work_off)


_ONLY_WHILE_RUNNING = (TaskSucceeded, TaskFailed, TaskSubmitted, TimerFired, ItemsRead, ChildFinished)
