"""Requests of `TestState`: which state is meant, and whether it can be tested like that.

Nothing is run here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import DefinitionError, StateTestError
from penstock.statemachines.fields import Fields
from penstock.statemachines.model import Flow, Map, Parallel, State, Task
from penstock.statemachines.nested_states import nested_states
from penstock.statemachines.parse import parse_state
from penstock.statemachines.teststate_mocks import check_result
from penstock.statemachines.values import JSON

MOCKABLE = (Task, Map, Parallel)
_TYPES = "Task, Wait, Pass, Succeed, Fail, Choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mock:
    """What stands in for a task's, Map's or Parallel state's work.

    Args:
        result: JSON text; None for a failure.
        field_validation_mode: how a service's result is held against its API: STRICT, PRESENT or NONE.
    """

    result: str | None = None
    error: str | None = None
    cause: str | None = None
    field_validation_mode: str = "STRICT"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateConfiguration:
    """Where the tested state stands (API reference, "TestStateConfiguration").

    Args:
        map_item_reader_data: JSON text of the items that a Map's reader would give.
    """

    retrier_retry_count: int = 0
    map_iteration_failure_count: int | None = None
    error_caused_by_state: str | None = None
    map_item_reader_data: str | None = None


def find_state(definition: Mapping[str, JSON], name: str | None) -> State:
    """The state to test: the definition itself, or the one of that name in it, however deep.

    Raises:
        StateTestError: there is none, or it cannot be read.
    """
    try:
        if name is None and "States" not in definition:
            state = _parse("StateName", definition, "", jsonata=False)
            _check_definition(_machine_of(definition), "/States/StateName")
            return state
        known: list[str] = []
        for found in nested_states(definition):
            known.append(found.name)
            if name is None or found.name == name:
                state = _parse("StateName", found.members, found.pointer, jsonata=found.jsonata)
                _check_definition(definition, "")
                return state
    except DefinitionError as error:
        what = error.what
        if what.startswith("no state type"):
            what = f"The field 'Type' should have one of these values: [{_TYPES}, Parallel, Map]"
        message = f"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {what} at {error.at}'"
        raise StateTestError(message, code="InvalidDefinition") from error
    raise StateTestError(f"State not found in definition: {name}", fix=_other_name(name, known))


def _other_name(name: str | None, known: Sequence[str]) -> str:
    """What to ask for instead of a state that is not there."""
    from difflib import get_close_matches

    if not known:
        return "give a definition with States, or a single state and no name"
    close = get_close_matches(name or "", known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"states: {', '.join(known)}"


def _check_definition(definition: Mapping[str, JSON], around: str) -> None:
    """What `CreateStateMachine` refuses, `TestState` refuses too.

    Args:
        around: what stands before the pointers into a definition that is one state only.

    Raises:
        DefinitionError: the first error.
    """
    # Loaded only by who tests a state: the engine itself needs no rules.
    from penstock.statemachines.checks import check_definition

    for problem in check_definition(definition):
        if problem.severity == "error":
            raise DefinitionError(problem.what, at=problem.pointer.removeprefix(around), fix=problem.fix)


def _machine_of(state: Mapping[str, JSON]) -> dict[str, JSON]:
    """A machine of one state, with an end wherever the state leads to."""
    targets = [state.get("Next"), state.get("Default")]
    for member in ("Choices", "Catch"):
        rules = state.get(member)
        targets += (
            [rule.get("Next") for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
        )
    ends: dict[str, JSON] = {target: {"Type": "Succeed"} for target in targets if isinstance(target, str)}
    return {"StartAt": "StateName", "States": {**ends, "StateName": state}}


def _parse(name: str, members: Mapping[str, JSON], pointer: str, *, jsonata: bool) -> State:
    return parse_state(name, Fields(members, pointer, jsonata=jsonata), {})


def check_request(
    state: State,
    mock: Mock | None,
    settings: StateConfiguration,
    role_arn: str | None,
    *,
    reveal_secrets: bool,
    has_context: bool = False,
) -> None:
    """Refuse what AWS refuses, in its words.

    Raises:
        StateTestError: the state cannot be tested like this.
    """
    _check_json(settings.map_item_reader_data, "MapItemReaderData must be valid JSON")
    if settings.retrier_retry_count < 0:
        raise StateTestError("RetrierRetryCount must be greater than or equal to 0.")
    if mock is None:
        _check_unmocked(state, has_context=has_context)
        if settings.map_iteration_failure_count is not None:
            raise StateTestError(
                "TestState does not support MapIterationFailureCount when a mock is not specified."
            )
        if isinstance(state, Map | Parallel):
            raise StateTestError(
                f"TestState API does not support Map or Parallel states. Supported state types include: [{_TYPES}]",
                code="InvalidDefinition",
            )
        if isinstance(state, Task) and role_arn is None:
            raise StateTestError("RoleArn must be specified when testing a Task state")
        return
    if reveal_secrets:
        raise StateTestError("TestState does not support RevealSecrets when a mock is specified.")
    if not isinstance(state, MOCKABLE):
        raise StateTestError(f"State type '{state.type}' is not supported when a mock is specified")
    if mock.result is not None and (mock.error is not None or mock.cause is not None):
        raise StateTestError(
            "A test mock should have only one of the following fields: [result, errorOutput]."
        )
    _check_cause(state, mock, settings)
    if mock.result is None:
        if mock.error is None:
            raise StateTestError("A test mock has a result, or an errorOutput with an error.")
        return
    result = _check_json(mock.result, "Mocked result must be valid JSON")
    if isinstance(state, Map) and state.writer is not None:
        if not isinstance(result, dict):
            raise StateTestError("Mocked result must be a JSON object.")
    elif isinstance(state, Map | Parallel):
        if not isinstance(result, list):
            raise StateTestError("Mocked result must be an array.")
    elif isinstance(state, Task):
        check_result(state, result, mode=mock.field_validation_mode)


def _check_unmocked(state: State, *, has_context: bool) -> None:
    """What the API allows "only when a mock is specified" (API reference, "TestState")."""
    what = "Context" if has_context else None
    if isinstance(state, Task):
        if state.resource_type == "activity":
            what = "an Activity"
        elif state.pattern != "request_response":
            what = f"the integration pattern .{state.pattern}"
    if what is not None:
        raise StateTestError(f"TestState does not support {what} when a mock is not specified.")


def _check_cause(state: State, mock: Mock, settings: StateConfiguration) -> None:
    """ErrorCausedByState names a state within a Map or Parallel state whose error is mocked."""
    name = settings.error_caused_by_state
    if name is None:
        return
    if mock.error is None or not isinstance(state, Map | Parallel):
        raise StateTestError("ErrorCausedByState is for the mocked error of a Map or Parallel state.")
    flows = [state.processor] if isinstance(state, Map) else list(state.branches)
    if not any(name in names_of(flow) for flow in flows):
        raise StateTestError(f"State not found in definition: {name}")


def names_of(flow: Flow) -> Iterator[str]:
    """The names of all states of a flow, the innermost ones too."""
    for name, state in flow.states.items():
        yield name
        inner = [state.processor] if isinstance(state, Map) else []
        for one in state.branches if isinstance(state, Parallel) else inner:
            yield from names_of(one)


def _check_json(text: str | None, complaint: str) -> JSON:
    if text is None:
        return None
    try:
        decoded: JSON = json.loads(text)
    except ValueError as error:
        raise StateTestError(complaint) from error
    return decoded
