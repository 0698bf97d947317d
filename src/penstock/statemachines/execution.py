"""An execution in progress: the data that `engine` steps from one happening to the next.

1. Only records live here, with the few operations that keep them consistent: recording an event, numbering,
   setting a timer. What follows from what is decided in `engine` and the files that it names.
2. An execution is owned by its runner and changed in place by `advance`; nothing else may change it.
3. Random numbers come from the execution's own seeded generator; times come from happenings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from penstock.statemachines.failures import RUNTIME
from penstock.statemachines.history import MAXIMUM_EVENTS, MAXIMUM_EXPRESS_EVENTS, Event
from penstock.statemachines.model import Flow, Kind, Machine, State
from penstock.statemachines.protocol import CancelTimer, Command, SetTimer
from penstock.statemachines.values import JSON, iso_date_time

if TYPE_CHECKING:
    from penstock.statemachines.fan_out import FanOut
    from penstock.statemachines.map_run import MapRun
    from penstock.statemachines.tasks import Attempt


class Status(Enum):
    """What `DescribeExecution` says."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


class TimerPurpose(Enum):
    """What a timer is for."""

    WAIT_OVER = "a Wait state's time has come"
    RETRY_DUE = "a retrier's interval is over"
    TASK_TIMEOUT = "TimeoutSeconds of a task"
    HEARTBEAT_TIMEOUT = "HeartbeatSeconds of a task"
    EXECUTION_TIMEOUT = "TimeoutSeconds of the machine, or five minutes of an Express execution"


class Turn(Enum):
    """What is to be done with a branch next."""

    ENTER = "enter its state"
    RESUME = "run its state again"
    SUCCEEDED = "tell its owner that it has ended well"
    FAILED = "tell its owner that it has failed"


class HistoryFull(Exception):
    """The last event that the history has room for would not be the execution's end."""


class Work(Protocol):
    """What a branch waits for: `Attempt`, `FanOut`, `MapRun`, `Pause`."""

    def stop(self, execution: Execution) -> None:
        """Give it up: what comes of it is ignored from now on."""
        ...


class Pause:
    """A branch that waits for a timer and for nothing else."""

    __slots__ = ("timer_id",)

    def __init__(self, timer_id: int) -> None:
        self.timer_id = timer_id

    def stop(self, execution: Execution) -> None:
        execution.cancel_timer(self.timer_id)


class Branch:
    """One line of control: the execution's own, or one iteration of a Map, or one branch of a Parallel state.

    Args:
        flow: the states that it walks through.
        owner: the Map or Parallel state in progress that it belongs to; None for the execution's own.
        index: its number among the owner's branches.
        variables: those in scope; replaced, never changed, by `Assign`.
        item: what the context object says about a Map's item, or None.
        previous_event_id: the event that its first one follows.

    Its `work` is what it waits for; `suspended` is what it waited for when it failed or was stopped, kept
    for a redrive.
    """

    __slots__ = (
        "attempts",
        "entered_at",
        "entered_event_id",
        "entered_previous_id",
        "error",
        "flow",
        "index",
        "input",
        "item",
        "output",
        "owner",
        "previous_event_id",
        "retry_count",
        "state",
        "stopped",
        "suspended",
        "token",
        "variables",
        "work",
    )

    def __init__(
        self,
        flow: Flow,
        owner: FanOut | None,
        index: int,
        variables: Mapping[str, JSON],
        item: Mapping[str, JSON] | None,
        value: JSON,
        previous_event_id: int,
    ) -> None:
        self.flow = flow
        self.owner = owner
        self.index = index
        self.variables = variables
        self.item = item
        self.state: State = flow.states[flow.start_at]
        self.input = value
        self.output: JSON = None
        self.error: tuple[str | None, str | None] = (None, None)
        self.previous_event_id = previous_event_id
        self.entered_event_id = 0
        self.entered_previous_id = 0
        self.entered_at = 0.0
        self.attempts: list[int] = []
        self.retry_count = 0
        self.token: str | None = None
        self.work: Work | None = None
        self.suspended: Work | None = None
        self.stopped = False


class Timer(NamedTuple):
    """A timer that is set."""

    purpose: TimerPurpose
    branch: Branch
    at: float


