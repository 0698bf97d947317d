"""A state's data: from its input to what it works on, and from its result to its output.

The stages are those of the States Language: InputPath, Parameters, (the work), ResultSelector, ResultPath,
OutputPath in a JSONPath state; Arguments, (the work), Output in a JSONata state; Assign in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from penstock.errors import PathError
from penstock.statemachines.execution import Branch, Execution, context_object
from penstock.statemachines.failures import DATA_LIMIT, RESULT_PATH_MATCH, StateFailure, too_large_cause
from penstock.statemachines.model import Catcher, ChoiceRule, Evaluate, Scope, State
from penstock.statemachines.values import JSON, MAXIMUM_PAYLOAD_BYTES, size_bytes

_NO_CONTEXT: Mapping[str, JSON] = MappingProxyType({})
_MISSING = object()


def scope_of(
    execution: Execution,
    branch: Branch,
    *,
    result: JSON = _MISSING,
    error_output: JSON = _MISSING,
    item: Mapping[str, JSON] | None = None,
) -> Scope:
    """What the expressions of the branch's state can see now.

    Args:
        result: JSONata's `$states.result`, if the state has one by now.
        error_output: JSONata's `$states.errorOutput`, in a Catch.
        item: the context object's `Map.Item`, for what a Map state evaluates once per item.
    """
    state = branch.state
    about: Mapping[str, JSON] = _NO_CONTEXT
    if state.reads_context:
        about = context_object(execution, branch)
        if item is not None:
            about = {**about, "Map": {"Item": item}}
    if not state.jsonata:
        return Scope(branch.variables, about, execution)
    states: dict[str, JSON] = {"input": branch.input, "context": about}
    if result is not _MISSING:
        states["result"] = result
    if error_output is not _MISSING:
        states["errorOutput"] = error_output
    return Scope(branch.variables, about, execution, states)


def filtered_input(state: State, value: JSON, scope: Scope) -> JSON:
    """The state's input after InputPath."""
    if state.input_path is not None:
        return state.input_path(value, scope)
    return {} if state.discards_input else value


def effective_input(state: State, value: JSON, scope: Scope) -> JSON:
    """What the state works on: its input after InputPath and Parameters, or its Arguments."""
    value = filtered_input(state, value, scope)
    return value if state.arguments is None else state.arguments(value, scope)


def finish(
    execution: Execution, branch: Branch, result: JSON, *, merge: bool = True
) -> tuple[JSON, Mapping[str, JSON] | None]:
    """The state's output and the variables that it assigns.

    Args:
        result: what the state's work gave.
        merge: whether ResultSelector and ResultPath apply; they do for Task, Parallel, Map and Pass states.
    """
    state = branch.state
    if state.jsonata:
        scope = scope_of(execution, branch, result=result) if merge else scope_of(execution, branch)
        assigned = assign(state.assign, result, scope)
        return (result if state.output is None else state.output(result, scope)), assigned
    scope = scope_of(execution, branch)
    if merge and state.selector is not None:
        result = state.selector(result, scope)
    assigned = assign(state.assign, result, scope)
    output = result
    if merge:
        if state.discards_result:
            output = branch.input
        elif state.result_path is not None:
            try:
                output = state.result_path.put(branch.input, result)
            except PathError as error:
                raise StateFailure(RESULT_PATH_MATCH, error.what) from error
    return filtered_output(state, output, scope), assigned


def filtered_output(state: State, output: JSON, scope: Scope) -> JSON:
    """The state's output after OutputPath."""
    if state.output_path is not None:
        return state.output_path(output, scope)
    return {} if state.discards_output else output


def finish_rule(
    state: State, rule: ChoiceRule, value: JSON, scope: Scope
) -> tuple[JSON, Mapping[str, JSON] | None]:
    """The output and the variables of a Choice state one of whose rules holds.

    Output and Assign of the state itself are for its Default and stay unevaluated (States Language, "Choice State").
    """
    output = value if rule.output is None else rule.output(value, scope)
    return filtered_output(state, output, scope), assign(rule.assign, value, scope)


def finish_caught(
    execution: Execution, branch: Branch, catcher: Catcher, error: JSON
) -> tuple[JSON, Mapping[str, JSON] | None]:
    """The output and the variables of a state whose error was caught."""
    scope = scope_of(execution, branch, error_output=error)
    assigned = assign(catcher.assign, error, scope)
    if branch.state.jsonata:
        return (error if catcher.output is None else catcher.output(error, scope)), assigned
    if catcher.discards_result:
        return branch.input, assigned
    if catcher.result_path is None:
        return error, assigned
    try:
        return catcher.result_path.put(branch.input, error), assigned
    except PathError as failure:
        raise StateFailure(RESULT_PATH_MATCH, failure.what) from failure


def assign(template: Evaluate | None, document: JSON, scope: Scope) -> Mapping[str, JSON] | None:
    """The variables that an Assign gives, or None if there is no Assign."""
    if template is None:
        return None
    assigned = template(document, scope)
    return assigned if isinstance(assigned, dict) else None


def check_size(state: State, value: JSON) -> None:
    """Hold a state's result to the payload limit.

    Raises:
        StateFailure: `States.DataLimitExceeded`.
    """
    if size_bytes(value) > MAXIMUM_PAYLOAD_BYTES:
        raise StateFailure(DATA_LIMIT, too_large_cause(state.name))
