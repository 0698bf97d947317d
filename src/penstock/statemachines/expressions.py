"""Fields of a definition, compiled into functions: paths, payload templates, JSONata.

1. Compiling happens once per definition; evaluating one allocates nothing that it need not.
2. Every failure leaves here as a `StateFailure` in AWS's words for the field at hand.
3. What paths, intrinsic functions and JSONata mean is the business of their own modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.errors import IntrinsicError, JsonataError, PathError, PatternStoppedError
from penstock.statemachines import intrinsics, jsonpath
from penstock.statemachines.failures import StateFailure, evaluation_failure, runtime_failure
from penstock.statemachines.jsonpath_steps import Filter
from penstock.statemachines.model import Evaluate, Scope
from penstock.statemachines.values import JSON, shown, type_name


def constant(value: JSON) -> Evaluate:
    """An expression that gives `value` itself, shared and never copied."""

    def evaluate(_document: JSON, _scope: Scope) -> JSON:
        return value

    return evaluate


def identity(document: JSON, _scope: Scope) -> JSON:
    """`$`."""
    return document


def _finder(text: str) -> Callable[[JSON, Mapping[str, JSON], Mapping[str, JSON]], JSON]:
    """What a path finds; a regular expression of its filters that takes too long fails the state."""
    compiled = jsonpath.compile_path(text)
    if not any(isinstance(step, Filter) for step in compiled.steps):
        return compiled.query

    def find(document: JSON, context: Mapping[str, JSON], variables: Mapping[str, JSON]) -> JSON:
        try:
            return compiled.query(document, context, variables)
        except PatternStoppedError as error:
            raise runtime_failure(f"Invalid path '{text}' : {error.what}") from error
        except RecursionError as error:
            # Values are compared, and Python compares what is nested by calling itself.
            raise runtime_failure(
                f"Invalid path '{text}' : the values are nested too deeply to compare"
            ) from error

    return find


def query(text: str) -> Evaluate:
    """A path as it stands, raising `PathError`; the caller words the failure."""
    if text == "$":
        return identity
    find = _finder(text)

    def evaluate(document: JSON, scope: Scope) -> JSON:
        return find(document, scope.context, scope.variables)

    return evaluate


def path(text: str) -> Evaluate:
    """A path of a field of its own (InputPath, OutputPath, TimeoutSecondsPath, ...)."""
    if text == "$":
        return identity
    find = _finder(text)

    def evaluate(document: JSON, scope: Scope) -> JSON:
        try:
            return find(document, scope.context, scope.variables)
        except PathError as error:
            raise runtime_failure(f"Invalid path '{text}' : {error.what}") from error

    return on_something(text, evaluate)


def intrinsic(text: str) -> Evaluate:
    """An intrinsic function call."""
    call = intrinsics.compile_intrinsic(text)

    def evaluate(document: JSON, scope: Scope) -> JSON:
        try:
            return call(document, scope.context, scope.variables, scope.ports.draw)
        except IntrinsicError as error:
            raise StateFailure(error.error, error.what, located=True) from error

    return evaluate


def on_something(text: str, evaluate: Evaluate) -> Evaluate:
    """A path into the state's input, which fails if there is no input, as AWS says it; other paths as they are."""
    if not (text == "$" or text.startswith(("$.", "$["))):
        return evaluate

    def evaluate_on_something(document: JSON, scope: Scope) -> JSON:
        if document is None:
            raise runtime_failure("Unable to apply Path transformation to null or empty input.")
        return evaluate(document, scope)

    return evaluate_on_something


def path_or_intrinsic(text: str, field: str) -> Evaluate:
    """The right-hand side of a `"name.$"` member, or of ErrorPath and CausePath.

    Args:
        field: the member's name as it is written, for the message.
    """
    if text.startswith("States."):
        return intrinsic(text)
    if text == "$":
        return on_something(text, identity)
    find = _finder(text)

    def evaluate(document: JSON, scope: Scope) -> JSON:
        try:
            return find(document, scope.context, scope.variables)
        except PathError as error:
            if error.out_of_bounds and field.endswith(".$"):
                # As measured on AWS: in a payload template, and there alone, an index past the end gives null.
                return None
            searched = scope.context if text.startswith("$$") else document
            raise runtime_failure(
                f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input "
                f"'{shown(searched)}'"
            ) from error

    return on_something(text, evaluate)


