"""SM205 to SM209: the fields inside states: their names, their types, their choices."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain
from typing import Final

from penstock.statemachines.checks import structure
from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import DEEPEST, Part, StateNode, Tree, is_distributed
from penstock.statemachines.values import JSON

_SPEC = "https://states-language.net/spec.html"
_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"


def _unknown_fields(tree: Tree) -> Iterator[Finding]:
    for told, pointer, members, fields, _ in tree.parts:
        for name in members:
            if name not in fields:
                close = get_close_matches(name, fields, n=1)
                yield Finding(
                    what=f"{told} has no field {name}",
                    pointer=f"{pointer}/{name}",
                    fix=f'did you mean "{close[0]}"?' if close else f"it has {', '.join(fields)}",
                )


def _wrong_values(tree: Tree) -> Iterator[Finding]:
    states = (Part("a state", one.pointer, one.members, structure.STATE, one.jsonata) for one in tree.states)
    for _, pointer, members, fields, jsonata in chain(tree.parts, states):
        for name, value in members.items():
            allowed = fields.get(name)
            if allowed is None or type(value) in allowed.any_value_of:
                continue
            complaint = allowed.complaint(value, jsonata=jsonata)
            if complaint is not None:
                yield Finding(
                    what=f"{name} {complaint}", pointer=f"{pointer}/{name}", fix=f"see {_SPEC} for {name}"
                )


def _said_twice(tree: Tree) -> Iterator[Finding]:
    nodes: list[StateNode | Part] = [*tree.states, *tree.parts]
    for node in nodes:
        pointer, members = node.pointer, node.members
        if not structure.IN_TWO_WAYS.isdisjoint(members):
            for one, other in structure.EITHER:
                if one in members and other in members:
                    yield Finding(
                        what=f"{one} and {other} stand side by side",
                        pointer=f"{pointer}/{other}",
                        fix="keep one of them",
                    )
        if structure.TESTS.isdisjoint(members):
            continue
        operators = [name for name in members if name in structure.TESTS]
        if len(operators) > 1:
            yield Finding(
                what=f"a choice rule has several operators: {', '.join(operators)}",
                pointer=f"{pointer}/{operators[1]}",
                fix='make a rule of each, and put them together with "And"',
            )


def _half_expressions(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        if state.jsonata:
            for name, member in state.members.items():
                if name not in ("Comment", "Branches", "ItemProcessor", "Iterator", "Next", "Default"):
                    yield from _half(member, state.at(name), 0)


def _half(value: JSON, pointer: str, depth: int) -> Iterator[Finding]:
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _half(member, f"{pointer}/{name}", depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _half(member, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, str):
        text = value.strip()
        if text.startswith("{%") != text.endswith("%}"):
            missing = "{%" if text.endswith("%}") else "%}"
            yield Finding(
                what=f"the expression has no {missing}", pointer=pointer, fix="write {% ... %} around it"
            )


_OF_DISTRIBUTED: Final = (
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
)


def _without_effect(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        if state.type != "Map" or is_distributed(state.members.get("ItemProcessor")):
            continue
        for name in _OF_DISTRIBUTED:
            if name in state.members:
                yield Finding(
                    what=f"{name} has no effect in a Map whose mode is INLINE",
                    pointer=state.at(name),
                    fix='give the ItemProcessor a "ProcessorConfig" with "Mode": "DISTRIBUTED" and an ExecutionType, '
                    "or take the field out",
                )


RULES = (
    Rule(
        id="SM205",
        title="a part of a definition has only the fields that it can have",
        source=f"{_SPEC} and the pages of each field in {_GUIDE}",
        check=_unknown_fields,
    ),
    Rule(
        id="SM206",
        title="a field has a value of its type, and one of its choices",
        source=f"{_SPEC} and the pages of each field in {_GUIDE}",
        check=_wrong_values,
    ),
    Rule(
        id="SM207",
        title="a thing is said once: a value or its path, one operator in a choice rule",
        source=f"{_SPEC}: a state must not have both X and XPath; a Choice Rule has one comparison",
        check=_said_twice,
    ),
    Rule(
        id="SM208",
        title="an expression in JSONata begins with {% and ends with %}",
        source=f"{_GUIDE}/transforming-data.html: expressions are written between {{% and %}}",
        check=_half_expressions,
    ),
    Rule(
        id="SM209",
        title="fields of a Distributed Map stand in a Map whose mode is DISTRIBUTED",
        source=f"{_GUIDE}/state-map-distributed.html: the fields of a Distributed Map state",
        check=_without_effect,
        severity="warning",
    ),
)
