"""Functions run in execution environments of their own processes: the invoker for the real clock.

1. As on Lambda: an environment runs one function, one invocation at a time, and is used again while it is
   warm. At most `workers` invocations run at once; the others wait in order. One that waits for an answer, of a
   function that it invokes or of a long poll, counts only when it goes on: otherwise functions that invoke others
   could take all the workers that these need.
2. A function's time counts from when its environment is ready. When it is over, the process is killed: the
   invocation fails as `Sandbox.Timedout` and the next one starts cold. The same holds for a process that ends
   by itself (`Runtime.ExitError`).
3. Calls of an environment are answered here, between two turns, and the journal is flushed before an answer
   leaves.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from penstock.errors import StateFolderError, TargetError, UnansweredOperationError
from penstock.runtime.access import Principal, nobody
from penstock.runtime.aws_calls import REGION
from penstock.runtime.invocation import (
    FunctionError,
    Invocation,
    InvocationOutcome,
    exited,
    refuse_large_payload,
    timed_out,
    written,
)
from penstock.runtime.scheduler import Scheduler, Timer
from penstock.runtime.services import AnswerLater, Call, CallRecord, Router, ServiceError
from penstock.runtime.workers.context import lambda_variables
from penstock.runtime.workers.frames import (
    Answered,
    Asked,
    DiskFailed,
    Fork,
    Frames,
    Kill,
    Ran,
    Ready,
    Refused,
    Run,
    Unanswered,
    framed,
    from_environment,
    from_zygote,
    send,
    send_with_descriptor,
)
from penstock.runtime.workers.starting import Zygote, start_zygote

INIT_SECONDS: Final = 10.0
"""How long an environment may take to import its handler, on top of the timeout (Lambda, "Init phase")."""

MOST_ASKING: Final = 64
"""Invocations that may wait for answers beside those that run: a function that invokes itself without end comes to
its timeout, and not to the end of this machine's memory."""

Done = Callable[[InvocationOutcome], None]


@dataclass(slots=True, eq=False)
class _Running:
    """An invocation in an environment.

    Attributes:
        promise: of the answer that it waits for.
        asks: it leaves its place to others meanwhile.
    """

    invocation: Invocation
    done: Done
    cold_start: bool
    began: float
    timer: Timer | None = None
    timed_out: bool = False
    promise: AnswerLater | None = None
    asks: bool = False


@dataclass(slots=True, eq=False)
class _Environment:
    """The main process's end of an execution environment."""

    number: int
    function: str
    connection: socket.socket
    frames: Frames
    ready: bool = False
    running: _Running | None = None
    watched: bool = True


@dataclass(slots=True)
class _State:
    """What changes while the pool works."""

    zygote: Zygote | None = None
    environments: dict[int, _Environment] = field(default_factory=dict)
    idle: dict[str, list[_Environment]] = field(default_factory=dict)
    waiting: deque[tuple[Invocation, Done]] = field(default_factory=deque)
    forked: int = 0
    busy: int = 0
    asking: int = 0


