"""PL6xx: state machines: their definitions, substitutions, and the resources that their tasks name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from penstock.errors import DefinitionError, PenstockError
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.resolve import definition, document, substituted_names
from penstock.pipelines.resources import Function, Resource, StateMachine
from penstock.statemachines.nested_states import nested_states

_FUNCTION_ARN = re.compile(r"arn:aws[a-z-]*:lambda:[^:]*:[^:]*:function:([A-Za-z0-9_-]+)(?::[^:]+)?")
_MACHINE_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]*:[^:]*:stateMachine:([^:/]+)(?:[:/].*)?")
_INVOKE = re.compile(r"arn:aws[a-z-]*:states:::(?:lambda:invoke|aws-sdk:lambda:invoke)(?:\.\w+)?")
_START = re.compile(r"arn:aws[a-z-]*:states:::(?:states|aws-sdk:sfn):start(?:Sync)?Execution(?:\.[\w:]+)?")


def _unreadable(graph: Graph) -> Iterator[Finding]:
    for machine in graph.of(StateMachine):
        try:
            document(machine, graph.root)
        except DefinitionError as error:
            yield Finding(
                what=error.what,
                part=machine,
                within=error.at or "",
                fix=error.fix or "mend the file at the place that is shown",
            )


def _missing_substitutions(graph: Graph) -> Iterator[Finding]:
    for machine, content in _documents(graph):
        for name in sorted(substituted_names(content) - set(machine.substitutions)):
            close = get_close_matches(name, machine.substitutions, n=1)
            yield Finding(
                what=f'no substitution is given for ${{{name}}} in the definition of "{machine.name}"',
                part=machine,
                within=shown_file(machine),
                fix=f'did you mean "{close[0]}"?' if close else f'substitutions={{"{name}": ...}}',
            )


def _unused_substitutions(graph: Graph) -> Iterator[Finding]:
    for machine, content in _documents(graph):
        for name in sorted(set(machine.substitutions) - substituted_names(content)):
            yield Finding(
                what=f'the substitution "{name}" stands nowhere in the definition of "{machine.name}"',
                part=machine,
                within=shown_file(machine),
                fix=f"write ${{{name}}} in the definition, or leave the substitution out",
            )


def _undeclared_resources(graph: Graph) -> Iterator[Finding]:
    functions = {function.name for function in graph.of(Function)}
    machines = {machine.name for machine in graph.of(StateMachine)}
    for machine in readable_machines(graph):
        for state in nested_states(definition(machine, graph)):
            kind, name = resource_named_by(state.members)
            if name and name not in (functions if kind is Function else machines):
                known = ", ".join(sorted(functions if kind is Function else machines)) or "none"
                word = "function" if kind is Function else "state machine"
                yield Finding(
                    what=f'a task names the {word} "{name}", which the pipeline does not declare',
                    part=machine,
                    within=f"{shown_file(machine)}  {state.pointer}".strip(),
                    fix=f"declare it and name it through a substitution; declared: {known}",
                )


def resource_named_by(state: Mapping[str, object]) -> tuple[type[Resource], str | None]:
    """The function or state machine that a Task state names in so many words; None if it names none."""
    resource = state.get("Resource")
    if state.get("Type") != "Task" or not isinstance(resource, str):
        return Function, None
    if found := _FUNCTION_ARN.fullmatch(resource):
        return Function, found.group(1)
    arguments = state.get("Arguments", state.get("Parameters"))
    if not isinstance(arguments, Mapping):
        return Function, None
    if _INVOKE.fullmatch(resource):
        return Function, _short(arguments.get("FunctionName"), _FUNCTION_ARN)
    if _START.fullmatch(resource):
        return StateMachine, _short(arguments.get("StateMachineArn"), _MACHINE_ARN)
    return Function, None


def _short(value: object, form: re.Pattern[str]) -> str | None:
    if not isinstance(value, str) or "{%" in value or "${" in value:
        return None
    found = form.fullmatch(value)
    return found.group(1) if found else value.partition(":")[0]


def readable_machines(graph: Graph) -> Iterator[StateMachine]:
    """Every machine whose definition can be read and filled in; PL601, PL101 and PL104 tell of the others."""
    for machine in graph.of(StateMachine):
        try:
            definition(machine, graph)
        except PenstockError:
            continue
        yield machine


def _documents(graph: Graph) -> Iterator[tuple[StateMachine, Mapping[str, object]]]:
    """Every machine whose document can be read; PL601 tells of the others."""
    for machine in graph.of(StateMachine):
        try:
            yield machine, document(machine, graph.root)
        except DefinitionError:
            continue


def shown_file(machine: StateMachine) -> str:
    """The file of a machine's definition; empty if it was built in Python."""
    return "" if isinstance(machine.definition, Mapping) else str(machine.definition)


RULES = (
    Rule(
        id="PL601",
        title="a definition can be read",
        source="our own: JSON, or YAML as AWS SAM takes it",
        check=_unreadable,
    ),
    Rule(
        id="PL602",
        title="every ${Name} of a definition has a substitution",
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        "aws-resource-stepfunctions-statemachine.html (DefinitionSubstitutions)",
        check=_missing_substitutions,
    ),
    Rule(
        id="PL603",
        title="every substitution stands somewhere in the definition",
        source="our own: one that stands nowhere is a slip of the pen",
        check=_unused_substitutions,
    ),
    Rule(
        id="PL604",
        title="a task names functions and state machines that the pipeline declares",
        source="our own: the execution would fail with Lambda.ResourceNotFoundException",
        check=_undeclared_resources,
    ),
)
