"""Whether a part's fields hold what they are declared to hold: Python does not check it, all else relies on it.

A type checker finds these mistakes before anything runs; this is for whoever has none. The declarations of the
dataclasses are the only list of types.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from penstock.pipelines.resources import HasSpec, Named, Part, Resource

_WORDS: Mapping[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
    Path: "a path",
    HasSpec: "a decorated handler",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that is not what its field is declared to hold: `environment['MODE']`, 5, "a text or a Queue"."""

    path: str
    value: object
    wanted: str


def misfits(part: Part) -> Iterator[Misfit]:
    """Every field of a part, and of the values in it, that holds something of another type.

    Resources that it refers to are parts of their own, and are not looked into.
    """
    yield from _of_fields(part, "")


def _of_fields(value: Any, path: str) -> Iterator[Misfit]:
    hints = _hints(type(value))  # type: ignore[arg-type]  # mypy: a class of anything might have no hash
    for field in fields(value):
        if field.init and field.name in hints:
            yield from _misfits(getattr(value, field.name), hints[field.name], f"{path}{field.name}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _misfits(value: object, hint: Any, path: str) -> Iterator[Misfit]:
    options = [one for one in _options(hint) if _is_kind(value, one)]
    if not options:
        yield Misfit(path, value, _told(hint))
    elif len(options) == 1:
        yield from _within(value, options[0], path)


def _within(value: object, hint: Any, path: str) -> Iterator[Misfit]:
    origin, inner = get_origin(hint), get_args(hint)
    if inner and isinstance(value, Mapping) and origin is not Literal:
        for key, member in value.items():
            yield from _misfits(key, inner[0], f"the key {key!r} of {path}")
            yield from _misfits(member, inner[1], f"{path}[{key!r}]")
    elif inner and _is_collection(hint) and isinstance(value, Collection):
        for index, member in enumerate(value):
            yield from _misfits(member, inner[0], f"{path}[{index}]")
    elif is_dataclass(value) and not isinstance(value, Resource | Named):
        yield from _of_fields(value, f"{path}.")


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_kind(value: object, hint: Any) -> bool:
    """Whether a value is of a type, as far as one can see from outside."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is Callable:
        return callable(value)
    if origin is not None and _is_collection(hint):
        return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
    match hint:
        case _ if hint is Any or hint is object:
            return True
        case _ if hint is HasSpec:
            return hasattr(value, "spec")
        case _ if hint is int:
            return isinstance(value, int) and not isinstance(value, bool)
        case _ if hint is float:
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case _ if hint is Path:
            return isinstance(value, Path | str)
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def _is_collection(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, Mapping)


def _told(hint: Any) -> str:
    """A type in words: "a text or None"."""
    return " or ".join(dict.fromkeys(_word(one) for one in _options(hint)))


def _word(hint: Any) -> str:
    if hint in _WORDS:
        return _WORDS[hint]
    origin = get_origin(hint)
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if _is_collection(hint):
        return "a list"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a dictionary"
    if origin is Callable:
        return "a function"
    name = getattr(hint, "__name__", str(hint))
    return article(name)


def article(name: str) -> str:
    """A class's name as it is spoken of: "a Queue", "an Entry"."""
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"