def payload(template: JSON) -> Evaluate:
    """A payload template: members whose names end in `.$` are computed ("Payload Template")."""
    return _payload(template) or constant(template)


def _payload(template: JSON) -> Evaluate | None:
    """None if nothing in the template is computed."""
    if isinstance(template, dict):
        members: list[tuple[str, Evaluate]] = []
        computed = False
        for name, value in template.items():
            if name.endswith(".$") and isinstance(value, str):
                members.append((name[:-2], path_or_intrinsic(value, name)))
                computed = True
                continue
            nested = _payload(value)
            computed = computed or nested is not None
            members.append((name, nested or constant(value)))
        if not computed:
            return None

        def evaluate_object(document: JSON, scope: Scope) -> JSON:
            return {name: evaluate(document, scope) for name, evaluate in members}

        return evaluate_object
    if isinstance(template, list):
        elements = [_payload(element) for element in template]
        if not any(elements):
            return None
        compiled = [
            evaluate or constant(element) for evaluate, element in zip(elements, template, strict=True)
        ]

        def evaluate_array(document: JSON, scope: Scope) -> JSON:
            return [evaluate(document, scope) for evaluate in compiled]

        return evaluate_array
    return None


def is_jsonata(value: JSON) -> bool:
    """Whether the string is one JSONata expression: `{% ... %}`."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def jsonata_text(value: str) -> str:
    """The expression between `{%` and `%}`."""
    return value[2:-2].strip()


def jsonata_expression(value: str, field: str) -> Evaluate:
    """One `{% ... %}` string.

    Args:
        field: where it stands in the state, members joined by `/`: `Output/result`.
    """
    # Loaded only by definitions that use it: the package behind it is the slowest import of this room.
    from penstock.statemachines import jsonata

    text = jsonata_text(value)
    expression = jsonata.compile_expression(text)

    def evaluate(_document: JSON, scope: Scope) -> JSON:
        bindings = {**scope.variables, "states": scope.states}
        try:
            return expression.evaluate(bindings, scope.ports)
        except JsonataError as error:
            raise evaluation_failure(
                f"The JSONata expression '{text}' specified for the field '{field}' {error.message}",
                location=field,
            ) from error

    return evaluate


def jsonata_template(template: JSON, field: str) -> Evaluate:
    """A JSONata-mode value: every string that is an expression is computed, at any depth."""
    return _jsonata_template(template, field) or constant(template)


def jsonata_value(template: JSON, field: str, expected: str) -> Evaluate:
    """A JSONata-mode value of one JSON type.

    Args:
        expected: `array`, `boolean`, `string`, ...; an expression that gives another type fails its state.
    """
    evaluate = jsonata_template(template, field)
    if not is_jsonata(template):
        return evaluate

    def evaluate_checked(document: JSON, scope: Scope) -> JSON:
        value = evaluate(document, scope)
        if type_name(value) != expected:
            raise evaluation_failure(
                f"The JSONata expression '{jsonata_text(str(template))}' specified for the field '{field}' "
                f"returned an unexpected result type. Expected '{expected}', but was '{type_name(value)}' "
                f"for value: {shown(value)}",
                location=field,
            )
        return value

    return evaluate_checked


def _jsonata_template(template: JSON, field: str) -> Evaluate | None:
    if isinstance(template, str):
        return jsonata_expression(template, field) if is_jsonata(template) else None
    if isinstance(template, dict):
        members = {name: _jsonata_template(value, f"{field}/{name}") for name, value in template.items()}
        if not any(members.values()):
            return None
        compiled = [(name, evaluate or constant(template[name])) for name, evaluate in members.items()]

        def evaluate_object(document: JSON, scope: Scope) -> JSON:
            return {name: evaluate(document, scope) for name, evaluate in compiled}

        return evaluate_object
    if isinstance(template, list):
        elements = [_jsonata_template(value, f"{field}[{index}]") for index, value in enumerate(template)]
        if not any(elements):
            return None
        parts = [evaluate or constant(element) for evaluate, element in zip(elements, template, strict=True)]

        def evaluate_array(document: JSON, scope: Scope) -> JSON:
            return [evaluate(document, scope) for evaluate in parts]

        return evaluate_array
    return None
