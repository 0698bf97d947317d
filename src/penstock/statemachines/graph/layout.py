"""Where everything stands: states in layers, each as far down as the longest way to it, boxes inside boxes.

1. Arrows that lead back (found by depth-first search from the start) are led around the right side.
2. Every other arrow leads down. One that passes layers has a place of its own in each of them.
3. Within a layer the order is that of the mean place of what leads there, improved in a few sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from penstock.statemachines.graph.model import Arrow, ArrowKind, Box, Drawing

LETTER, LINE = 7.0, 46.0
HEADER, PADDING, GAP, LAYER_GAP = 54.0, 18.0, 34.0, 48.0
DOT = 14.0
NARROWEST, WAY = 132.0, 10.0
LOOP = 22.0
SWEEPS = 6

START, END = "\0start", "\0end"

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box; `x` and `y` are its upper left corner, in the coordinates of the flow around it."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    flows: tuple[PlacedFlow, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedArrow:
    """An arrow through points; `source` and `target` may be START and END."""

    source: str
    target: str
    points: tuple[Point, ...]
    arrow: Arrow | None
    is_back: bool = False


@dataclass(frozen=True, slots=True)
class PlacedFlow:
    """A flow at a place inside its box (or the picture)."""

    x: float
    y: float
    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
    start: Point
    end: Point | None


@dataclass(slots=True)
class _Item:
    """What stands in a layer: a box, the start, the end, or the place of an arrow that passes."""

    name: str
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0
    layer_bottom: float = 0.0


def placed(drawing: Drawing, x: float = 0.0, y: float = 0.0) -> PlacedFlow:
    """Lay out a flow, its upper left corner at (x, y)."""
    sizes = {box.name: _size(box) for box in drawing.boxes}
    chains, back = _chains(drawing)
    layers = _layers(drawing, chains)
    items = {name: _Item(name, *_item_size(name, sizes)) for layer in layers for name in layer}
    layers = _ordered(layers, chains)
    width = _place(layers, items)
    loops = LOOP * len(back) + (LOOP if back else 0.0)
    boxes = tuple(_placed_box(box, items[box.name]) for box in drawing.boxes if box.name in items)
    arrows = [_down(chain, items) for chain in chains]
    arrows += [
        _around(arrow, items, width + LOOP * (number + 1), number) for number, arrow in enumerate(back)
    ]
    height = max((item.y + item.height for item in items.values()), default=0.0) + (
        LAYER_GAP / 2 if back else 0.0
    )
    end = items.get(END)
    first = items[START]
    return PlacedFlow(
        x,
        y,
        width + loops,
        height,
        boxes,
        tuple(arrows),
        (first.x + first.width / 2, first.y + first.height / 2),
        None if end is None else (end.x + end.width / 2, end.y + end.height / 2),
    )


# --- Sizes ------------------------------------------------------------------------------------------------


def _size(box: Box) -> tuple[float, float]:
    text = max(len(box.name) * (LETTER + 0.6), len(box.detail) * (LETTER - 1)) + 44
    own = max(NARROWEST, text)
    if not box.flows:
        return own, LINE
    inner = [placed(flow) for flow in box.flows]
    width = sum(flow.width for flow in inner) + GAP * (len(inner) - 1) + 2 * PADDING
    return max(own, width), HEADER + max(flow.height for flow in inner) + PADDING


def _item_size(name: str, sizes: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    if name in (START, END):
        return DOT, DOT
    return sizes.get(name, (WAY, LINE / 2))


def _placed_box(box: Box, item: _Item) -> PlacedBox:
    flows: list[PlacedFlow] = []
    inner = [placed(flow) for flow in box.flows]
    total = sum(flow.width for flow in inner) + GAP * (len(inner) - 1)
    x = (item.width - total) / 2
    for drawing, flow in zip(box.flows, inner, strict=True):
        flows.append(placed(drawing, x, HEADER))
        x += flow.width + GAP
    return PlacedBox(box, item.x, item.y, item.width, item.height, tuple(flows))


# --- Layers -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chain:
    """An arrow down, with the names of the places that it passes."""

    arrow: Arrow | None
    names: list[str]


def _chains(drawing: Drawing) -> tuple[list[_Chain], list[Arrow]]:
    """The arrows that lead down, the start's and the ends' too, and those that lead back."""
    following: dict[str, list[Arrow]] = {}
    for arrow in drawing.arrows:
        following.setdefault(arrow.source, []).append(arrow)
    back: list[Arrow] = []
    seen: set[str] = set()
    active: set[str] = set()
    roots = [drawing.start, *(box.name for box in drawing.boxes)]
    for root in roots:
        if root in seen or not root:
            continue
        stack: list[tuple[str, int]] = [(root, 0)]
        seen.add(root)
        active.add(root)
        while stack:
            name, index = stack[-1]
            arrows = following.get(name, [])
            if index == len(arrows):
                stack.pop()
                active.discard(name)
                continue
            stack[-1] = (name, index + 1)
            arrow = arrows[index]
            if arrow.target in active:
                back.append(arrow)
            elif arrow.target not in seen:
                seen.add(arrow.target)
                active.add(arrow.target)
                stack.append((arrow.target, 0))
    down = [_Chain(arrow, [arrow.source, arrow.target]) for arrow in drawing.arrows if arrow not in back]
    if drawing.start:
        down.insert(0, _Chain(None, [START, drawing.start]))
    down += [_Chain(None, [name, END]) for name in drawing.ends]
    return down, back


def _layers(drawing: Drawing, chains: list[_Chain]) -> list[list[str]]:
    """Every name in its layer; chains that pass layers are given a name in each."""
    depth = {START: 0}
    leading: dict[str, list[str]] = {}
    for chain in chains:
        leading.setdefault(chain.names[-1], []).append(chain.names[0])
    names = [box.name for box in drawing.boxes]
    for name in [*names, END]:
        _depth(name, leading, depth)
    if not drawing.ends:
        depth.pop(END, None)
    else:
        depth[END] = (
            max(depth.values(), default=0) if depth[END] == max(depth.values()) else max(depth.values()) + 1
        )
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in (START, *names, *((END,) if drawing.ends else ())):
        layers[depth[name]].append(name)
    for number, chain in enumerate(chains):
        first, last = depth[chain.names[0]], depth[chain.names[-1]]
        ways = [f"\0{number}/{layer}" for layer in range(first + 1, last)]
        for layer, way in enumerate(ways, first + 1):
            layers[layer].append(way)
        chain.names[1:1] = ways
    return layers


def _depth(name: str, leading: Mapping[str, list[str]], depth: dict[str, int]) -> int:
    """One more than the deepest of what leads here, without recursion: definitions may be long."""
    stack = [name]
    while stack:
        current = stack[-1]
        if current in depth:
            stack.pop()
            continue
        before = leading.get(current, [])
        missing = [one for one in before if one not in depth]
        if missing:
            stack += missing
            continue
        depth[current] = max((depth[one] for one in before), default=0) + 1
        stack.pop()
    return depth[name]


def _ordered(layers: list[list[str]], chains: Sequence[_Chain]) -> list[list[str]]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain.names):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = above if downwards else below
        order = range(1, len(layers)) if downwards else range(len(layers) - 2, -1, -1)
        for index in order:
            other = layers[index - 1 if downwards else index + 1]
            place = {name: number for number, name in enumerate(other)}
            own = {name: number for number, name in enumerate(layers[index])}
            layers[index] = sorted(
                layers[index],
                key=lambda name, place=place, own=own, neighbours=neighbours: (  # type: ignore[misc]
                    _mean([place[one] for one in neighbours.get(name, []) if one in place], own[name]),
                    own[name],
                ),
            )
    return layers


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else float(otherwise)


def _place(layers: Sequence[Sequence[str]], items: Mapping[str, _Item]) -> float:
    """Give every item its place; returns the width."""
    widths = [sum(items[name].width for name in layer) + GAP * (len(layer) - 1) for layer in layers]
    width = max([*widths, NARROWEST])
    y = 0.0
    for layer, own in zip(layers, widths, strict=True):
        x = (width - own) / 2
        tallest = max((items[name].height for name in layer), default=0.0)
        for name in layer:
            item = items[name]
            item.x, item.y, item.layer_bottom = x, y, y + tallest
            if item.width == WAY:
                item.height = tallest
            x += item.width + GAP
        y += tallest + LAYER_GAP
    return width


# --- Arrows -----------------------------------------------------------------------------------------------


def _down(chain: _Chain, items: Mapping[str, _Item]) -> PlacedArrow:
    first, *ways, last = (items[name] for name in chain.names)
    shift = _shift(first, last, chain.arrow)
    points: list[Point] = [(first.x + first.width / 2 + shift, first.y + first.height)]
    for way in ways:
        points += [(way.x + way.width / 2, way.y), (way.x + way.width / 2, way.y + way.height)]
    points.append((last.x + last.width / 2 + shift, last.y))
    return PlacedArrow(chain.names[0], chain.names[-1], tuple(points), chain.arrow)


def _shift(first: _Item, last: _Item, arrow: Arrow | None) -> float:
    """Arrows of different kinds between the same two states stand beside each other."""
    if arrow is None or arrow.kind is not ArrowKind.CATCH:
        return 0.0
    return min(first.width, last.width) / 4


def _around(arrow: Arrow, items: Mapping[str, _Item], x: float, number: int) -> PlacedArrow:
    """Down into the gap below its layer, out to `x`, up to the gap above the other layer, and down again."""
    first, last = items[arrow.source], items[arrow.target]
    gap = LAYER_GAP / 4 + 3.0 * (number % 4)
    leaves, arrives = first.x + first.width * 0.82, last.x + last.width * 0.82
    low, high = first.layer_bottom + gap, last.y - gap
    points = (
        (leaves, first.y + first.height),
        (leaves, low),
        (x, low),
        (x, high),
        (arrives, high),
        (arrives, last.y),
    )
    return PlacedArrow(arrow.source, arrow.target, points, arrow, is_back=True)
