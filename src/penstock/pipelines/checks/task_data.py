"""PL605 to PL607: what state machines' tasks hand to functions, and what comes back from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.errors import DefinitionError
from penstock.handlers.spec import HandlerSpec, Source
from penstock.pipelines.checks.definitions import readable_machines, resource_named_by, shown_file
from penstock.pipelines.checks.payload_schemas import annotation_of, misfits, shape_of_annotation
from penstock.pipelines.checks.rule import Finding, Rule
from penstock.pipelines.graph import Graph
from penstock.pipelines.imports import spec_of
from penstock.pipelines.resolve import definition
from penstock.pipelines.resources import Function, StateMachine
from penstock.statemachines.checks import check_definition, dead_end_finding
from penstock.statemachines.checks.data_flow import DataFlow
from penstock.statemachines.checks.shapes import ANYTHING, Shape, object_of
from penstock.statemachines.checks.tree import StateNode, Tree

_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"


def _payloads(graph: Graph) -> Iterator[Finding]:
    for machine in readable_machines(graph):
        specs = _specs(machine, graph)
        flow = _flow(machine, graph, specs)
        for state in flow.tree.states:
            spec = specs.get(state.pointer)
            if spec is None or state.pointer not in flow.arguments:
                continue
            given = _payload(state, flow.arguments[state.pointer])
            for misfit in misfits(given, annotation_of(spec.payload, "validation")):
                yield Finding(
                    what=f'"{state.name}" hands {spec.module}.{spec.qualname} a payload whose {misfit.path} '
                    f"{misfit.what}",
                    part=machine,
                    within=f"{shown_file(machine)}  {state.pointer}".strip(),
                    fix=f"the handler's annotation is {_told(spec.payload)}: mend the one or the other",
                )


def _results(graph: Graph) -> Iterator[Finding]:
    for machine in readable_machines(graph):
        specs = _specs(machine, graph)
        if not specs:
            continue
        known = set(DataFlow(Tree(definition(machine, graph))).dead_ends)
        for one in _flow(machine, graph, specs).dead_ends:
            if one in known:
                continue  # nothing of a handler's result is needed to see it: SM501 is about it
            found = dead_end_finding(one)
            yield Finding(
                what=found.what,
                part=machine,
                within=f"{shown_file(machine)}  {found.pointer}".strip(),
                fix=f"{found.fix}; if a handler returns more than its annotation says, mend the annotation",
            )


def _rules(graph: Graph) -> Iterator[Finding]:
    for machine in readable_machines(graph):
        try:
            content = definition(machine, graph)
        except DefinitionError:
            continue
        for problem in check_definition(content, kind=machine.kind):
            if problem.severity == "error":
                yield Finding(
                    what=f"{problem.rule}: {problem.what}",
                    part=machine,
                    within=f"{shown_file(machine)}  {problem.pointer}".strip(),
                    fix=problem.fix,
                )


def _specs(machine: StateMachine, graph: Graph) -> Mapping[str, HandlerSpec]:
    """The handlers that the machine's tasks call, by the tasks' pointers."""
    functions = {function.name: function for function in graph.of(Function)}
    found: dict[str, HandlerSpec] = {}
    for state in Tree(definition(machine, graph)).states:
        kind, name = resource_named_by(state.members)
        function = functions.get(name or "") if kind is Function else None
        if function is None or ":aws-sdk:" in str(state.members.get("Resource")):
            continue  # the API itself takes the payload as text, and answers with text
        spec = spec_of(function, graph.root)
        if spec is not None and spec.source is Source.TASK:
            found[state.pointer] = spec
    return found


def _flow(machine: StateMachine, graph: Graph, specs: Mapping[str, HandlerSpec]) -> DataFlow:
    results = {
        pointer: shape_of_annotation(annotation_of(spec.result, "serialization"))
        for pointer, spec in specs.items()
    }

    def result_of(state: StateNode, _arguments: Shape) -> Shape:
        return results.get(state.pointer, ANYTHING)

    return DataFlow(Tree(definition(machine, graph)), result_of)


def _payload(state: StateNode, arguments: Shape) -> Shape:
    """What the function itself is given."""
    if ":function:" in str(state.members.get("Resource")):
        return arguments
    if arguments.members is None:
        return ANYTHING
    return arguments.members.get("Payload", ANYTHING if arguments.more else object_of({}))


def _told(annotation: object) -> str:
    return getattr(annotation, "__qualname__", str(annotation))


RULES = (
    Rule(
        id="PL605",
        title="what a task hands to a function can be decoded into the handler's annotation",
        source="our own: the handler would refuse it with a DecodeError",
        check=_payloads,
    ),
    Rule(
        id="PL606",
        title="a path into a function's result leads to something that its annotation has",
        source=f"{_GUIDE}/concepts-input-output-filtering.html: a path that finds nothing fails the execution",
        check=_results,
    ),
    Rule(
        id="PL607",
        title="a definition keeps the rules of the States Language",
        source="https://states-language.net/spec.html (penstock explain SM...)",
        check=_rules,
    ),
)
