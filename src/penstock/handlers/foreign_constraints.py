"""Constraints that nothing would check: Pydantic's, in a type that msgspec decodes.

msgspec checks its own `Meta` alone, and passes over every other note of an `Annotated`; it also decodes a Pydantic
dataclass as if it were a plain one. Neither may happen silently. A Pydantic model, or a Pydantic dataclass that is
the payload itself, validates itself: nothing is looked for in it.

Imported only where `annotated_types` is loaded already: Pydantic brings that along.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, get_args, get_origin

from penstock.errors import HandlerError
from penstock.handlers.annotations import fields_of, is_model, is_pydantic_dataclass, unaliased

_ONLY_TOLD = ("DocInfo", "Unit")
"""The notes of annotated_types that constrain nothing."""


def refuse_foreign(annotation: object, *, at: str) -> None:
    """Refuse an annotation in which something is constrained by what nothing checks.

    Raises:
        HandlerError: names the constraint, and what to write instead.
    """
    annotation = unaliased(annotation)
    wanted = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    for found in _foreign(annotation, set()):
        if found is wanted:
            continue
        if is_pydantic_dataclass(found):
            raise HandlerError(
                f"{_named(found)} is a Pydantic dataclass inside another type: its validators would not run",
                at=at,
                fix=f"make {_named(found)} a pydantic.BaseModel",
            )
        raise HandlerError(
            f"nothing checks {found!r} here: msgspec decodes this type",
            at=at,
            fix="write msgspec.Meta(gt=..., max_length=..., ...) instead, or make the type a pydantic.BaseModel",
        )


def _foreign(annotation: object, seen: set[int]) -> Iterator[object]:
    name, annotation = annotation, unaliased(annotation)
    if name is not annotation:
        if id(name) in seen:
            return  # `type Tree = list[Tree]`
        seen.add(id(name))
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        yield from filter(_constrains, notes)
        yield from _foreign(inner, seen)
        return
    if get_origin(annotation) is Literal or (is_model(annotation) and not is_pydantic_dataclass(annotation)):
        return
    if is_pydantic_dataclass(annotation):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _foreign(inner, seen)
    kind = get_origin(annotation) or annotation
    if isinstance(kind, type) and id(kind) not in seen:
        seen.add(id(kind))
        for inner in _fields(kind).values():
            yield from _foreign(inner, seen)


def _fields(kind: type) -> dict[str, object]:
    try:
        return fields_of(kind)
    except (NameError, TypeError):
        return {}  # whoever decodes it says so


def _constrains(note: object) -> bool:
    kind = type(note) if not isinstance(note, type) else note
    package = kind.__module__.partition(".")[0]
    if package == "annotated_types":
        return kind.__name__ not in _ONLY_TOLD
    return package == "pydantic" and bool(getattr(note, "metadata", True))


def _named(kind: object) -> str:
    return str(getattr(kind, "__qualname__", kind))