class Execution:
    """The whole of one execution. Read its attributes freely; change none.

    Args:
        ready: branches that go on, in the order of their turns.
        ended: branches that have ended; their owners are told before any other branch goes on.
        activities: the ARNs of the activities that exist; None means that every one does.
    """

    __slots__ = (
        "activities",
        "arn",
        "attempts",
        "branch",
        "cause",
        "children",
        "commands",
        "context",
        "due",
        "ended",
        "error",
        "generator",
        "history",
        "input",
        "kind",
        "last_id",
        "machine",
        "maximum_events",
        "name",
        "now",
        "output",
        "reads",
        "ready",
        "redrive_count",
        "redriven_at",
        "role_arn",
        "seed",
        "started_at",
        "state_machine_arn",
        "status",
        "synchronous",
        "timeout_seconds",
        "timers",
        "writes",
    )

    def __init__(
        self,
        machine: Machine,
        flow: Flow,
        value: JSON,
        *,
        arn: str,
        name: str,
        role_arn: str,
        state_machine_arn: str,
        kind: Kind,
        synchronous: bool,
        at: float,
        seed: int,
        context: Mapping[str, JSON] | None,
        activities: frozenset[str] | None,
    ) -> None:
        self.machine = machine
        self.input = value
        self.arn = arn
        self.name = name
        self.role_arn = role_arn
        self.state_machine_arn = state_machine_arn
        self.kind: Kind = kind
        self.synchronous = synchronous
        self.started_at = at
        self.now = at
        self.seed = seed
        self.generator: Random | None = None
        self.context = context
        self.activities = activities
        self.history: list[Event] = []
        self.maximum_events = MAXIMUM_EVENTS if kind == "STANDARD" else MAXIMUM_EXPRESS_EVENTS
        self.status = Status.RUNNING
        self.output: JSON = None
        self.error: str | None = None
        self.cause: str | None = None
        self.redrive_count = 0
        self.redriven_at = at
        self.timeout_seconds: int | None = None
        self.last_id = 0
        self.ready: deque[tuple[Turn, Branch]] = deque()
        self.ended: deque[tuple[Turn, Branch]] = deque()
        self.commands: list[Command] = []
        self.timers: dict[int, Timer] = {}
        self.due: list[tuple[float, int]] = []
        self.attempts: dict[int, Attempt] = {}
        self.children: dict[int, MapRun] = {}
        self.reads: dict[int, MapRun] = {}
        self.writes: dict[int, MapRun] = {}
        self.branch = Branch(flow, None, 0, {}, None, value, 0)

    @property
    def draw(self) -> Random:
        """The execution's own random numbers: two executions with one seed do not share their task tokens."""
        if self.generator is None:
            self.generator = Random(f"{self.seed} {self.arn!a}")
        return self.generator

    def next_id(self) -> int:
        """A number that no command of this execution has had."""
        self.last_id += 1
        return self.last_id

    def record(self, branch: Branch, kind: str, details: Mapping[str, JSON] | None = None) -> int:
        """Append an event that follows the branch's last one, and make it the branch's last.

        Raises:
            HistoryFull: the execution has no room for it.
        """
        number = self.append(kind, branch.previous_event_id, details)
        branch.previous_event_id = number
        return number

    def append(self, kind: str, previous: int, details: Mapping[str, JSON] | None = None) -> int:
        """Append an event that follows the event `previous`."""
        history = self.history
        number = len(history) + 1
        if number >= self.maximum_events and not kind.startswith("Execution"):
            raise HistoryFull
        history.append(Event(number, previous, kind, self.now, details))
        return number

    def set_timer(self, purpose: TimerPurpose, branch: Branch, at: float) -> int:
        """Ask for a timer; its number is the answer."""
        timer_id = self.next_id()
        self.timers[timer_id] = Timer(purpose, branch, at)
        heappush(self.due, (at, timer_id))
        self.commands.append(SetTimer(timer_id=timer_id, at=at, retry=purpose is TimerPurpose.RETRY_DUE))
        return timer_id

    def limit_time(self) -> None:
        """Set the timer of the execution's own timeout, if it has one: at its start, and at each redrive."""
        if self.timeout_seconds is not None:
            until = self.now + self.timeout_seconds
            self.set_timer(TimerPurpose.EXECUTION_TIMEOUT, self.branch, until)

    def take_due_timers(self) -> list[tuple[int, Timer]]:
        """Every timer whose time has come, in order of their times; they are set no longer."""
        taken = []
        while self.due and self.due[0][0] <= self.now:
            _, timer_id = heappop(self.due)
            timer = self.timers.pop(timer_id, None)
            if timer is not None:
                taken.append((timer_id, timer))
        return taken

    def cancel_timer(self, timer_id: int | None) -> None:
        """Take a timer back, if it has not fired."""
        if timer_id is not None and self.timers.pop(timer_id, None) is not None:
            self.commands.append(CancelTimer(timer_id=timer_id))

    def random_uuid(self) -> str:
        """A version 4 UUID from the execution's own random numbers."""
        bits = (self.draw.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def located(branch: Branch, reason: str) -> str:
    """AWS's introduction to the cause of `States.Runtime` and `States.QueryEvaluationError`."""
    return (
        f"An error occurred while executing the state '{branch.state.name}' (entered at the event id "
        f"#{branch.entered_event_id}). {reason}"
    )


def context_object(execution: Execution, branch: Branch) -> dict[str, JSON]:
    """The context object as the branch's state sees it (Developer Guide, "Accessing the Context object")."""
    own: dict[str, JSON] = {
        "Id": execution.arn,
        "Input": execution.input,
        "StartTime": iso_date_time(execution.started_at),
        "Name": execution.name,
        "RoleArn": execution.role_arn,
    }
    if not execution.synchronous:
        own["RedriveCount"] = execution.redrive_count
    if execution.redrive_count:
        own["RedriveTime"] = iso_date_time(execution.redriven_at)
    state: dict[str, JSON] = {"Name": branch.state.name, "EnteredTime": iso_date_time(branch.entered_at)}
    if branch.state.type == "Task" or branch.state.retriers:
        state["RetryCount"] = branch.retry_count
    machine_name = execution.state_machine_arn.split(":stateMachine:")[-1]
    answer: dict[str, JSON] = {
        "Execution": own,
        "StateMachine": {"Id": execution.state_machine_arn, "Name": machine_name},
        "State": state,
    }
    if branch.token is not None:
        answer["Task"] = {"Token": branch.token}
    if branch.item is not None:
        answer["Map"] = {"Item": branch.item}
    if execution.context:
        answer.update(execution.context)
    return answer


HISTORY_FULL_ERROR = (
    RUNTIME,
    f"The execution reached the maximum number of history events ({MAXIMUM_EVENTS}).",
)