class PoolInvoker:
    """Runs functions in worker processes.

    Args:
        router: answers the environments' calls.
        project: the folder that handlers are imported from, and that environments work in.
        store: the root of the S3 store.
        logs: the folder that each function's standard output and error go to, `<function>.log`.
        workers: how many invocations run at once.
        resumed_at: how long the journal was when this process began; sets its environments' files apart from
            those of the processes before.
        before_answer: called before an answer leaves for an environment: the journal's flush.
        principals: the functions' roles, if they are enforced: environments judge their own reads by them.
        ahead: a zygote that was started already; it is used if it fits.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        router: Router,
        *,
        project: Path,
        store: Path,
        logs: Path,
        workers: int,
        resumed_at: int = 0,
        before_answer: Callable[[], None] = lambda: None,
        principals: Mapping[str, Principal] | None = None,
        ahead: Zygote | None = None,
    ) -> None:
        self._principals = principals
        self._ahead = ahead
        self._scheduler = scheduler
        self._router = router
        self._project = project.absolute()
        self._store = store.absolute()
        self._logs = logs.absolute()
        self._workers = workers
        self._resumed_at = resumed_at
        self._before_answer = before_answer
        self._state = _State()

    def invoke(self, invocation: Invocation, done: Done) -> None:
        """Run the function as soon as a worker is free; see `Invoker.invoke`."""
        refuse_large_payload(invocation.payload, asynchronous=invocation.asynchronous)
        self._scheduler.expect()
        sent = replace(invocation, payload=written(invocation.payload))
        self._state.waiting.append((sent, done))
        self._scheduler.call_soon(self._start_waiting)

    def warm_up(self) -> None:
        """Start the process that environments are forked from, so that it is ready when it is needed."""
        if self._state.zygote is None:
            self._start_zygote()

    def close(self) -> None:
        """End every process."""
        state = self._state
        for environment in state.environments.values():
            self._unwatch(environment)
            environment.connection.close()
            environment.running = None  # an answer that comes later is nobody's
        if state.zygote is not None:
            self._scheduler.unwatch(state.zygote.control.fileno())
            state.zygote.end()
        self._state = _State()

    # --- Starting -----------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        state = self._state
        while state.waiting and state.busy < self._workers:
            invocation, done = state.waiting.popleft()
            self._start(invocation, done)

    def _start(self, invocation: Invocation, done: Done) -> None:
        state = self._state
        state.busy += 1
        warm = state.idle.get(invocation.function)
        environment = warm.pop() if warm else self._fork(invocation)
        environment.running = _Running(
            invocation, done, cold_start=not environment.ready, began=time.monotonic()
        )
        if environment.ready:
            self._run(environment, environment.running)
        else:
            self._limit(environment, environment.running, INIT_SECONDS + invocation.timeout_seconds)

    def _run(self, environment: _Environment, running: _Running) -> None:
        running.began = time.monotonic()
        self._limit(environment, running, running.invocation.timeout_seconds)
        until = running.began + running.invocation.timeout_seconds
        self._send(environment, Run(running.invocation, until))

    def _limit(self, environment: _Environment, running: _Running, seconds: float) -> None:
        if running.timer is not None:
            running.timer.cancel()
        running.timer = self._scheduler.call_at(
            self._scheduler.now() + seconds, lambda: self._time_out(environment, running), background=True
        )

    def _time_out(self, environment: _Environment, running: _Running) -> None:
        if environment.running is running and self._state.zygote is not None:
            running.timed_out = True
            send(self._state.zygote.control, Kill(environment.number))

    def _fork(self, invocation: Invocation) -> _Environment:
        state = self._state
        self._make_room()
        control = self._start_zygote() if state.zygote is None else state.zygote.control
        ours, theirs = socket.socketpair()
        state.forked += 1
        order = Fork(
            environment_id=state.forked,
            writer=f"{invocation.function}-{self._resumed_at}-{state.forked}",
            function=invocation.function,
            handler=invocation.handler,
            variables=lambda_variables(invocation, REGION),
            project=str(self._project),
            store=str(self._store),
            log=str(self._logs / f"{invocation.function}.log"),
            principal=self._principal(invocation.function),
        )
        send_with_descriptor(control, order, theirs.fileno())
        theirs.close()
        environment = _Environment(state.forked, invocation.function, ours, Frames(ours))
        state.environments[environment.number] = environment
        self._scheduler.watch(ours.fileno(), lambda: self._hear(environment))
        return environment

    def _principal(self, function: str) -> Principal | None:
        if self._principals is None:
            return None
        return self._principals.get(function) or nobody(function)

    def _make_room(self) -> None:
        """Let an idle environment go when there are many: memory is bounded as well as processors."""
        state = self._state
        if len(state.environments) < 2 * self._workers + 4:
            return
        for idle in state.idle.values():
            if idle:
                self._let_go(idle.pop(0))
                return

    def _let_go(self, environment: _Environment) -> None:
        self._unwatch(environment)
        environment.connection.close()
        self._state.environments.pop(environment.number, None)

    def _start_zygote(self) -> socket.socket:
        zygote, self._ahead = self._ahead, None
        if zygote is not None and not zygote.fits(self._project):
            zygote.kill()
            zygote = None
        self._state.zygote = zygote = zygote or start_zygote()
        frames = Frames(zygote.control)
        self._scheduler.watch(zygote.control.fileno(), lambda: self._hear_zygote(frames))
        return zygote.control

    # --- Hearing ------------------------------------------------------------------------------------------

    def _hear(self, environment: _Environment) -> None:
        for content in environment.frames.read():
            message = from_environment.decode(content)
            match message:
                case Asked():
                    self._answer(environment, message)
                case Ran():
                    self._finish(environment, message)
                case Ready():
                    environment.ready = True
                    if environment.running is not None:
                        self._run(environment, environment.running)
                case DiskFailed(what=what, at=at, fix=fix):
                    raise StateFolderError(what, at=at, fix=fix)
        if environment.frames.ended:
            self._unwatch(environment)

    def _hear_zygote(self, frames: Frames) -> None:
        for content in frames.read():
            ended = from_zygote.decode(content)
            environment = self._state.environments.pop(ended.environment_id, None)
            if environment is not None:
                self._bury(environment, ended.status)
        if frames.ended:
            raise TargetError(
                "the process that worker processes are forked from has ended",
                fix="run again with --resume; if it happens again, try fewer --workers (memory may be short)",
            )

    def _answer(self, environment: _Environment, asked: Asked) -> None:
        parameters = asked.parameters if asked.staged is None else {**asked.parameters, "Body": asked.staged}
        call = Call(
            service=asked.service,
            operation=asked.operation,
            parameters=parameters,
            caller=environment.function,
            request=asked.request,
        )
        try:
            answer = self._router.answer(call)
        except ServiceError as error:
            self._reply(
                environment, Refused(error.code, error.message, error.status, error.fields, error.headers)
            )
        except UnansweredOperationError as error:
            self._reply(environment, Unanswered(error.what, error.at, error.fix))
        except AnswerLater as promise:
            self._leave_place(environment, promise)
            promise.then(lambda settled: self._reply_later(environment, settled))
        else:
            self._reply(environment, Answered(answer))

    def _leave_place(self, environment: _Environment, promise: AnswerLater) -> None:
        """Let another invocation run while this one waits for its answer."""
        state, running = self._state, environment.running
        if running is None:
            return
        running.promise = promise
        if not running.asks and state.asking < MOST_ASKING:
            running.asks = True
            state.asking += 1
            state.busy -= 1
            self._scheduler.call_soon(self._start_waiting)

    def _take_place(self, running: _Running | None) -> None:
        """The answer has come, or nobody waits for it any longer: what was to be received is left to others."""
        if running is None:
            return
        promise, running.promise = running.promise, None
        if running.asks:
            running.asks = False
            self._state.asking -= 1
            self._state.busy += 1
        if promise is not None and not promise.settled:
            promise.fail(ServiceError("RequestAbandoned", "The function that asked has ended."))

    def _reply_later(self, environment: _Environment, promise: AnswerLater) -> None:
        self._take_place(environment.running)
        try:
            self._reply(environment, Answered(promise.result()))
        except ServiceError as error:
            self._reply(
                environment, Refused(error.code, error.message, error.status, error.fields, error.headers)
            )

    def _reply(self, environment: _Environment, reply: Answered | Refused | Unanswered) -> None:
        self._before_answer()
        self._send(environment, reply)

    def _send(self, environment: _Environment, message: object) -> None:
        # An environment that has just ended is reported by the zygote, and its invocation settled then.
        with contextlib.suppress(ConnectionError, OSError):
            environment.connection.sendall(framed(message))

    # --- Ending -------------------------------------------------------------------------------------------

    def _finish(self, environment: _Environment, ran: Ran) -> None:
        running = environment.running
        if running is None or running.timed_out:
            return
        environment.running = None
        self._state.idle.setdefault(environment.function, []).append(environment)
        self._settle(running, ran.payload, ran.error, ran.duration_seconds, ran.calls)

    def _bury(self, environment: _Environment, status: int) -> None:
        self._unwatch(environment)
        environment.connection.close()
        idle = self._state.idle.get(environment.function, [])
        if environment in idle:
            idle.remove(environment)
        running, environment.running = environment.running, None
        if running is None:
            return
        invocation = running.invocation
        error = timed_out(invocation) if running.timed_out else exited(invocation.request_id, status)
        self._settle(running, None, error, time.monotonic() - running.began, ())

    def _settle(
        self,
        running: _Running,
        payload: bytes | None,
        error: FunctionError | None,
        duration_seconds: float,
        calls: tuple[CallRecord, ...],
    ) -> None:
        if running.timer is not None:
            running.timer.cancel()
        self._take_place(running)
        self._state.busy -= 1
        self._start_waiting()
        for record in calls:
            self._router.note(record)
        self._scheduler.expected()
        running.done(
            InvocationOutcome(
                request_id=running.invocation.request_id,
                payload=payload,
                error=error,
                duration_seconds=duration_seconds,
                cold_start=running.cold_start,
                calls=calls,
            )
        )

    def _unwatch(self, environment: _Environment) -> None:
        if environment.watched:
            environment.watched = False
            self._scheduler.unwatch(environment.connection.fileno())
