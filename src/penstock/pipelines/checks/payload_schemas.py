"""Annotations as shapes: what a handler's payload must have, and what its result may have.

msgspec and Pydantic both write JSON Schemas of the types that they decode; everything here reads those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

import msgspec

from penstock.handlers.annotations import is_model
from penstock.statemachines.checks.shapes import ANYTHING, SCALARS, Shape, array_of, joined_all, object_of

Schema = Mapping[str, object]
Use = Literal["validation", "serialization"]

_DEEPEST: Final = 12
_NUMBERS: Final = ("integer", "number")
_LAX: Final = frozenset({"string", "number", "boolean"})
"""Pydantic makes one of the other, as far as the value allows it."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation's schema.

    Attributes:
        schema: of the type itself.
        named: the schemas that it refers to by name.
        lax: texts, numbers and booleans are turned into one another.
    """

    schema: Schema
    named: Mapping[str, Schema]
    lax: bool = False

    def resolved(self, schema: Schema) -> Schema:
        """The schema, or the one that it refers to."""
        name = schema.get("$ref")
        return self.named.get(name, {}) if isinstance(name, str) else schema

    def alternatives(self, schema: Schema) -> Sequence[Schema]:
        """What a value may be, one by one."""
        schema = self.resolved(schema)
        options = schema.get("anyOf") or schema.get("oneOf")
        if not isinstance(options, list):
            return (schema,)
        return [one for option in options for one in self.alternatives(option)]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A place where a value cannot be what an annotation says: `$.chunk.start`, and in words what is wrong."""

    path: str
    what: str


def annotation_of(annotation: object, use: Use) -> Annotation:
    """The schema of an annotation; that of what nobody can describe takes anything."""
    if is_model(annotation):
        if not _says_it_all(annotation, use):
            return Annotation({}, {})
        describe = getattr(annotation, "model_json_schema", None)
        if describe is None:
            return Annotation({}, {})
        schema = describe(mode=use, ref_template="{model}")
        return Annotation(schema, schema.get("$defs", {}), lax=True)
    try:
        (schema,), named = msgspec.json.schema_components(
            (cast("type", annotation),), schema_hook=lambda _type: {}, ref_template="{name}"
        )
    except TypeError:
        return Annotation({}, {})
    return Annotation(schema, named)


_CHANGED: Final[Mapping[Use, tuple[str, ...]]] = {
    "validation": ("validators", "field_validators", "root_validators", "model_validators"),
    "serialization": ("field_serializers", "model_serializers"),
}
_MARKERS: Final = ("BeforeValidator", "WrapValidator", "PlainValidator", "PlainSerializer", "WrapSerializer")


def _says_it_all(annotation: object, use: Use, seen: tuple[object, ...] = ()) -> bool:
    """Whether a Pydantic model's schema is what it takes or gives: nothing of its own changes values on the way."""
    if annotation in seen:
        return True
    if not is_model(annotation):
        return all(_says_it_all(one, use, seen) for one in get_args(annotation))
    config = getattr(annotation, "model_config", {})
    if config.get("populate_by_name") or config.get("validate_by_name") or config.get("extra") == "allow":
        return False
    decorators = getattr(annotation, "__pydantic_decorators__", None)
    if any(getattr(decorators, name, None) for name in _CHANGED[use]):
        return False
    for field in getattr(annotation, "model_fields", {}).values():
        if field.validation_alias is not None and not isinstance(field.validation_alias, str):
            return False
        if any(type(mark).__name__ in _MARKERS for mark in field.metadata):
            return False
        if not _says_it_all(field.annotation, use, (*seen, annotation)):
            return False
    return True


def misfits(given: Shape, wanted: Annotation) -> Iterator[Misfit]:
    """Where a value of a shape can never be decoded into an annotation."""
    yield from _misfits(given, wanted, wanted.schema, "$", 0)


def _misfits(given: Shape, wanted: Annotation, schema: Schema, path: str, depth: int) -> Iterator[Misfit]:
    kinds = given.kinds()
    options = wanted.alternatives(schema)
    takes = [_kinds(option) for option in options]
    if given.anything or not kinds or depth > _DEEPEST or None in takes:
        return
    accepted = frozenset[str]().union(*(one for one in takes if one is not None))
    fits = kinds & accepted or (wanted.lax and kinds & _LAX and accepted & _LAX)
    if not fits:
        yield Misfit(path, f"is {' or '.join(sorted(kinds))}, not {' or '.join(sorted(accepted))}")
        return
    if len(kinds) > 1:
        return
    fitting = [one for one, kind in zip(options, takes, strict=True) if kind is not None and kinds <= kind]
    if len(fitting) != 1:
        return
    option = fitting[0]
    if given.members is not None:
        yield from _members_missing(given, option, path)
        properties = option.get("properties")
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            if name in given.members:
                yield from _misfits(given.members[name], wanted, inner, f"{path}.{name}", depth + 1)
    elif given.elements is not None and isinstance(items := option.get("items"), dict):
        yield from _misfits(given.elements, wanted, items, f"{path}[*]", depth + 1)


def _members_missing(given: Shape, option: Schema, path: str) -> Iterator[Misfit]:
    required = option.get("required")
    if given.more or given.members is None or not isinstance(required, list):
        return
    for name in required:
        if name not in given.members:
            yield Misfit(f"{path}.{name}", "is not there")


def _kinds(schema: Schema) -> frozenset[str] | None:
    """The JSON types that a schema takes; None for any."""
    if schema.get("format") == "decimal":
        return frozenset({"string", "number"})
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return frozenset(_kind_of(value) for value in values) if isinstance(values, list) else None
    types = schema.get("type")
    if types is None:
        return None
    names = types if isinstance(types, list) else [types]
    return frozenset("number" if name in _NUMBERS else str(name) for name in names)


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def shape_of_annotation(wanted: Annotation) -> Shape:
    """What a value of an annotation may be, once it is JSON."""
    return _shape(wanted, wanted.schema, 0)


def _shape(wanted: Annotation, schema: Schema, depth: int) -> Shape:
    if depth > _DEEPEST:
        return ANYTHING
    return joined_all(_one_shape(wanted, one, depth) for one in wanted.alternatives(schema))


def _one_shape(wanted: Annotation, schema: Schema, depth: int) -> Shape:
    kinds = _kinds(schema)
    if kinds is None:
        return ANYTHING
    found: list[Shape] = [SCALARS[kind] for kind in kinds if kind in SCALARS]
    if "object" in kinds:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            members = {name: _shape(wanted, one, depth + 1) for name, one in properties.items()}
            found.append(object_of(members, more=bool(schema.get("additionalProperties"))))
        else:
            found.append(object_of({}, more=True))
    if "array" in kinds:
        items = schema.get("items")
        inner = _shape(wanted, items, depth + 1) if isinstance(items, dict) else ANYTHING
        found.append(array_of(inner))
    return joined_all(found)
