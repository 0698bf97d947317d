"""The shapes that a state's fields have: paths, payload templates, JSONata, choice rules.

A path whose first steps lead nowhere is told of where it stands. Of JSONata, only what is a plain path into
`$states` or a variable is followed; every other expression gives `ANYTHING`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from penstock.errors import ExpressionSyntaxError
from penstock.statemachines.checks.shapes import (
    ANYTHING,
    NUMBER,
    SCALARS,
    STRING,
    Missing,
    Shape,
    array_of,
    found,
    object_of,
    put,
    shape_of,
    tuple_of,
)
from penstock.statemachines.checks.tree import StateNode
from penstock.statemachines.intrinsics import compile_intrinsic, looks_like_intrinsic
from penstock.statemachines.jsonpath import Path, compile_path
from penstock.statemachines.jsonpath_steps import Index, Property, Root, Step
from penstock.statemachines.values import JSON

Place = tuple[str | int, ...]

CONTEXT: Final[Mapping[str, Shape]] = {
    "Execution": object_of(
        {
            "Id": STRING,
            "Input": ANYTHING,
            "Name": STRING,
            "RoleArn": STRING,
            "StartTime": STRING,
            "RedriveCount": NUMBER,
            "RedriveTime": STRING,
        }
    ),
    "State": object_of({"EnteredTime": STRING, "Name": STRING, "RetryCount": NUMBER}),
    "StateMachine": object_of({"Id": STRING, "Name": STRING}),
    "Task": object_of({"Token": STRING}),
}
"""Developer Guide, "Accessing execution data from the Context object"; `Map` is added inside a Map state."""

_PLAIN_JSONATA: Final = re.compile(
    r"\$(?P<root>[A-Za-z_]\w*)(?P<steps>(?:\.(?:[A-Za-z_]\w*|`[^`]+`)|\[-?\d+\])*)"
)
_JSONATA_STEP: Final = re.compile(r"\.(?:`([^`]+)`|(\w+))|\[(-?\d+)\]")


@dataclass(frozen=True, slots=True)
class Documents:
    """What expressions can read.

    Attributes:
        own: `$` of a JSONPath.
        states: the members of JSONata's `$states`, without the context.
    """

    own: Shape
    states: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A path that can lead to nothing.

    Attributes:
        pointer: of the field that holds it.
        path: as it is written.
        missing: the step at which it ends.
    """

    pointer: str
    path: str
    missing: Missing


