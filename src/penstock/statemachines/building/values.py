"""What stands in a state's fields: paths, intrinsic functions, and how Python values become plain JSON.

No state type is known here; a builder's dataclass becomes an object by the names of its fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from penstock.errors import UsageError

Fields = Mapping[str, object]
"""An object of the States Language, as it is written or with the builder's values in it."""


class Omit(Enum):
    """The default of every optional field: the field is left out. `None` is JSON's null, as in `ResultPath`."""

    OMIT = "omit"


OMIT = Omit.OMIT


@dataclass(frozen=True, slots=True)
class Expression:
    """A JSONPath or an intrinsic function as a value: the key that holds it is written with `.$`."""

    text: str


def path(text: str) -> Expression:
    """What stands at a JSONPath: `{"Payload": path("$")}` is written as `{"Payload.$": "$"}`."""
    return Expression(text)


def intrinsic(name: str, *arguments: Expression | str | float | bool | None) -> Expression:
    """A call of an intrinsic function: `intrinsic("States.Format", "jobs/{}", path("$.job"))`.

    Source: States Language, "Intrinsic Functions": strings stand between apostrophes, escaped by a backslash.
    """
    return Expression(f"{name}({', '.join(_argument(argument) for argument in arguments)})")


def _argument(value: Expression | str | float | bool | None) -> str:
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)


def field_name(name: str) -> str:
    """`max_delay_seconds` is `MaxDelaySeconds`, `csv_headers` is `CSVHeaders`."""
    return "".join("CSV" if part == "csv" else part.capitalize() for part in name.split("_"))


def plain(value: object, *, computes: bool = True) -> object:
    """The JSON value that a builder's value stands for; mappings keep their order.

    Args:
        computes: members whose names end in `.$` are computed there.

    Raises:
        UsageError: an expression stands where the States Language computes nothing.
    """
    if isinstance(value, Mapping):
        return {_key(str(key), item, computes): _member(item, computes) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item, computes=computes) for item in value]
    if isinstance(value, Expression):
        raise UsageError(
            f"{value.text!r} would be written as a text: only a member of an object is computed, in JSONPath",
            fix='give it a name, {"name": path(...)}; in JSONata write "{% ... %}"',
        )
    if is_dataclass(value) and not isinstance(value, type):
        return written(value, computes=computes)
    return value


def _key(name: str, item: object, computes: bool) -> str:
    return f"{name}.$" if computes and isinstance(item, Expression) and not name.endswith(".$") else name


def _member(item: object, computes: bool) -> object:
    return item.text if computes and isinstance(item, Expression) else plain(item, computes=computes)


def written(value: object, *, without: tuple[str, ...] = (), computes: bool = True) -> dict[str, object]:
    """The fields of a builder's dataclass under their States Language names, in the order of declaration."""
    out: dict[str, object] = {}
    if is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            item: object = getattr(value, each.name)
            if each.name in without or item is OMIT:
                continue
            # A state is named by its name, wherever another one goes on to it.
            named = getattr(item, "name", item) if each.name in TARGETS else item
            out[field_name(each.name)] = plain(named, computes=computes and each.name not in LITERAL)
    return out


TARGETS = ("next", "default")
LITERAL = ("result",)
"""Fields that are taken as they are written."""
