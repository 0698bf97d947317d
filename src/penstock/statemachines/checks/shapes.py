"""What is known of a JSON value before there is one: which members, elements and types it may have.

1. A shape says what *may* be there. What it leaves out cannot be: no execution gets a value of another shape.
2. `ANYTHING` is a value of which nothing is known. Where a definition's data come from outside, they are that.
3. Shapes are values: `joined`, `put` and `found` make new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Final

from penstock.statemachines.jsonpath_steps import Index, Property, Step
from penstock.statemachines.values import JSON, type_name

_NO_MEMBERS: Final[Mapping[str, Shape]] = MappingProxyType({})
LARGEST: Final = 500
DEEPEST: Final = 12
"""A shape of more parts, or a deeper part, becomes `ANYTHING`: a loop that nests its data has a shape as well."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand somewhere.

    Attributes:
        anything: nothing is known; the other attributes say nothing.
        scalars: the types besides object and array: `string`, `number`, `boolean`, `null`.
        members: what an object may have; None if it cannot be an object.
        more: the object may have members of other names, too.
        elements: what each element of an array may be; None if it cannot be an array.
        positions: of an array of known length, its elements one by one.
        size, depth: how many parts it has, and how deep they lie.
    """

    anything: bool = False
    scalars: frozenset[str] = frozenset()
    members: Mapping[str, Shape] | None = None
    more: bool = False
    elements: Shape | None = None
    positions: tuple[Shape, ...] | None = None
    size: int = field(default=1, compare=False)
    depth: int = field(default=1, compare=False)

    def kinds(self) -> frozenset[str]:
        """The JSON types that it may have; empty for `ANYTHING`."""
        objects = {"object"} if self.members is not None else set[str]()
        return self.scalars | objects | ({"array"} if self.elements is not None else set())


ANYTHING: Final = Shape(anything=True)
NOTHING: Final = Shape()
"""No value at all: what an empty array's elements are."""

STRING: Final = Shape(scalars=frozenset({"string"}))
NUMBER: Final = Shape(scalars=frozenset({"number"}))
BOOLEAN: Final = Shape(scalars=frozenset({"boolean"}))
NULL: Final = Shape(scalars=frozenset({"null"}))
SCALARS: Final[Mapping[str, Shape]] = {"string": STRING, "number": NUMBER, "boolean": BOOLEAN, "null": NULL}


@dataclass(frozen=True, slots=True)
class Missing:
    """A step that leads nowhere.

    Attributes:
        name: the member that cannot be there.
        known: the members that can.
        kinds: the types of what the step starts from.
    """

    name: str
    known: Sequence[str] = field(default=())
    kinds: frozenset[str] = frozenset()


def object_of(members: Mapping[str, Shape], *, more: bool = False) -> Shape:
    """An object with these members."""
    for shape in members.values():
        if shape.depth >= DEEPEST:
            return _built(members={name: _shallow(one) for name, one in members.items()}, more=more)
    return _built(members=members, more=more)


def array_of(elements: Shape) -> Shape:
    """An array, of any length."""
    return _built(elements=_shallow(elements))


def tuple_of(positions: Sequence[Shape]) -> Shape:
    """An array of known length."""
    shallow = tuple(map(_shallow, positions))
    return _built(elements=joined_all(shallow), positions=shallow)


def _shallow(shape: Shape) -> Shape:
    return ANYTHING if shape.depth >= DEEPEST else shape


def _built(
    *,
    scalars: frozenset[str] = frozenset(),
    members: Mapping[str, Shape] | None = None,
    more: bool = False,
    elements: Shape | None = None,
    positions: tuple[Shape, ...] | None = None,
) -> Shape:
    """A shape with its size and depth; `ANYTHING` if it is too large."""
    size, depth = 1, 0
    for part in (*(members or _NO_MEMBERS).values(), *(positions or ())):
        size += part.size
        depth = max(depth, part.depth)
    if elements is not None:
        size, depth = size + elements.size, max(depth, elements.depth)
    if size > LARGEST:
        return ANYTHING
    return Shape(False, scalars, members, more, elements, positions, size, depth + 1)


