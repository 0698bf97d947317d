"""The picture: an SVG of its own, with light and dark colours, and with the path of an execution if one is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from penstock.statemachines.checks.tree import Tree
from penstock.statemachines.graph.layout import DOT, PlacedArrow, PlacedBox, PlacedFlow, Point, placed
from penstock.statemachines.graph.model import ArrowKind, drawing_of
from penstock.statemachines.graph.path import Path
from penstock.statemachines.values import JSON

MARGIN, TITLE, LEGEND = 24.0, 44.0, 28.0

_STYLE = """
.paper{fill:#ffffff}.title{font-size:16px;font-weight:650;fill:#1f2933}
.box{fill:#f7f9fb;stroke:#9aa5b1;stroke-width:1.2}.inner{fill:#00000006}
.name{font-size:13px;font-weight:600;fill:#1f2933}.detail{font-size:11px;fill:#616e7c}
.arrow{fill:none;stroke:#7b8794;stroke-width:1.4}.catch{stroke-dasharray:5 4;stroke:#c2410c}
.head{fill:#7b8794}.head-catch{fill:#c2410c}.head-taken{fill:#2563eb}
.label{font-size:10.5px;fill:#52606d}.label-catch{fill:#c2410c}
.halo{stroke:#ffffff;stroke-width:4px;stroke-linejoin:round}
.dot{fill:#1f2933}.ring{fill:none;stroke:#1f2933;stroke-width:1.4}.mark{stroke:none}
.Task{fill:#f59e0b}.Choice{fill:#8b5cf6}.Map{fill:#0ea5e9}.Parallel{fill:#0ea5e9}.Wait{fill:#64748b}
.Pass{fill:#94a3b8}.Succeed{fill:#16a34a}.Fail{fill:#dc2626}
.succeeded{fill:#e7f6ec;stroke:#16a34a}.failed{fill:#fdeaea;stroke:#dc2626}
.caught{fill:#fff4e5;stroke:#ea580c}.running{fill:#e8f1fd;stroke:#2563eb}.missed{opacity:.45}
.taken{stroke:#2563eb;stroke-width:2.6;stroke-dasharray:none}.count{font-size:10.5px;font-weight:600;fill:#334155}
@media (prefers-color-scheme:dark){
.paper{fill:#11161c}.title,.name{fill:#e6ebf0}.detail,.label{fill:#9fb0c0}.box{fill:#1b232c;stroke:#52606d}
.inner{fill:#ffffff08}.arrow{stroke:#7b8794}.halo{stroke:#11161c}.dot{fill:#e6ebf0}.ring{stroke:#e6ebf0}
.succeeded{fill:#123222}.failed{fill:#3b1717}.caught{fill:#3a2412}.running{fill:#13243f}.count{fill:#cbd5e1}
}
"""

_LEGEND = ("succeeded", "caught", "failed", "running")


def svg(definition: Mapping[str, JSON], *, title: str = "", path: Path | None = None) -> str:
    """The graph of a definition; with `path`, what one execution did is coloured and counted."""
    flow = placed(drawing_of(Tree(definition).flows[0]))
    told = title or str(definition.get("Comment", "") or "State machine")
    width = max(flow.width + 2 * MARGIN, len(told) * 9 + 2 * MARGIN, 360.0)
    height = flow.height + TITLE + 2 * MARGIN + (LEGEND if path is not None else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="system-ui, sans-serif" role="img">',
        f"<title>{escape(told)}</title>",
        f"<style>{_STYLE}</style>",
        "<defs>" + "".join(_marker(name) for name in ("head", "head-catch", "head-taken")) + "</defs>",
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text class="title" x="{MARGIN}" y="{MARGIN + 10}">{escape(told)}</text>',
        f'<g transform="translate({(width - flow.width) / 2:.1f} {TITLE + MARGIN:.1f})">',
        *_flow(flow, path),
        "</g>",
    ]
    if path is not None:
        parts += _legend(height - MARGIN)
    return "\n".join([*parts, "</svg>", ""])


def _marker(name: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="{name}" d="M0 0L8 4L0 8z"/></marker>'
    )


def _flow(flow: PlacedFlow, path: Path | None) -> Iterator[str]:
    yield f'<g transform="translate({flow.x:.1f} {flow.y:.1f})">'
    for arrow in flow.arrows:
        yield from _arrow(arrow, path)
    for box in flow.boxes:
        yield from _box(box, path)
    for arrow in flow.arrows:
        yield from _label(arrow)
    x, y = flow.start
    yield f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT / 2:.1f}"/>'
    if flow.end is not None:
        x, y = flow.end
        yield f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="{DOT / 2:.1f}"/>'
        yield f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{DOT / 2 - 3:.1f}"/>'
    yield "</g>"


def _box(placed_box: PlacedBox, path: Path | None) -> Iterator[str]:
    box = placed_box.box
    outcome = None if path is None else path.outcome(box.name)
    missed = " missed" if outcome == "not reached" else ""
    colour = f" {outcome}" if outcome not in (None, "not reached") else ""
    yield f'<g class="state{missed}" transform="translate({placed_box.x:.1f} {placed_box.y:.1f})">'
    yield f"<title>{escape(f'{box.type} {box.name}')}</title>"
    yield (
        f'<rect class="box{colour}" width="{placed_box.width:.1f}" height="{placed_box.height:.1f}" rx="9"/>'
    )
    yield f'<rect class="mark {escape(box.type)}" x="10" y="12" width="5" height="22" rx="2.5"/>'
    yield f'<text class="name" x="24" y="20">{escape(box.name)}</text>'
    yield f'<text class="detail" x="24" y="35">{escape(box.detail)}</text>'
    if path is not None and outcome != "not reached":
        x, told = placed_box.width - 10, escape(_count(box.name, path))
        yield f'<text class="count" x="{x:.1f}" y="20" text-anchor="end">{told}</text>'
    for inner in placed_box.flows:
        yield from _flow(inner, path)
    yield "</g>"


def _count(name: str, path: Path) -> str:
    """How often a state was entered and tried again: `3x`, `1x, 2 retries`."""
    retries = path.retries(name)
    again = f", {retries} {'retry' if retries == 1 else 'retries'}" if retries else ""
    return f"{path.entered[name]}x{again}" if path.entered[name] > 1 or retries else ""


def _arrow(arrow: PlacedArrow, path: Path | None) -> Iterator[str]:
    taken = path is not None and path.taken[arrow.source, arrow.target] > 0
    is_catch = arrow.arrow is not None and arrow.arrow.kind is ArrowKind.CATCH
    head = "head-taken" if taken else "head-catch" if is_catch else "head"
    classes = "arrow" + (" catch" if is_catch else "") + (" taken" if taken else "")
    yield f'<path class="{classes}" marker-end="url(#{head})" d="{_curve(arrow)}"/>'


def _curve(arrow: PlacedArrow) -> str:
    points = arrow.points
    if arrow.is_back:
        return _rounded(points)
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        bend = "" if x0 == x1 else f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
        text += bend or f"L{x1:.1f} {y1:.1f}"
    return text


def _rounded(points: Sequence[Point]) -> str:
    """Straight lines with round corners; the lines are level or upright."""
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, (x, y), after in zip(points, points[1:], points[2:], strict=False):
        (x0, y0), (x1, y1) = _towards((x, y), before), _towards((x, y), after)
        text += f"L{x0:.1f} {y0:.1f}Q{x:.1f} {y:.1f} {x1:.1f} {y1:.1f}"
    return f"{text}L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _towards(corner: Point, other: Point) -> Point:
    """The point on the way from a corner where it is left."""
    (x, y), (x1, y1) = corner, other
    length = abs(x1 - x) + abs(y1 - y)
    part = min(7.0, length / 2) / length if length else 0.0
    return x + (x1 - x) * part, y + (y1 - y) * part


def _label(arrow: PlacedArrow) -> Iterator[str]:
    if arrow.arrow is None or not arrow.arrow.label:
        return
    x, y = _label_point(arrow)
    is_catch = arrow.arrow.kind is ArrowKind.CATCH
    text = f'x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(arrow.arrow.label)}</text>'
    # Two texts, since not every program that draws SVG knows `paint-order`.
    yield f'<text class="label halo" aria-hidden="true" {text}'
    yield f'<text class="label{" label-catch" if is_catch else ""}" {text}'


def _label_point(arrow: PlacedArrow) -> Point:
    """Near the target, where arrows from one state have parted."""
    if arrow.is_back:
        (_, _), (_, _), (x1, y1), (_, y2), *_ = arrow.points
        return x1, (y1 + y2) / 2
    (x0, y0), (x1, y1) = arrow.points[0], arrow.points[1]
    part = 0.62
    return x0 + (x1 - x0) * part, y0 + (y1 - y0) * part + 3


def _legend(y: float) -> Iterator[str]:
    x = MARGIN
    for name in _LEGEND:
        yield f'<rect class="box {name}" x="{x:.0f}" y="{y - 11:.0f}" width="14" height="14" rx="4"/>'
        yield f'<text class="label" x="{x + 20:.0f}" y="{y:.0f}">{name}</text>'
        x += 96
