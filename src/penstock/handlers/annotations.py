"""What annotations say: the types that a function declares, what names and notes stand around them, their fields.

1. Nothing is decoded here, and Pydantic is never imported: a model brings it along.
2. A name for a type is the type: `type Orders = list[Order]`, `NewType("Body", str)`.
3. `Annotated` constrains a payload as `msgspec.Meta` says; other notes are for readers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, NewType, get_args, get_origin, get_type_hints

import msgspec

from penstock.errors import HandlerError
from penstock.handlers.declared import declared_function

ANY = (object, Any)

_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")
"""The members of `msgspec.Meta` that a value is held against."""


def hints_of(function: Callable[..., object], *, at: str) -> dict[str, Any]:
    """A function's annotations, by parameter and `return`, with what `Annotated` says of them.

    Raises:
        HandlerError: one cannot be resolved, or has constraints that nothing would check.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
        for hint in hints.values():
            unaliased(hint)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        name = getattr(function, "__qualname__", repr(function))
        raise HandlerError(
            f"an annotation of {name} cannot be resolved: {error}",
            at=at,
            fix="define or import the type above the function, and not under TYPE_CHECKING",
        ) from error
    if "annotated_types" in sys.modules:
        from penstock.handlers.foreign_constraints import refuse_foreign

        for hint in hints.values():
            refuse_foreign(hint, at=at)
    return hints


def declared_types(function: Callable[..., object], *, at: str) -> dict[str, Any]:
    """The types that a function declares, by parameter and `return`, without notes that constrain nothing.

    Raises:
        HandlerError: see `hints_of`.
    """
    return {name: without_notes(hint) for name, hint in hints_of(declared_function(function), at=at).items()}


def unaliased(annotation: Any) -> Any:
    """The type that a name stands for; any other annotation as it is."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif (
            type(annotation).__name__ == "TypeAliasType"
        ):  # of `typing` from Python 3.12 on, or `typing_extensions`
            annotation = annotation.__value__
        elif type(alias := get_origin(annotation)).__name__ == "TypeAliasType":
            annotation = _filled_in(alias, get_args(annotation))
        else:
            return annotation


def _filled_in(alias: Any, given: tuple[Any, ...]) -> Any:
    """What `Batch[Order]` stands for, of `type Batch[T] = list[T]`."""
    meant = dict(zip(alias.__type_params__, given, strict=False))
    parameters = getattr(alias.__value__, "__parameters__", ())
    return (
        alias.__value__[tuple(meant.get(one, one) for one in parameters)] if parameters else alias.__value__
    )


def without_notes(annotation: Any) -> Any:
    """What stands in an `Annotated` that constrains nothing, or is meant by a name; any other annotation as it is."""
    annotation = unaliased(annotation)
    if get_origin(annotation) is not Annotated:
        return annotation
    inner, *notes = get_args(annotation)
    return annotation if any(map(_constrains, notes)) else without_notes(inner)


def bare(annotation: Any) -> Any:
    """The type in an `Annotated`, constrained or not; any other annotation as it is."""
    annotation = unaliased(annotation)
    return bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _constrains(note: object) -> bool:
    return isinstance(note, msgspec.Meta) and any(getattr(note, name) is not None for name in _CONSTRAINTS)


def is_model(annotation: object) -> bool:
    """Whether an annotation is the class of a Pydantic model or dataclass."""
    return isinstance(annotation, type) and (
        hasattr(annotation, "model_validate_json") or is_pydantic_dataclass(annotation)
    )


def is_pydantic_dataclass(annotation: object) -> bool:
    """Whether an annotation is a `pydantic.dataclasses.dataclass`."""
    return (
        isinstance(annotation, type)
        and {"__dataclass_fields__", "__pydantic_validator__"} <= vars(annotation).keys()
    )


def is_raw(annotation: object) -> bool:
    """Whether an annotation takes any JSON object as it is: `dict`, `dict[str, object]`."""
    return annotation in (dict, *ANY) or (
        get_origin(annotation) is dict and get_args(annotation) in ((str, object), (str, Any))
    )


def fields_of(kind: type) -> dict[str, object]:
    """The annotations of what a dataclass, an attrs class, a TypedDict, a named tuple or a Struct is decoded from.

    Raises:
        NameError, TypeError: one cannot be resolved.
    """
    names = _field_names(kind)
    if not names:
        return {}
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in names if name in hints}


def defaulted_fields_of(kind: Any) -> frozenset[str]:
    """The fields of a dataclass or a Struct that have a default, so that JSON need not have them.

    Raises:
        NameError, TypeError: an annotation cannot be resolved.
    """
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import MISSING, fields  # imported already: it made the class

        return frozenset(
            field.name
            for field in fields(kind)
            if field.default is not MISSING or field.default_factory is not MISSING
        )
    if issubclass(kind, msgspec.Struct):
        return frozenset(field.name for field in msgspec.structs.fields(kind) if not field.required)
    return frozenset()


def _field_names(kind: Any) -> tuple[str, ...]:
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields  # imported already: it made the class

        return tuple(field.name for field in fields(kind))
    if hasattr(kind, "__attrs_attrs__"):
        return tuple(field.name for field in kind.__attrs_attrs__)
    if hasattr(kind, "__required_keys__"):
        return tuple(kind.__required_keys__ | kind.__optional_keys__)
    found: tuple[str, ...] = getattr(kind, "__struct_fields__", getattr(kind, "_fields", ()))
    return found