def shape_of(value: JSON, depth: int = 0) -> Shape:
    """The shape of one value; of a deep or large one, `ANYTHING`."""
    if depth > DEEPEST:
        return ANYTHING
    if isinstance(value, dict):
        return object_of({name: shape_of(member, depth + 1) for name, member in value.items()})
    if isinstance(value, list):
        if len(value) > LARGEST:
            return array_of(ANYTHING)
        return tuple_of([shape_of(element, depth + 1) for element in value])
    return SCALARS[type_name(value)]


def fits(value: JSON, shape: Shape) -> bool:
    """Whether a value is of a shape."""
    if shape.anything:
        return True
    if isinstance(value, dict):
        members = shape.members
        return members is not None and all(
            fits(member, members[name]) if name in members else shape.more for name, member in value.items()
        )
    if isinstance(value, list):
        if shape.positions is not None and len(shape.positions) == len(value):
            return all(map(fits, value, shape.positions))
        elements = shape.elements
        return elements is not None and shape.positions is None and all(fits(one, elements) for one in value)
    return type_name(value) in shape.scalars


def joined_all(shapes: Iterable[Shape]) -> Shape:
    """What any of the shapes may be."""
    return reduce(joined, shapes, NOTHING)


def joined(one: Shape, other: Shape) -> Shape:
    """What either shape may be."""
    if one is other or one == NOTHING:
        return other
    if one.anything or other.anything:
        return ANYTHING
    if other == NOTHING:
        return one
    members = _members(one.members, other.members)
    elements = one.elements if other.elements is None else other.elements
    if one.elements is not None and other.elements is not None:
        elements = joined(one.elements, other.elements)
    return _built(
        scalars=one.scalars | other.scalars,
        members=members,
        more=one.more or other.more,
        elements=elements,
        positions=_positions(one, other),
    )


def _members(
    one: Mapping[str, Shape] | None, other: Mapping[str, Shape] | None
) -> Mapping[str, Shape] | None:
    if one is None or other is None:
        return other if one is None else one
    both = dict(one)
    for name, shape in other.items():
        both[name] = joined(both[name], shape) if name in both else shape
    return both


def _positions(one: Shape, other: Shape) -> tuple[Shape, ...] | None:
    if one.elements is None or other.elements is None:
        return one.positions if other.elements is None else other.positions
    if one.positions is None or other.positions is None or len(one.positions) != len(other.positions):
        return None
    return tuple(joined(*pair) for pair in zip(one.positions, other.positions, strict=True))


def found(shape: Shape, steps: Sequence[Step]) -> Shape | Missing:
    """What a path may lead to; the first step that leads nowhere if it can lead to nothing.

    Steps that find any number of values (`[*]`, `..`, filters) give `ANYTHING`.
    """
    for step in steps:
        if shape.anything or shape == NOTHING:
            return ANYTHING
        if isinstance(step, Property):
            known = shape.members or _NO_MEMBERS
            if step.name not in known:
                if shape.more:
                    return ANYTHING
                return Missing(step.name, tuple(known), shape.kinds())
            shape = known[step.name]
        elif isinstance(step, Index):
            elements = shape.elements
            if elements is None:
                return Missing(str(step.index), (), shape.kinds())
            if shape.positions is not None:
                size = len(shape.positions)
                if not -size <= step.index < size:
                    return Missing(str(step.index), tuple(map(str, range(size))), shape.kinds())
                shape = shape.positions[step.index]
            else:
                shape = elements
        else:
            return ANYTHING
    return shape


def put(shape: Shape, steps: Sequence[Step], value: Shape) -> Shape:
    """The shape after a reference path wrote a value into it; what was not there is made."""
    if not steps:
        return value
    step = steps[0]
    if shape.anything:
        # Nothing is known of the rest; what was written is there.
        shape = object_of({}, more=True) if isinstance(step, Property) else ANYTHING
    if not isinstance(step, Property):
        return ANYTHING
    members = shape.members or _NO_MEMBERS
    inner = members.get(step.name, ANYTHING if shape.more else object_of({}))
    written = _shallow(put(inner, steps[1:], value))
    known = members.get(step.name)
    size = max(1, shape.size) + written.size - (0 if known is None else known.size)
    if size > LARGEST:
        return ANYTHING
    depth = max(shape.depth, written.depth + 1)
    return Shape(members={**members, step.name: written}, more=shape.more, size=size, depth=depth)
