"""A definition's graph as Mermaid text (`stateDiagram-v2`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from penstock.statemachines.checks.tree import Tree
from penstock.statemachines.graph.model import Box, Drawing, drawing_of
from penstock.statemachines.values import JSON


def mermaid(definition: Mapping[str, JSON]) -> str:
    """The graph as text that Mermaid draws."""
    numbers: dict[int, int] = {}
    lines = ["stateDiagram-v2", *_flow(drawing_of(Tree(definition).flows[0]), "    ", numbers)]
    return "\n".join(lines) + "\n"


def _flow(drawing: Drawing, indent: str, numbers: dict[int, int]) -> Iterator[str]:
    names = {box.name: _identifier(box, numbers) for box in drawing.boxes}
    for box in drawing.boxes:
        yield f'{indent}state "{_text(box.name)}" as {names[box.name]}'
        if box.flows:
            yield f"{indent}state {names[box.name]} {{"
            for index, inner in enumerate(box.flows):
                if index:
                    yield f"{indent}    --"
                yield from _flow(inner, f"{indent}    ", numbers)
            yield f"{indent}}}"
    if drawing.start:
        yield f"{indent}[*] --> {names[drawing.start]}"
    for arrow in drawing.arrows:
        label = f": {_text(arrow.label)}" if arrow.label else ""
        yield f"{indent}{names[arrow.source]} --> {names[arrow.target]}{label}"
    for name in drawing.ends:
        yield f"{indent}{names[name]} --> [*]"


def _identifier(box: Box, numbers: dict[int, int]) -> str:
    return f"s{numbers.setdefault(id(box), len(numbers))}"


def _text(text: str) -> str:
    """Without what Mermaid would take for its own."""
    return text.replace('"', "'").replace("\n", " ").replace(";", ",").replace(":", "∶")
