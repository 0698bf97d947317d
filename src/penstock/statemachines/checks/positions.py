"""Where in a text each value of a JSON or YAML document begins, by its JSON pointer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from penstock.statemachines.nested_states import escaped

if TYPE_CHECKING:
    from yaml.nodes import Node


class Position(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


def positions(text: str) -> Mapping[str, Position]:
    """The position of every value; of a member, that of its name. Empty if the text cannot be read.

    JSON is read as YAML, which it is but for tabs between its tokens.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text.replace("\t", " "), Loader=loader)
    except (yaml.YAMLError, RecursionError):
        return {}
    found: dict[str, Position] = {}
    if root is not None:
        with suppress(RecursionError):  # what lies deeper has the position of what is around it
            _collect(root, "", root, found)
    return found


def nearest(pointer: str, found: Mapping[str, Position]) -> Position | None:
    """The position of a pointer, or of the nearest value around it."""
    while pointer not in found and pointer:
        pointer = pointer.rpartition("/")[0]
    return found.get(pointer)


def _collect(node: Node, pointer: str, named_by: Node, found: dict[str, Position]) -> None:
    from yaml.nodes import MappingNode, SequenceNode

    mark = named_by.start_mark
    found[pointer] = Position(mark.line + 1, mark.column + 1)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            _collect(value, f"{pointer}/{escaped(str(key.value))}", key, found)
    elif isinstance(node, SequenceNode):
        for index, value in enumerate(node.value):
            _collect(value, f"{pointer}/{index}", value, found)
