"""Step Functions for one run: executions, task tokens and activities.

Source: the Step Functions API reference. Names of executions are unique per state machine for the whole run;
a Standard execution that is started again with the same name and input while it runs is the same execution.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from penstock.runtime.executions import questions, trials
from penstock.runtime.executions.answers import (
    Answer,
    Parameters,
    answer_of_sync,
    decoded,
    moment,
    redrive_status,
)
from penstock.runtime.executions.drive import Drive
from penstock.runtime.executions.driver import Driver
from penstock.runtime.executions.questions import MachineSettings, Questions
from penstock.runtime.ids import Ids
from penstock.runtime.journal import Journal
from penstock.runtime.journal_events import Event, ExecutionStarted, Happened
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import AnswerLater, Call, ServiceError, unanswered
from penstock.statemachines import (
    ActivityTaken,
    Redriven,
    Stopped,
    TaskFailed,
    TaskHeartbeat,
    TaskSucceeded,
)
from penstock.statemachines.json_stream import refuse_constant
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, compact, size_bytes

_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\s<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}\Z")


class StepFunctions:
    """The state machines of one run and their executions."""

    def __init__(
        self,
        settings: Iterable[MachineSettings],
        *,
        driver: Driver,
        scheduler: Scheduler,
        journal: Journal,
        ids: Ids,
    ) -> None:
        self._machines = {one.arn: one for one in settings}
        self._questions = Questions(self._machines, driver, scheduler)
        self._driver = driver
        self._scheduler = scheduler
        self._journal = journal
        self._ids = ids
        self._polls: dict[str, deque[tuple[AnswerLater, str | None]]] = {}

    # --- Starting -----------------------------------------------------------------------------------------

    def start_execution(self, arn: str, name: str | None, value: JSON) -> Drive:
        """Start an execution, or find the one that this would be.

        Raises:
            ServiceError: `StateMachineDoesNotExist`, `InvalidExecutionInput`, `InvalidName` or
                `ExecutionAlreadyExists`.
        """
        settings = self._questions.machine(arn)
        if size_bytes(value) > MAXIMUM_PAYLOAD_BYTES:
            raise ServiceError("InvalidExecutionInput", "Input is too long: 262144 bytes are allowed")
        if name is not None and _NAME.match(name) is None:
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        name = name or self._ids.uuid()
        prefix = settings.arn.replace(":stateMachine:", ":execution:")
        execution_arn = f"{prefix}:{name}"
        if settings.kind == "EXPRESS":
            prefix = settings.arn.replace(":stateMachine:", ":express:")
            execution_arn = f"{prefix}:{name}:{self._ids.uuid()}"
        known = self._driver.drives.get(execution_arn)
        if known is not None:
            if known.running and known.execution.input == value:
                return known
            raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{execution_arn}'")
        started = ExecutionStarted(
            at=self._scheduler.now(),
            execution=execution_arn,
            state_machine=settings.name,
            name=name,
            kind=settings.kind,
            input=value,
            seed=self._ids.number(),
        )
        self._journal.append(started)
        return self._begin(started)

    def start(self, parameters: Mapping[str, object]) -> Mapping[str, JSON]:
        """Start an execution for a state of another; see `Executions`."""
        given = parameters.get("Input", {})
        value: JSON = decoded(given) if isinstance(given, str) else given
        name = parameters.get("Name")
        drive = self.start_execution(
            str(parameters.get("StateMachineArn", "")), None if name is None else str(name), value
        )
        return {"ExecutionArn": drive.arn, "StartDate": int(drive.started_at)}

    def when_ended(self, arn: str, listener: Callable[[Drive], None]) -> None:
        """Call `listener`, in a later turn, once the execution is over."""
        drive = self._driver.drives[arn]
        if drive.running:
            drive.on_end.append(lambda ended: self._scheduler.call_soon(lambda: listener(ended)))
        else:
            self._scheduler.call_soon(lambda: listener(drive))

    def stop(self, arn: str, *, error: str | None = None, cause: str | None = None) -> Drive:
        """Stop an execution; one that is over stays as it is.

        Raises:
            ServiceError: `ExecutionDoesNotExist`.
        """
        drive = self._driver.drives.get(arn) or self._questions.drive(arn)
        if drive.running:
            self._driver.tell(drive, Stopped(error=error, cause=cause, at=self._scheduler.now()))
        return drive

    def _begin(self, started: ExecutionStarted) -> Drive:
        settings = next(one for one in self._machines.values() if one.name == started.state_machine)
        return self._driver.start(started, settings.machine, settings.arn, settings.role_arn)

    # --- Resuming -----------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Do what one event of the journal says again; between `Driver.replaying` and `after_resume`."""
        if isinstance(event, ExecutionStarted):
            self._begin(event)
        elif isinstance(event, Happened):
            self._driver.replay(event)

    # --- The API ------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Answer:
        """Answer one call; see `Service.answer`."""
        question = questions.OPERATIONS.get(call.operation)
        if question is not None:
            return question(self._questions, call.parameters)
        trial = trials.OPERATIONS.get(call.operation)
        if trial is not None:
            return trial(call.parameters)
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            raise unanswered("stepfunctions", call.operation)
        return operation(self, call.parameters)

    def _start_execution(self, parameters: Parameters) -> Answer:
        drive = self._start_as_asked(parameters)
        return {"executionArn": drive.arn, "startDate": moment(drive.started_at)}

    def _start_sync_execution(self, parameters: Parameters) -> Answer:
        if self._questions.machine(str(parameters["stateMachineArn"])).kind != "EXPRESS":
            raise ServiceError(
                "StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine",
            )
        drive = self._start_as_asked(parameters)
        promise = AnswerLater(lambda: self._scheduler.run_until(lambda: promise.settled))
        self.when_ended(drive.arn, lambda ended: promise.resolve(answer_of_sync(ended, parameters)))
        raise promise

    def _start_as_asked(self, parameters: Parameters) -> Drive:
        text = str(parameters.get("input", "{}"))
        if len(text.encode()) > MAXIMUM_PAYLOAD_BYTES:
            raise ServiceError("InvalidExecutionInput", "Input is too long: 262144 bytes are allowed")
        name = parameters.get("name")
        return self.start_execution(
            str(parameters["stateMachineArn"]), None if name is None else str(name), decoded(text)
        )

    def _stop_execution(self, parameters: Parameters) -> Answer:
        self._questions.asked_drive(parameters)  # which refuses those of EXPRESS machines
        error, cause = parameters.get("error"), parameters.get("cause")
        drive = self.stop(
            str(parameters["executionArn"]),
            error=None if error is None else str(error),
            cause=None if cause is None else str(cause),
        )
        ended_at = drive.ended_at if drive.ended_at is not None else self._scheduler.now()
        return {"stopDate": moment(ended_at)}

    def _redrive_execution(self, parameters: Parameters) -> Answer:
        # Of an EXPRESS execution it says why it does not, where the other calls do not know it.
        known = self._driver.drives.get(str(parameters["executionArn"]))
        drive, now = known or self._questions.asked_drive(parameters), self._scheduler.now()
        found = redrive_status(drive, now)
        if found["redriveStatus"] != "REDRIVABLE":
            reason = found.get("redriveStatusReason", "redrive the execution that has started the Map Run")
            raise ServiceError("ExecutionNotRedrivable", f"Execution is not redrivable: {reason}")
        self._driver.tell(drive, Redriven(at=now))
        return {"redriveDate": moment(now)}

    def _send_task_success(self, parameters: Parameters) -> Answer:
        text = str(parameters["output"])
        if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_PAYLOAD_BYTES:
            raise ServiceError("InvalidOutput", f"Invalid Output: larger than {MAXIMUM_PAYLOAD_BYTES} bytes")
        try:
            output = json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            raise ServiceError("InvalidOutput", "Invalid Output: not JSON") from None
        drive, task_id = self._token(parameters)
        self._driver.tell(drive, TaskSucceeded(task_id=task_id, output=output, at=self._scheduler.now()))
        return {}

    def _send_task_failure(self, parameters: Parameters) -> Answer:
        drive, task_id = self._token(parameters)
        error, cause = parameters.get("error"), parameters.get("cause")
        failed = TaskFailed(
            task_id=task_id,
            error=None if error is None else str(error),
            cause=None if cause is None else str(cause),
            at=self._scheduler.now(),
        )
        self._driver.tell(drive, failed)
        return {}

    def _send_task_heartbeat(self, parameters: Parameters) -> Answer:
        drive, task_id = self._token(parameters)
        self._driver.tell(drive, TaskHeartbeat(task_id=task_id, at=self._scheduler.now()))
        return {}

    def _token(self, parameters: Parameters) -> tuple[Drive, int]:
        token = str(parameters["taskToken"])
        if _TOKEN.fullmatch(token) is None:
            raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
        found = self._driver.tokens.get(token)
        if found is None:
            raise ServiceError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return found

    # --- Activities ---------------------------------------------------------------------------------------

    def _create_activity(self, parameters: Parameters) -> Answer:
        """An activity is its name: creating it again gives the same one, and a worker may ask for any."""
        name = str(parameters["name"])
        if _NAME.match(name) is None:
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        return {
            "activityArn": f"arn:aws:states:us-east-1:123456789012:activity:{name}",
            "creationDate": moment(0.0),
        }

    def _get_activity_task(self, parameters: Parameters) -> Answer:
        """A worker asks for a task of an activity; it waits up to a minute for one."""
        arn = str(parameters["activityArn"])
        given = parameters.get("workerName")
        worker = None if given is None else str(given)
        found = self._take_activity_task(arn, worker)
        if found is not None:
            return found
        promise = AnswerLater(lambda: self._scheduler.run_until(lambda: promise.settled))
        self._polls.setdefault(arn, deque()).append((promise, worker))

        def give_up() -> None:
            if not promise.settled:
                promise.resolve({})

        self._scheduler.call_at(self._scheduler.now() + 60.0, give_up)
        raise promise

    def offer_activity_task(self, arn: str) -> None:
        """A task of an activity was scheduled: give it to a worker that waits."""
        polls = self._polls.get(arn)
        while polls:
            promise, worker = polls[0]
            if promise.settled:
                polls.popleft()
                continue
            found = self._take_activity_task(arn, worker)
            if found is None:
                return
            polls.popleft()
            promise.resolve(found)

    def _take_activity_task(self, arn: str, worker: str | None) -> Answer | None:
        for drive, task_id in self._driver.tokens.values():
            task = drive.asked.tasks.get(task_id)
            if task is not None and task.resource == arn and task_id not in drive.asked.submitted:
                taken = ActivityTaken(task_id=task_id, worker_name=worker, at=self._scheduler.now())
                self._driver.tell(drive, taken)
                return {"taskToken": task.task_token, "input": compact(task.parameters)}
        return None


OPERATIONS: Final[Mapping[str, Callable[[StepFunctions, Parameters], Answer]]] = {
    "CreateActivity": StepFunctions._create_activity,
    "GetActivityTask": StepFunctions._get_activity_task,
    "RedriveExecution": StepFunctions._redrive_execution,
    "SendTaskFailure": StepFunctions._send_task_failure,
    "SendTaskHeartbeat": StepFunctions._send_task_heartbeat,
    "SendTaskSuccess": StepFunctions._send_task_success,
    "StartExecution": StepFunctions._start_execution,
    "StartSyncExecution": StepFunctions._start_sync_execution,
    "StopExecution": StepFunctions._stop_execution,
}
