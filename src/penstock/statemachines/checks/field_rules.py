"""SM2xx: the fields of states, in each query language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import StateNode, Tree
from penstock.statemachines.values import JSON

_SPEC = "https://states-language.net/spec.html"
_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"

_COMMON: Final = {
    "Type",
    "Comment",
    "QueryLanguage",
    "Next",
    "End",
    "InputPath",
    "OutputPath",
    "Output",
    "Assign",
}
_RESULT: Final = {"ResultPath", "ResultSelector"}
_ERRORS: Final = {"Retry", "Catch"}
FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "Pass": frozenset(_COMMON | {"Result", "ResultPath", "Parameters"}),
    "Task": frozenset(
        _COMMON
        | _RESULT
        | _ERRORS
        | {"Resource", "Parameters", "Arguments", "Credentials"}
        | {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"}
    ),
    "Choice": frozenset(_COMMON | {"Choices", "Default"}),
    "Wait": frozenset(_COMMON | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}),
    "Succeed": frozenset(_COMMON - {"Assign"}),
    "Fail": frozenset(
        {"Type", "Comment", "QueryLanguage", "Next", "End", "Error", "ErrorPath", "Cause", "CausePath"}
    ),
    "Parallel": frozenset(_COMMON | _RESULT | _ERRORS | {"Branches", "Parameters", "Arguments"}),
    "Map": frozenset(
        _COMMON
        | _RESULT
        | _ERRORS
        | {"Iterator", "ItemProcessor", "ItemsPath", "Items", "ItemSelector", "Parameters", "Label"}
        | {"MaxConcurrency", "MaxConcurrencyPath", "ItemReader", "ItemBatcher", "ResultWriter"}
        | {"ToleratedFailureCount", "ToleratedFailureCountPath"}
        | {"ToleratedFailurePercentage", "ToleratedFailurePercentagePath"}
    ),
}
"""What each type of state may have."""

_OF_JSONATA: Final = frozenset({"Arguments", "Output", "Items"})
_OF_JSONPATH: Final = frozenset(
    {"InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "ItemsPath"}
    | {name for fields in FIELDS.values() for name in fields if name.endswith("Path")}
)
"""Fields of one query language only; Result of a Pass state belongs to JSONPath as well."""


def _types(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        if state.type not in FIELDS:
            given = state.members.get("Type")
            close = get_close_matches(str(given), FIELDS, n=1)
            yield Finding(
                what="Type is missing" if given is None else f"{given!r} is no type of a state",
                pointer=state.pointer if given is None else state.at("Type"),
                fix=f'did you mean "{close[0]}"?' if close else f"one of {', '.join(FIELDS)}",
            )


def _unknown_fields(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        known = FIELDS.get(state.type)
        if known is None:
            continue
        for name in state.members:
            if name in known:
                continue
            close = get_close_matches(name, known, n=1)
            elsewhere = [kind for kind, fields in FIELDS.items() if name in fields]
            yield Finding(
                what=f"a {state.type} state has no field {name}",
                pointer=state.at(name),
                fix=f'did you mean "{close[0]}"?'
                if close
                else f"it is a field of {', '.join(elsewhere)}"
                if elsewhere
                else "take it out, or write it into Comment",
            )


def _other_language(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        wrong = _OF_JSONPATH if state.jsonata else _OF_JSONATA
        for name in state.members:
            if name in wrong and name in FIELDS.get(state.type, ()):
                yield Finding(
                    what=f"{name} is for {'JSONPath' if state.jsonata else 'JSONata'}, and this state's "
                    f"query language is {'JSONata' if state.jsonata else 'JSONPath'}",
                    pointer=state.at(name),
                    fix=_INSTEAD.get(name, "use the field of the state's own query language")
                    + ', or set "QueryLanguage" of the state',
                )


_INSTEAD: Final = {
    "Parameters": "Arguments",
    "ResultSelector": "Output",
    "ResultPath": "Output and Assign",
    "InputPath": "expressions over $states.input",
    "OutputPath": "Output",
    "ItemsPath": "Items",
    "Arguments": "Parameters",
    "Output": "ResultSelector and OutputPath",
    "Items": "ItemsPath",
}


def _forgotten_suffixes(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        if state.jsonata:
            continue
        for field in ("Parameters", "ResultSelector", "ItemSelector", "Assign"):
            if field in state.members:
                yield from _texts_like_paths(state.members[field], state, (field,))


def _texts_like_paths(value: JSON, state: StateNode, place: tuple[str | int, ...]) -> Iterator[Finding]:
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(member, str):
                yield from _texts_like_paths(member, state, (*place, name))
            elif member.startswith(("$.", "$$.", "$[")) and not name.endswith(".$"):
                yield Finding(
                    what=f'"{name}" is the text {member!r}, not what that path leads to',
                    pointer=state.at(*place, name),
                    fix=f'write "{name}.$"',
                )
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _texts_like_paths(member, state, (*place, index))


RULES = (
    Rule(
        id="SM201",
        title="a state has one of the eight types",
        source=f"{_SPEC}#statetypes",
        check=_types,
    ),
    Rule(
        id="SM202",
        title="a state has only the fields of its type",
        source=f"{_SPEC}#statetypes: the table of state types and their fields",
        check=_unknown_fields,
    ),
    Rule(
        id="SM203",
        title="a field belongs to the state's query language",
        source=f"{_GUIDE}/transforming-data.html",
        check=_other_language,
    ),
    Rule(
        id="SM204",
        title="a text that looks like a path stands under a name that ends with .$",
        source=f"{_SPEC}#payload-template: fields whose names end with .$ are replaced",
        check=_forgotten_suffixes,
        severity="warning",
    ),
)
