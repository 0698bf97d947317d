"""What is wrong with a value, in full: msgspec's own words leave out the name of an object's member.

    Expected `int`, got `str` - at `$.amounts[...]`     ->     $.amounts.apples: Expected `int`, got `str`

Imported when something is refused, and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Refusal = Callable[[object], str | None]
"""Converts a value; what msgspec says if it refuses, or None."""

_SOME_MEMBER: Final = "[...]"
_A_KEY: Final = "key` in `"


def complete(reason: str, value: object = None, refusal: Refusal = lambda _: None) -> str:
    """msgspec's reason with the path first, in which every member is named.

    Args:
        value: what was refused.
        refusal: what is said of other values of the same type; it is asked which of the members are at fault.
            Without it, members of an object that has any stay `[...]`.
    """
    words, _, path = reason.rpartition(" - at ")
    path = path.strip("`")
    if path.startswith(_A_KEY):
        words, path = f"{words} as the name of a member", path.removeprefix(_A_KEY)
    if not words:
        return reason
    known = ""
    try:
        while _SOME_MEMBER in path:
            before, _, after = path.partition(_SOME_MEMBER)
            name = _culprit(value, known + before, reason, refusal)
            if name is None:
                break
            value = _only(value, known + before, [name])
            known, path = f"{known}{before}.{name}", after
    except (LookupError, TypeError, ValueError, RecursionError):
        pass  # the rest of the path stands as msgspec gave it
    return f"{known}{path}: {words}"


def _culprit(value: object, path: str, reason: str, refusal: Refusal) -> str | None:
    """The first member of the object at `path` that is refused for this reason."""
    container = _at(value, path)
    if not isinstance(container, dict):
        return None
    names = list(container)
    while len(names) > 1:
        half = names[: len(names) // 2]
        names = half if refusal(_only(value, path, half)) == reason else names[len(half) :]
    return names[0] if names and isinstance(names[0], str) else None


def _at(value: Any, path: str) -> object:
    for step in _steps(value, path):
        value = value[step]
    return value


def _only(value: object, path: str, names: list[str]) -> object:
    """The value, in which the object at `path` has these members alone."""
    return _replaced(value, list(_steps(value, path)), names)


def _replaced(value: Any, steps: list[str | int], names: list[str]) -> object:
    if not steps:
        return {name: value[name] for name in names}
    first, *rest = steps
    inner = _replaced(value[first], rest, names)
    if isinstance(first, str):
        return {**value, first: inner}
    return [*value[:first], inner, *value[first + 1 :]]


def _steps(value: Any, path: str) -> list[str | int]:
    """A path as members and places; a member's name may have dots in it."""
    steps: list[str | int] = []
    rest = path.removeprefix("$")
    while rest:
        if rest[0] == "[":
            number, _, rest = rest[1:].partition("]")
            steps.append(int(number))
        else:
            names = [name for name in value if _begins(rest[1:], name)]
            name = max(names, key=len)
            steps.append(name)
            rest = rest[1 + len(name) :]
        value = value[steps[-1]]
    return steps


def _begins(rest: str, name: object) -> bool:
    return (
        isinstance(name, str) and rest.startswith(name) and rest[len(name) : len(name) + 1] in ("", ".", "[")
    )


def no_unicode_at(event: object) -> str:
    """Where the first text stands of which no bytes can be made: `json.loads` makes halves of pairs."""
    waiting: list[tuple[str, object]] = [("$", event)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and not _is_unicode(value):
            return path
        if isinstance(value, dict):
            waiting += [(f"{path}.{name}", member) for name, member in reversed(value.items())]
        elif isinstance(value, list | tuple):
            waiting += [(f"{path}[{index}]", one) for index, one in reversed(list(enumerate(value)))]
    return "$"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True
