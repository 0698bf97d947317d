"""What an update has touched: the paths of its expression, and what stands at them.

Source: DynamoDB, "UpdateItem": `UPDATED_OLD` and `UPDATED_NEW` return "only the updated attributes", as a whole, also
where their values are the same; moto returns what is different.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

_CLAUSE: Final = re.compile(r"(?<![#:.\w])(SET|REMOVE|ADD|DELETE)(?=\s)", re.IGNORECASE)
_STEP: Final = re.compile(r"([#\w-]+)|\[(\d+)\]")


def updated_paths(expression: str, names: Mapping[str, object]) -> list[Path]:
    """The paths that an update expression sets, removes, adds to or deletes from, in their order.

    Args:
        names: `ExpressionAttributeNames`.
    """
    parts = _CLAUSE.split(expression)
    found: list[Path] = []
    for clause, actions in zip(parts[1::2], parts[2::2], strict=True):
        for action in _actions(actions):
            target = action.partition("=")[0] if clause.upper() == "SET" else action.split(None, 1)[0]
            found.append(
                tuple(
                    str(names.get(name, name)) if name else int(index)
                    for name, index in _STEP.findall(target)
                )
            )
    return found


def _actions(text: str) -> Iterator[str]:
    """The parts between commas that stand in no parentheses."""
    depth = begin = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1
    if last := text[begin:].strip():
        yield last


def at_paths(item: Mapping[str, object], paths: Sequence[Path]) -> dict[str, object]:
    """What an item has at these paths, as an item: of maps and lists only what lies on the way."""
    return _within(item, [path for path in paths if path])


def _within(members: Mapping[str, object], paths: Sequence[Path]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in dict.fromkeys(path[0] for path in paths):
        value = members.get(str(name))
        part = None if value is None else _part(value, [path[1:] for path in paths if path[0] == name])
        if part is not None:
            found[str(name)] = part
    return found


def _part(value: object, paths: Sequence[Path]) -> object:
    """An attribute value, or what of it lies at the paths; None if nothing does."""
    if () in paths:
        return value
    match value:
        case {"M": dict(members)}:
            inner = _within(members, paths)
            return {"M": inner} if inner else None
        case {"L": list(members)}:
            wanted = sorted({path[0] for path in paths if isinstance(path[0], int)})
            parts = [
                _part(members[index], [path[1:] for path in paths if path[0] == index])
                for index in wanted
                if index < len(members)
            ]
            kept = [one for one in parts if one is not None]
            return {"L": kept} if kept else None
        case _:
            return None
