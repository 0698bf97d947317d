"""SM205 to SM208: the fields inside states: their names, their types, their choices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from penstock.statemachines.checks import structure
from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.structure import Fields
from penstock.statemachines.checks.tree import StateNode, Tree, objects
from penstock.statemachines.values import JSON

_SPEC = "https://states-language.net/spec.html"
_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"
_DEEPEST = 100

Part = tuple[str, str, Mapping[str, JSON], Fields, bool]
"""What it is called, its pointer, its members, the fields that it may have, whether it is in JSONata."""


def _parts(tree: Tree) -> Iterator[Part]:
    """Every object of the definition that is not a state."""
    root = tree.flows[0]
    yield "a state machine", "", root.members, structure.MACHINE, root.jsonata
    for flow in tree.flows[1:]:
        is_branch = "/Branches/" in flow.pointer.rpartition("/States/")[2]
        told = "a branch" if is_branch else "a processor"
        fields = structure.BRANCH if is_branch else structure.PROCESSOR
        yield told, flow.pointer, flow.members, fields, flow.jsonata
        config = flow.members.get("ProcessorConfig")
        if isinstance(config, dict) and not is_branch:
            pointer = f"{flow.pointer}/ProcessorConfig"
            yield "a ProcessorConfig", pointer, config, structure.PROCESSOR_CONFIG, flow.jsonata
    for state in tree.states:
        yield from _parts_of(state)


def _parts_of(state: StateNode) -> Iterator[Part]:
    jsonata = state.jsonata
    for index, retrier in objects(state.members.get("Retry")):
        yield "a retrier", state.at("Retry", index), retrier, structure.RETRIER, jsonata
    for index, catcher in objects(state.members.get("Catch")):
        yield "a catcher", state.at("Catch", index), catcher, structure.CATCHER, jsonata
    for index, rule in objects(state.members.get("Choices")):
        if jsonata:
            yield "a choice rule", state.at("Choices", index), rule, structure.JSONATA_RULE, jsonata
        else:
            yield "a choice rule", state.at("Choices", index), rule, structure.RULE, jsonata
            yield from _nested_rules(rule, state.at("Choices", index), 0)
    for name, fields, config, config_fields in (
        ("ItemReader", structure.READER, "ReaderConfig", structure.READER_CONFIG),
        ("ResultWriter", structure.WRITER, "WriterConfig", structure.WRITER_CONFIG),
        ("ItemBatcher", structure.BATCHER, "", {}),
    ):
        part = state.members.get(name)
        if not isinstance(part, dict):
            continue
        yield f"an {name}" if name[0] == "I" else f"a {name}", state.at(name), part, fields, jsonata
        inner = part.get(config)
        if isinstance(inner, dict):
            yield f"a {config}", state.at(name, config), inner, config_fields, jsonata


def _nested_rules(rule: Mapping[str, JSON], pointer: str, depth: int) -> Iterator[Part]:
    if depth > _DEEPEST:
        return
    inner = [(f"{pointer}/{name}/{i}", one) for name in ("And", "Or") for i, one in objects(rule.get(name))]
    negated = rule.get("Not")
    if isinstance(negated, dict):
        inner.append((f"{pointer}/Not", negated))
    for place, one in inner:
        yield "a choice rule inside another", place, one, structure.NESTED_RULE, False
        yield from _nested_rules(one, place, depth + 1)


def _unknown_fields(tree: Tree) -> Iterator[Finding]:
    for told, pointer, members, fields, _ in _parts(tree):
        for name in members:
            if name not in fields:
                close = get_close_matches(name, fields, n=1)
                yield Finding(
                    what=f"{told} has no field {name}",
                    pointer=f"{pointer}/{name}",
                    fix=f'did you mean "{close[0]}"?' if close else f"it has {', '.join(fields)}",
                )


def _wrong_values(tree: Tree) -> Iterator[Finding]:
    places: list[Part] = list(_parts(tree))
    places += [("a state", one.pointer, one.members, structure.STATE, one.jsonata) for one in tree.states]
    for _, pointer, members, fields, jsonata in places:
        for name, value in members.items():
            allowed = fields.get(name)
            complaint = None if allowed is None else allowed.complaint(value, jsonata=jsonata)
            if complaint is not None:
                yield Finding(
                    what=f"{name} {complaint}", pointer=f"{pointer}/{name}", fix=f"see {_SPEC} for {name}"
                )


def _said_twice(tree: Tree) -> Iterator[Finding]:
    places = [(one.pointer, one.members) for one in tree.states]
    places += [(pointer, members) for _, pointer, members, _, _ in _parts(tree)]
    for pointer, members in places:
        for one, other in structure.EITHER:
            if one in members and other in members:
                yield Finding(
                    what=f"{one} and {other} stand side by side",
                    pointer=f"{pointer}/{other}",
                    fix="keep one of them",
                )
        operators = [name for name in members if name in structure.OPERATORS or name in ("And", "Or", "Not")]
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
    if depth > _DEEPEST:
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
)
