"""`TestState`: one state, run by itself, with its data flow laid open (API reference, "TestState").

1. The state's fields are evaluated by the same functions that the engine uses; what differs is who decides what comes
   next: nobody, the answer says what would.
2. A task's result is mocked, or comes from `call`; nothing else leaves this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal
from uuid import UUID

from penstock.errors import PathError, StateTestError
from penstock.statemachines import dataflow
from penstock.statemachines.failures import (
    RESULT_PATH_MATCH,
    TOLERATED_FAILURES,
    StateFailure,
    matches,
    runtime_failure,
)
from penstock.statemachines.jsonpath import ReferencePath
from penstock.statemachines.model import (
    Catcher,
    Choice,
    Evaluate,
    Fail,
    Map,
    Parallel,
    Pass,
    Scope,
    State,
    Task,
    Wait,
)
from penstock.statemachines.protocol import IntegrationPattern, RunTask, TaskFailed, TaskSucceeded
from penstock.statemachines.retry import delay_seconds, find_retrier
from penstock.statemachines.settings import percentage
from penstock.statemachines.states import failure_of, wait_until
from penstock.statemachines.tasks import seconds
from penstock.statemachines.teststate_maps import map_inputs, map_items, map_settings
from penstock.statemachines.teststate_requests import (
    MOCKABLE,
    Mock,
    StateConfiguration,
    check_request,
    find_state,
)
from penstock.statemachines.values import JSON, iso_date_time

Level = Literal["INFO", "DEBUG", "TRACE"]


@dataclass(slots=True, kw_only=True)
class StateTest:
    """What came of it.

    Args:
        status: SUCCEEDED, FAILED, RETRIABLE or CAUGHT_ERROR.
        inspection: the data after every stage, by AWS's names; empty at the level INFO.
    """

    status: str
    output: JSON = None
    has_output: bool = False
    error: str | None = None
    cause: str | None = None
    next_state: str | None = None
    inspection: dict[str, JSON] = field(default_factory=dict)

    def as_api(self) -> dict[str, JSON]:
        """The answer of the API, with payloads as values instead of JSON text."""
        answer: dict[str, JSON] = {"status": self.status}
        if self.has_output:
            answer["output"] = self.output
        for name, value in (("error", self.error), ("cause", self.cause), ("nextState", self.next_state)):
            if value is not None:
                answer[name] = value
        if self.inspection:
            answer["inspectionData"] = self.inspection
        return answer


__all__ = ["Call", "Level", "Mock", "StateConfiguration", "StateTest", "try_state"]

Call = Callable[[RunTask], TaskSucceeded | TaskFailed]


def try_state(
    definition: Mapping[str, JSON],
    value: JSON = None,
    *,
    state_name: str | None = None,
    mock: Mock | None = None,
    configuration: StateConfiguration | None = None,
    variables: Mapping[str, JSON] | None = None,
    context: Mapping[str, JSON] | None = None,
    level: Level = "INFO",
    role_arn: str | None = None,
    reveal_secrets: bool = False,
    call: Call | None = None,
    account: str = "123456789012",
    at: float = 0.0,
    seed: int = 0,
) -> StateTest:
    """Run one state.

    Args:
        definition: the state, or a whole machine together with `state_name`.
        value: the state's input.
        context: the context object; by default one is made up.
        level: INFO gives no inspection data; DEBUG and TRACE do.
        call: calls the service of a Task state that is not mocked.

    Raises:
        StateTestError: AWS would refuse the request.
    """
    settings = configuration or StateConfiguration()
    state = find_state(definition, state_name)
    check_request(
        state, mock, settings, role_arn, reveal_secrets=reveal_secrets, has_context=context is not None
    )
    trial = _Trial(state, value, mock, settings, dict(variables or {}), at, Random(seed))
    trial.context = trial.made_up_context(account, role_arn) if context is None else context
    answer = trial.run(call)
    if trial.variables:
        trial.inspection["variables"] = dict(trial.variables)
    if level != "INFO":
        answer.inspection = trial.inspection
    return answer


class _Trial:
    """One run of one state; `draw` and `now` make it the ports of its expressions."""

    def __init__(
        self,
        state: State,
        value: JSON,
        mock: Mock | None,
        settings: StateConfiguration,
        variables: Mapping[str, JSON],
        at: float,
        draw: Random,
    ) -> None:
        self.state = state
        self.value = value
        self.mock = mock
        self.settings = settings
        self.variables = variables
        self.now = at
        self.draw = draw
        self.inspection: dict[str, JSON] = {"input": value}
        self.context: Mapping[str, JSON] = {}

    def made_up_context(self, account: str, role_arn: str | None) -> Mapping[str, JSON]:
        """The context object of an execution that there is not."""
        machine, name = (str(UUID(int=self.draw.getrandbits(128), version=4)) for _ in range(2))
        prefix = f"arn:aws:states:us-east-1:{account}"
        time = iso_date_time(self.now)
        state: dict[str, JSON] = {"Name": self.state.name, "EnteredTime": time}
        if isinstance(self.state, MOCKABLE):
            state["RetryCount"] = self.settings.retrier_retry_count
        return {
            "Execution": {
                "Id": f"{prefix}:express:{machine}:{name}",
                "Input": self.value,
                "Name": name,
                "RoleArn": role_arn,
                "StartTime": time,
            },
            "StateMachine": {"Id": f"{prefix}:stateMachine:{machine}", "Name": machine},
            "State": state,
        }

    def scope(self, **about: JSON) -> Scope:
        """What expressions see; `about` are further members of `$states`."""
        states = {"input": self.value, "context": self.context, **about} if self.state.jsonata else None
        return Scope(self.variables, self.context, self, states)

    def run(self, call: Call | None) -> StateTest:
        state = self.state
        try:
            if isinstance(state, Fail):
                self._filtered()
                error, cause = failure_of(state, self.value, self.scope())
                return StateTest(status="FAILED", error=error, cause=cause)
            if isinstance(state, Choice):
                return self._choose(state)
            if isinstance(state, MOCKABLE):
                return self._work(call)
            return self._flow_through()
        except StateFailure as failure:
            try:
                return self._failed(failure)
            except StateFailure as second:
                return StateTest(status="FAILED", error=second.error, cause=second.cause)

    def _filtered(self) -> JSON:
        value = dataflow.filtered_input(self.state, self.value, self.scope())
        if not self.state.jsonata and not isinstance(self.state, Parallel):
            self.inspection["afterInputPath"] = value
        return value

    def _flow_through(self) -> StateTest:
        """Pass, Succeed, Wait."""
        state = self.state
        if isinstance(state, Pass) and state.has_result:
            self.inspection["result"] = state.result
            return self._succeeded(state.result, merge=True)
        value = self._filtered()
        if isinstance(state, Wait):
            wait_until(self.now, state, value, self.scope())
        if not isinstance(state, Pass):
            return self._succeeded(value, merge=False)
        if state.arguments is not None:
            value = state.arguments(value, self.scope())
        if not state.jsonata:
            self.inspection["afterParameters"] = value
        return self._succeeded(value, merge=True)

    def _choose(self, state: Choice) -> StateTest:
        value = self._filtered()
        scope = self.scope()
        for rule in state.rules:
            if rule.condition(value, scope):
                output, assigned = dataflow.finish_rule(state, rule, value, scope)
                self._keep(assigned)
                return self._answer("SUCCEEDED", output, rule.next)
        if state.default is None:
            raise runtime_failure(
                "Failed to transition out of the state. The state does not point to a next state."
            )
        answer = self._succeeded(value, merge=False)
        answer.next_state = state.default
        return answer

    def _work(self, call: Call | None) -> StateTest:
        """Task, Map, Parallel."""
        state = self.state
        value = self._filtered()
        items = self._inspect_map(state, value) if isinstance(state, Map) else []
        if isinstance(state, Task):
            for setting in (state.timeout, state.heartbeat):
                seconds(setting, value, self.scope())
        parameters = value
        if state.arguments is not None:
            parameters = state.arguments(value, self.scope())
        if isinstance(state, Task):
            if not state.jsonata:
                self.inspection["afterParameters"] = parameters
            elif state.arguments is not None:
                self.inspection["afterArguments"] = parameters
            if state.credentials is not None:
                state.credentials(value, self.scope())
            dataflow.check_size(state, parameters)
        if isinstance(state, Map):
            self._check_tolerance(state, value, len(items))
        result = self._result(state, parameters, call)
        if isinstance(state, Task):
            self.inspection["result"] = result
        return self._succeeded(result, merge=True)

    def _inspect_map(self, state: Map, value: JSON) -> list[JSON]:
        scope = self.scope()
        items, members, found = map_items(state, value, scope, self.settings.map_item_reader_data)
        self.inspection.update(found)
        self.inspection.update(map_settings(state, value, scope))
        self.inspection.update(map_inputs(state, value, items, scope, self._scope_of_item, members=members))
        return items

    def _scope_of_item(self, item: Mapping[str, JSON]) -> Scope:
        context = {**self.context, "Map": {"Item": item}}
        scope = self.scope(context=context)
        return Scope(scope.variables, context, scope.ports, scope.states)

    def _check_tolerance(self, state: Map, value: JSON, total: int) -> None:
        failures = self.settings.map_iteration_failure_count
        if not failures or (self.mock is not None and self.mock.result is None):
            return
        tolerated = self.inspection.get("toleratedFailureCount")
        if state.tolerated_percentage is not None and tolerated is None:
            exceeded = failures * 100 > percentage(state.tolerated_percentage, value, self.scope()) * total
        else:
            exceeded = failures > (tolerated if isinstance(tolerated, int) else 0)
        if exceeded:
            raise StateFailure(TOLERATED_FAILURES, "The specified tolerated failure threshold was exceeded")

    def _result(self, state: State, parameters: JSON, call: Call | None) -> JSON:
        if self.mock is not None:
            if self.mock.result is None:
                raise StateFailure(self.mock.error, self.mock.cause)
            mocked: JSON = json.loads(self.mock.result)
            return mocked
        if call is None or not isinstance(state, Task):
            raise StateTestError("the task has no mock, and nothing was given to call its service with")
        answer = call(
            RunTask(
                task_id=1,
                state_name=state.name,
                resource=state.resource,
                resource_type=state.resource_type,
                action=state.action,
                pattern=IntegrationPattern(state.pattern),
                parameters=parameters,
                task_token=str(UUID(int=self.draw.getrandbits(128), version=4)),
            )
        )
        if isinstance(answer, TaskFailed):
            raise StateFailure(answer.error, answer.cause)
        return answer.output

    def _succeeded(self, result: JSON, *, merge: bool) -> StateTest:
        state = self.state
        about = {"result": result} if merge and isinstance(state, MOCKABLE) else {}
        scope = self.scope(**about)
        if state.jsonata:
            self._assign(state.assign, result, scope)
            output = result if state.output is None else state.output(result, scope)
            return self._answer("SUCCEEDED", output, state.next)
        if merge and state.selector is not None:
            result = state.selector(result, scope)
        self._assign(state.assign, result, scope)
        output = result
        if merge:
            self.inspection["afterResultSelector"] = result
            output = self._merged(result)
            self.inspection["afterResultPath"] = output
        return self._answer("SUCCEEDED", dataflow.filtered_output(state, output, scope), state.next)

    def _assign(self, template: Evaluate | None, document: JSON, scope: Scope) -> None:
        self._keep(dataflow.assign(template, document, scope))

    def _keep(self, assigned: Mapping[str, JSON] | None) -> None:
        if assigned:
            dataflow.check_size(self.state, assigned)
            self.variables = {**self.variables, **assigned}

    def _merged(self, result: JSON) -> JSON:
        state = self.state
        if state.discards_result:
            return self.value
        return result if state.result_path is None else self._put(state.result_path, result)

    def _put(self, path: ReferencePath, result: JSON) -> JSON:
        try:
            return path.put(self.value, result)
        except PathError as error:
            raise StateFailure(RESULT_PATH_MATCH, error.what) from error

    def _answer(self, status: str, output: JSON, next_state: str | None) -> StateTest:
        dataflow.check_size(self.state, output)
        return StateTest(status=status, output=output, has_output=True, next_state=next_state)

    def _failed(self, failure: StateFailure) -> StateTest:
        """Retried, caught, or failed for good."""
        state, error = self.state, failure.error
        details: dict[str, JSON] = {}
        used = [self.settings.retrier_retry_count] * len(state.retriers)
        named = next(
            (number for number, one in enumerate(state.retriers) if matches(one.error_equals, error)), None
        )
        if named is not None:
            details["retryIndex"] = named
            if find_retrier(state.retriers, error, used) is not None:
                seconds = delay_seconds(state.retriers[named], used[named] + 1, draw=self.draw)
                details["retryBackoffIntervalSeconds"] = int(seconds)
                self.inspection["errorDetails"] = details
                return StateTest(status="RETRIABLE", error=error, cause=failure.cause)
        for number, catcher in enumerate(state.catchers):
            if matches(catcher.error_equals, error):
                details["catchIndex"] = number
                self.inspection["errorDetails"] = details
                return self._caught(failure, catcher)
        if details:
            self.inspection["errorDetails"] = details
        return StateTest(status="FAILED", error=error, cause=failure.cause)

    def _caught(self, failure: StateFailure, catcher: Catcher) -> StateTest:
        given: dict[str, JSON] = {"Error": failure.error, "Cause": failure.cause}
        output: JSON = given
        scope = self.scope(errorOutput=given)
        self._assign(catcher.assign, given, scope)
        if self.state.jsonata:
            if catcher.output is not None:
                output = catcher.output(given, scope)
        elif catcher.discards_result:
            output = self.value
        elif catcher.result_path is not None:
            output = self._put(catcher.result_path, given)
        answer = self._answer("CAUGHT_ERROR", output, catcher.next)
        answer.error, answer.cause = failure.error, failure.cause
        return answer