@dataclass(frozen=True, slots=True)
class Values:
    """The fields of one state.

    Args:
        variables: by name; a variable that is not there may be anything.
        item: the context object's `Map.Item`; NOTHING outside a Map state.
        dead_ends: where the paths that lead nowhere are kept.
    """

    state: StateNode
    variables: Mapping[str, Shape]
    item: Shape
    dead_ends: list[DeadEnd]

    def with_item(self, item: Shape) -> Values:
        """The same fields, as they are evaluated for one item of a Map state."""
        return replace(self, item=item)

    def has(self, place: Place) -> bool:
        """Whether the field is there."""
        return self._member(place) is not None

    def at_path(self, place: Place, documents: Documents, without: Shape) -> Shape:
        """What a path of its own leads to: `null` is an empty object; `without` if the field is not there."""
        holder = self._member(place[:-1])
        if not isinstance(holder, dict) or place[-1] not in holder:
            return without
        text = holder[place[-1]]
        if text is None:
            return object_of({})
        return self._text(text, place, documents) if isinstance(text, str) else ANYTHING

    def template(self, place: Place, documents: Documents) -> Shape:
        """What a payload template makes, in either query language."""
        value = self._member(place)
        return ANYTHING if value is None else self._filled(value, place, documents)

    def settings(self, place: Place, documents: Documents) -> None:
        """Look at every path of a field that is a structure of settings: `...Path` and `....$` members."""
        self._settings(self._member(place), place, documents)

    def written(self, name: str, given: Shape, result: Shape, place: Place = ()) -> Shape:
        """The state's input with the result where ResultPath says, or the result alone."""
        holder = self._member(place) if place else self.state.members
        if not isinstance(holder, dict) or name not in holder:
            return result
        text = holder[name]
        if text is None:
            return given
        path = _path(text)
        if path is None or path.root is not Root.DOCUMENT:
            return ANYTHING
        for length, step in enumerate(path.steps):
            around = found(given, path.steps[:length])
            if isinstance(around, Missing):
                break
            if isinstance(step, Property) and around.members is None and around.kinds():
                missing = Missing(step.name, (), around.kinds())
                self._tell((*place, name), path.text, missing)
                break
        return put(given, path.steps, result)

    def choices(self, documents: Documents) -> None:
        """Look at the paths of choice rules; what any of them asks for with IsPresent may be missing."""
        rules = self.state.members.get("Choices")
        asked = tuple(_asked(rules))
        for place, text in _variables(rules, ("Choices",)):
            if not any(text == one or text.startswith((f"{one}.", f"{one}[")) for one in asked):
                self._text(text, place, documents)

    # --- Walking ------------------------------------------------------------------------------------------

    def _member(self, place: Place) -> JSON:
        value: JSON = self.state.members
        for name in place:
            if isinstance(value, dict):
                value = value.get(str(name))
            elif isinstance(value, list) and isinstance(name, int):
                value = value[name]
            else:
                return None
        return value

    def _filled(self, value: JSON, place: Place, documents: Documents) -> Shape:
        if isinstance(value, dict):
            members: dict[str, Shape] = {}
            for name, member in value.items():
                here = (*place, name)
                if not self.state.jsonata and name.endswith(".$") and isinstance(member, str):
                    members[name[:-2]] = self._text(member, here, documents)
                else:
                    members[name] = self._filled(member, here, documents)
            return object_of(members)
        if isinstance(value, list):
            return tuple_of(
                [self._filled(one, (*place, index), documents) for index, one in enumerate(value)]
            )
        if isinstance(value, str) and self.state.jsonata and value.startswith("{%"):
            return self._jsonata(value, place, documents)
        return shape_of(value)

    def _settings(self, value: JSON, place: Place, documents: Documents) -> None:
        name = str(place[-1])
        if isinstance(value, dict):
            for inner, member in value.items():
                self._settings(member, (*place, inner), documents)
        elif isinstance(value, str) and name.endswith(("Path", ".$")):
            self._text(value, place, documents)

    # --- Expressions --------------------------------------------------------------------------------------

    def _text(self, text: str, place: Place, documents: Documents) -> Shape:
        """A path or an intrinsic function."""
        if looks_like_intrinsic(text):
            try:
                call = compile_intrinsic(text)
            except ExpressionSyntaxError:
                return ANYTHING
            for path in call.paths:
                self._followed(path, place, documents)
            return array_of(ANYTHING) if call.returns == "array" else SCALARS.get(call.returns, ANYTHING)
        path_given = _path(text)
        return ANYTHING if path_given is None else self._followed(path_given, place, documents)

    def _followed(self, path: Path, place: Place, documents: Documents) -> Shape:
        if path.root is Root.CONTEXT:
            start = self._context()
        elif path.root is Root.VARIABLE:
            start = self.variables.get(path.variable, ANYTHING)
        else:
            start = documents.own
        there = found(start, path.steps)
        if not isinstance(there, Missing):
            return there
        if path.definite:
            self._tell(place, path.text, there)
        return ANYTHING

    def _tell(self, place: Place, path: str, missing: Missing) -> None:
        self.dead_ends.append(DeadEnd(self.state.at(*place), path, missing))

    def _context(self) -> Shape:
        return object_of({**CONTEXT, "Map": object_of({"Item": self.item})}, more=True)

    def _jsonata(self, text: str, place: Place, documents: Documents) -> Shape:
        plain = _plain_path(text)
        if plain is None:
            return ANYTHING
        root, steps = plain
        if root != "states":
            there = _mapped(self.variables.get(root, ANYTHING), steps)
        else:
            there = _mapped(object_of({**documents.states, "context": self._context()}, more=True), steps)
        if not isinstance(there, Missing):
            return there
        self._tell(place, text.removeprefix("{%").removesuffix("%}").strip(), there)
        return ANYTHING


def _mapped(start: Shape, steps: Sequence[Step]) -> Shape | Missing:
    """JSONata's paths go through arrays and take `x[0]` of anything: only a path through objects is certain."""
    shape = start
    for step in steps:
        if shape.elements is not None or isinstance(step, Index):
            return ANYTHING
        there = found(shape, (step,))
        if isinstance(there, Missing):
            return there
        shape = there
    return shape


@lru_cache(maxsize=4096)
def _plain_path(text: str) -> tuple[str, tuple[Step, ...]] | None:
    """`{% $states.input.a %}` as its root and its steps; None for any other expression."""
    plain = _PLAIN_JSONATA.fullmatch(text.removeprefix("{%").removesuffix("%}").strip())
    if plain is None:
        return None
    steps = [
        Index(int(index)) if index else Property(quoted or name)
        for quoted, name, index in _JSONATA_STEP.findall(plain["steps"])
    ]
    return plain["root"], tuple(steps)


def _path(text: JSON) -> Path | None:
    """A path; None for what cannot be read, which compiling the definition tells of."""
    if not isinstance(text, str) or not text.startswith("$"):
        return None
    try:
        return compile_path(text)
    except ExpressionSyntaxError:
        return None


def _variables(rule: JSON, place: Place) -> Iterator[tuple[Place, str]]:
    """The paths of a choice rule, with their places."""
    if isinstance(rule, dict):
        for name, member in rule.items():
            if isinstance(member, str) and (name == "Variable" or name.endswith("Path")):
                yield (*place, name), member
            elif name in ("And", "Or", "Not"):
                yield from _variables(member, (*place, name))
    elif isinstance(rule, list):
        for index, one in enumerate(rule):
            yield from _variables(one, (*place, index))


def _asked(rule: JSON) -> Iterator[str]:
    """The paths that a choice rule asks for with IsPresent."""
    if isinstance(rule, dict):
        variable = rule.get("Variable")
        if "IsPresent" in rule and isinstance(variable, str):
            yield variable
        for name in ("And", "Or", "Not"):
            yield from _asked(rule.get(name))
    elif isinstance(rule, list):
        for one in rule:
            yield from _asked(one)
