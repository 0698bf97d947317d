"""SM4xx: variables, and where they can be seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from penstock.statemachines.checks.rule import Finding, Rule
from penstock.statemachines.checks.tree import FlowNode, Members, StateNode, Tree, is_distributed, objects
from penstock.statemachines.values import JSON

_GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg"

_READ_BY_PATH = re.compile(r"(?<![\w$])\$([A-Za-z_]\w*)")
_READ_BY_JSONATA = re.compile(r"(?<![\w$])\$([A-Za-z_]\w*)\b(?!\s*\()")
_BOUND = re.compile(r"\$([A-Za-z_]\w*)\s*:=|[@#]\s*\$([A-Za-z_]\w*)|function\s*\(([^)]*)\)|λ\s*\(([^)]*)\)")
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/', re.DOTALL)
_GIVEN = frozenset({"states"})
_FUNCTIONS = frozenset(
    """abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl
    decodeUrlComponent distinct each encodeUrl encodeUrlComponent error exists filter floor formatBase
    formatInteger formatNumber fromMillis hash join keys length lookup lowercase map match max merge millis min
    not now number pad parse parseInteger partition power random range reduce replace reverse round shuffle sift
    single sort split spread sqrt string substring substringAfter substringBefore sum toMillis trim type uppercase
    uuid zip""".split()  # noqa: SIM905  # words are read more easily than a list of them
)
"""Functions may be passed on by their names."""


def assigned_in(flow: FlowNode) -> Iterator[str]:
    """The variables that the states of a flow assign."""
    for state in flow.states.values():
        for _, members in _places_of(state):
            assign = members.get("Assign")
            if isinstance(assign, dict):
                yield from (name.removesuffix(".$") for name in assign)


def _places_of(state: StateNode) -> Iterator[tuple[tuple[str | int, ...], Members]]:
    """Where variables may be assigned: in the state itself, its catchers and its choice rules."""
    yield (), state.members
    for field in ("Catch", "Choices"):
        for index, one in objects(state.members.get(field)):
            yield (field, index), one


def visible_in(flow: FlowNode) -> set[str]:
    """The variables that a flow can see: its own, and those of the flows around it up to a Distributed Map."""
    found = set(assigned_in(flow))
    around = flow.inside
    if around is None or is_distributed(flow.members):
        return found
    return found | visible_in(around.flow)


def _unassigned(tree: Tree) -> Iterator[Finding]:
    for flow in tree.flows:
        visible = visible_in(flow)
        for state in flow.states.values():
            for pointer, name in _reads(state):
                if name not in visible:
                    close = get_close_matches(name, visible, n=1)
                    example = f'assign it before: "Assign": {{"{name}": ...}}'
                    yield Finding(
                        what=f"nothing that can be seen from here assigns ${name}",
                        pointer=pointer,
                        fix=f"did you mean ${close[0]}?" if close else example,
                    )


_OF_NO_VALUE = frozenset(
    {"Branches", "ItemProcessor", "Iterator", "Comment", "Resource", "Type", "Next", "Default", "Retry"}
)


def _reads(state: StateNode) -> Iterator[tuple[str, str]]:
    """The pointers of the texts that read variables, with the variables' names."""
    for name, member in state.members.items():
        if name not in _OF_NO_VALUE:
            for place, text in _texts(member, (name,), every=state.jsonata):
                for read in sorted(_names(text, state)):
                    yield state.at(*place), read


def _texts(
    value: JSON, place: tuple[str | int, ...], *, every: bool
) -> Sequence[tuple[tuple[str | int, ...], str]]:
    """The texts with a `$` that are read as expressions: in JSONPath, those whose names say so."""
    if isinstance(value, str):
        name = str(place[-1])
        reads = "$" in value and (every or name.endswith((".$", "Path")) or name == "Variable")
        return [(place, value)] if reads else ()
    inner: Iterable[tuple[str | int, JSON]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [
        found for name, member in inner if member for found in _texts(member, (*place, name), every=every)
    ]


def _names(text: str, state: StateNode) -> set[str]:
    if state.jsonata:
        if not text.strip().startswith("{%"):
            return set()
        bare = _TEXT.sub(" ", text)
        bound = {
            part.strip().removeprefix("$")
            for found in _BOUND.findall(bare)
            for group in found
            for part in group.split(",")
        }
        return set(_READ_BY_JSONATA.findall(bare)) - bound - _GIVEN - _FUNCTIONS
    if text.startswith("$.") and "$" not in text[1:]:
        return set()
    return set(_READ_BY_PATH.findall(_TEXT.sub(" ", text)))


LONGEST_NAME: Final = 80


def _names_of_variables(tree: Tree) -> Iterator[Finding]:
    for state in tree.states:
        for place, members in _places_of(state):
            assign = members.get("Assign")
            for written in assign if isinstance(assign, dict) else ():
                name = written.removesuffix(".$")
                if name in _GIVEN or len(name) > LONGEST_NAME or not name.isidentifier():
                    reserved = (
                        f"{name} is reserved" if name in _GIVEN else f"{name!r} is no name of a variable"
                    )
                    yield Finding(
                        what=reserved,
                        pointer=state.at(*place, "Assign", written),
                        fix=f"begin it with a letter, and go on with letters, digits and _: {LONGEST_NAME} at most",
                    )


RULES = (
    Rule(
        id="SM401",
        title="a variable that is read is assigned where it can be seen from",
        source=f"{_GUIDE}/workflow-variables.html: the scope of variables",
        check=_unassigned,
        severity="warning",
    ),
    Rule(
        id="SM402",
        title="a variable has a name that can be read",
        source="https://states-language.net/spec.html#variables: Unicode identifiers of up to 80 characters;"
        " $states is reserved",
        check=_names_of_variables,
    ),
)
