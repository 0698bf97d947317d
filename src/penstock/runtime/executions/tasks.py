"""What a Task state asks for, done: Lambda functions, SQS messages, nested executions, any other API.

1. An answer comes as happenings, told to `tell` at once or in a later turn.
2. Outputs and errors are those of Step Functions' optimized integrations ("Integrating services").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from penstock.errors import UnansweredOperationError
from penstock.pipelines.iam import needs_of
from penstock.runtime.access import EVERYTHING_ALLOWED, Guard
from penstock.runtime.aws_calls import called_by
from penstock.runtime.executions.sdk import (
    MakeClient,
    OutputLater,
    SdkRefusedError,
    call_api,
    client_of,
    refusal,
    sdk_metadata,
)
from penstock.runtime.functions.functions import Functions
from penstock.runtime.functions.service import check_parameters
from penstock.runtime.invocation import THROTTLED, InvocationOutcome
from penstock.runtime.scheduler import Scheduler
from penstock.runtime.services import Call, Router, ServiceError, unanswered
from penstock.statemachines.protocol import (
    Happening,
    IntegrationPattern,
    RunTask,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
)
from penstock.statemachines.values import JSON, compact

if TYPE_CHECKING:
    from penstock.runtime.executions.drive import Drive

Tell = Callable[[Happening], None]


class Executions(Protocol):
    """What a task may want of other executions; `executions.service.StepFunctions` implements it."""

    def start(self, parameters: Mapping[str, object]) -> Mapping[str, JSON]:
        """Answer `StartExecution` as Step Functions gives it to a state: ExecutionArn and StartDate."""
        ...

    def when_ended(self, arn: str, listener: Callable[[Drive], None]) -> None:
        """Call `listener`, in a later turn, once the execution is over."""
        ...

    def stop(self, arn: str) -> object:
        """Stop an execution, as `StopExecution` does."""
        ...

    def offer_activity_task(self, arn: str) -> None:
        """A task of this activity waits for a worker."""
        ...


class TaskRunner:
    """Carries out `RunTask` commands.

    Args:
        make_client: a boto3 client that this target answers, for the integrations without code of their own.
        executions: starts what `states:startExecution` asks for, and gives activities to their workers.
        guard: judges by the machine's role what is not called through the router.
    """

    def __init__(
        self,
        *,
        functions: Functions,
        router: Router,
        scheduler: Scheduler,
        make_client: MakeClient,
        executions: Executions,
        guard: Guard = EVERYTHING_ALLOWED,
    ) -> None:
        self._functions = functions
        self._guard = guard
        self._router = router
        self._scheduler = scheduler
        self._make_client = make_client
        self._executions = executions

    def run(self, task: RunTask, execution_arn: str, tell: Tell, *, caller: str) -> None:
        """Begin one attempt of a task; activities wait for a worker to ask for them.

        Args:
            caller: whose role is used, `stateMachine/NAME`.
        """
        if task.resource_type == "activity":
            self._scheduler.call_soon(lambda: self._executions.offer_activity_task(task.resource))
            return
        if task.resource_type == "lambda":
            self._run_lambda(task, execution_arn, tell, caller)
            return
        self._settle(task, tell, lambda: self._answer(task, tell, caller))

    def _settle(self, task: RunTask, tell: Tell, answer: Callable[[], JSON]) -> None:
        """Tell what an integration answers, or why it does not."""
        try:
            output = answer()
        except OutputLater as later:
            promised = later
            promised.promise.then(lambda _: self._settle(task, tell, promised.output))
        except ServiceError as error:
            self._refuse(task, tell, error)
        except SdkRefusedError as error:
            self._fail(task, tell, error.error, error.cause)
        except UnansweredOperationError as error:
            self._fail(task, tell, "States.Runtime", str(error))
        else:
            self._answered(task, tell, output)

    def _answer(self, task: RunTask, tell: Tell, caller: str) -> JSON:
        parameters = cast("Mapping[str, object]", task.parameters or {})
        if (task.resource_type, task.action) == ("sqs", "sendMessage"):
            return self._send_message(parameters, caller)
        if _starts_execution(task):
            self._check(caller, "stepfunctions", "StartExecution", _with_small_initials(parameters))
            started = self._executions.start(parameters)
            self._watch_nested(task, str(started["ExecutionArn"]), tell)
            return dict(started)
        if task.pattern in _WAITS_FOR_JOB:
            raise unanswered(
                task.resource_type,
                f"{task.action}.{task.pattern.value}",
                because="it waits for jobs of Step Functions only",
            )
        with called_by(caller, hands_on=True):
            return call_api(self._make_client, task.resource_type, task.action, parameters)

    def _check(self, caller: str, service: str, operation: str, parameters: Mapping[str, object]) -> None:
        """Raise `AccessDeniedError` if the machine's role does not allow the call."""
        refused = self._guard.refusal(caller, service, operation, *needs_of(service, operation, parameters))
        if refused is not None:
            raise refused

    def _answered(self, task: RunTask, tell: Tell, output: JSON) -> None:
        now = self._scheduler.now()
        if task.pattern is IntegrationPattern.REQUEST_RESPONSE:
            tell(TaskSucceeded(task_id=task.task_id, output=output, at=now))
        else:
            tell(TaskSubmitted(task_id=task.task_id, output=output, at=now))

    def _fail(self, task: RunTask, tell: Tell, error: str, cause: str) -> None:
        tell(TaskFailed(task_id=task.task_id, error=error, cause=cause, at=self._scheduler.now()))

    def _refuse(self, task: RunTask, tell: Tell, error: ServiceError, *, service: str | None = None) -> None:
        service = service or task.resource_type
        client = client_of(self._make_client, service)
        refused = refusal(client, service, error.code, error.message, error.status)
        self._fail(task, tell, refused.error, refused.cause)

    # --- Lambda -------------------------------------------------------------------------------------------

    def _run_lambda(self, task: RunTask, execution_arn: str, tell: Tell, caller: str) -> None:
        direct = not task.action
        parameters = cast("Mapping[str, object]", {} if direct else task.parameters or {})
        name = task.resource if direct else str(parameters.get("FunctionName", ""))
        payload = compact(task.parameters if direct else parameters.get("Payload", {})).encode()
        kind = parameters.get("InvocationType", "RequestResponse")

        def done(outcome: InvocationOutcome) -> None:
            error = outcome.error
            if error is None:
                self._answered(task, tell, _lambda_output(outcome, direct=direct))
            elif error.error_type == THROTTLED:
                self._fail(task, tell, "Lambda.TooManyRequestsException", error.error_message)
            else:
                cause = error.payload(outcome.request_id).decode()
                self._fail(task, tell, error.error_type, cause)

        try:
            self._check(caller, "lambda", "Invoke", {**parameters, "FunctionName": name})
            check_parameters(parameters)
            if kind == "DryRun":
                self._functions.find(name)
                dry = {**sdk_metadata("penstock", status=204), "StatusCode": 204}
                self._answered(task, tell, dry)
                return
            if kind == "Event":
                request_id = self._functions.queue_event(name, payload, source=execution_arn)
                self._answered(task, tell, _accepted(request_id))
                return
            self._functions.run(name, payload, done, source=execution_arn)
        except ServiceError as refused:
            self._refuse(task, tell, refused, service="lambda")
        except UnansweredOperationError as error:
            self._fail(task, tell, "States.Runtime", str(error))

    # --- SQS ----------------------------------------------------------------------------------------------

    def _send_message(self, parameters: Mapping[str, object], caller: str) -> JSON:
        given = dict(parameters)
        body = given.get("MessageBody")
        given["MessageBody"] = body if isinstance(body, str) else compact(body)
        attributes = given.get("MessageAttributes")
        if isinstance(attributes, Mapping):
            given["MessageAttributes"] = {name: _attribute(value) for name, value in attributes.items()}
        call = Call(service="sqs", operation="SendMessage", parameters=given, caller=caller)
        answer = self._router.answer(call)
        return {**answer, **sdk_metadata(str(answer["MessageId"]))}

    # --- Nested executions --------------------------------------------------------------------------------

    def watch(self, task: RunTask, submitted: object, tell: Tell) -> None:
        """Wait again, after a resumption, for what a task had begun; a task token waits by itself."""
        if _starts_execution(task):
            arn = cast("Mapping[str, object]", submitted)["ExecutionArn"]
            self._watch_nested(task, str(arn), tell)

    def cancel(self, task: RunTask, submitted: object, *, caller: str) -> None:
        """Stop the execution that an aborted `.sync` task has begun, if the machine's role allows it.

        Step Functions, "Run a Job (.sync)": "a best-effort attempt to cancel the task".
        """
        if not _starts_execution(task) or task.pattern not in _WAITS_FOR_JOB:
            return
        arn = str(cast("Mapping[str, object]", submitted)["ExecutionArn"])
        need = ("states:StopExecution", arn)
        if self._guard.refusal(caller, "stepfunctions", "StopExecution", need) is None:
            self._executions.stop(arn)

    def _watch_nested(self, task: RunTask, arn: str, tell: Tell) -> None:
        if task.pattern in _WAITS_FOR_JOB:
            self._executions.when_ended(arn, lambda ended: self._nested_ended(task, ended, tell))

    def _nested_ended(self, task: RunTask, ended: Drive, tell: Tell) -> None:
        """`.sync` gives the output as text, `.sync:2` as JSON."""
        described = ended.describe()
        if ended.execution.status.value == "SUCCEEDED":
            if task.pattern is IntegrationPattern.SYNC_2:
                described["Output"] = ended.execution.output
            tell(TaskSucceeded(task_id=task.task_id, output=described, at=self._scheduler.now()))
        else:
            self._fail(task, tell, "States.TaskFailed", compact(described))


_WAITS_FOR_JOB = (IntegrationPattern.SYNC, IntegrationPattern.SYNC_2)


def _starts_execution(task: RunTask) -> bool:
    return (task.resource_type, task.action) == ("states", "startExecution")


def _lambda_output(outcome: InvocationOutcome, *, direct: bool) -> JSON:
    answer: JSON = json.loads(outcome.payload or b"null")
    if direct:
        return answer
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": answer,
        **sdk_metadata(outcome.request_id),
        "StatusCode": 200,
    }


def _with_small_initials(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters of a state as boto3 has them for Step Functions: `stateMachineArn`."""
    return {f"{name[:1].lower()}{name[1:]}": value for name, value in parameters.items()}


def _accepted(request_id: str) -> JSON:
    return {
        "Payload": {},
        **sdk_metadata(request_id, status=202),
        "StatusCode": 202,
    }


def _attribute(value: object) -> object:
    if isinstance(value, Mapping) and "StringValue" in value:
        text = value["StringValue"]
        return {**value, "StringValue": text if isinstance(text, str) else compact(text)}
    return value
