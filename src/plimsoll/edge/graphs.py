"""A graph of steps as inline SVG: what needs what, and how each stands. Strings without script, coloured by the page.

Drawn twice as charts are, from left to right for a wide screen and downwards for a narrow one; a long graph only
downwards. A page that holds graphs puts `GRAPH_STYLE` into its style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from plimsoll.edge.charts import escaped

Tone = Literal["good", "bad", "wait", "none"]

_WIDE, _NARROW = 1080, 340
_NODE_WIDTH, _NODE_HEIGHT = 148, 50
_GAP, _LANE = 34, 14
_CHARACTER = 7.4

GRAPH_STYLE = """
.graph { margin: 0; }
.graph svg { display: block; max-width: 100%; height: auto; font: 13px system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", Arial, sans-serif; }
.graph .edge { fill: none; stroke: var(--edge); stroke-width: 1.5; }
.graph .tip { fill: var(--edge); }
.graph rect { fill: var(--none-back); stroke: var(--edge); }
.graph .name { fill: var(--text); font-weight: 600; }
.graph .note { fill: var(--soft); font-size: 12px; }
.graph .good rect { fill: var(--good-back); stroke: var(--good); } .graph .good .note { fill: var(--good); }
.graph .bad rect { fill: var(--bad-back); stroke: var(--bad); } .graph .bad .note { fill: var(--bad); }
.graph .wait rect { fill: var(--wait-back); stroke: var(--wait); } .graph .wait .note { fill: var(--wait); }
.graph .none rect { stroke-dasharray: 4 3; }
.graph .narrow { display: none; }
@media (max-width: 720px) { .graph .wide { display: none; } .graph .narrow { display: block; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step: what it needs by name, how it stands, and that in words."""

    name: str
    needs: tuple[str, ...] = ()
    tone: Tone = "none"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """A node's place by its upper left corner; or a lane, by which edges of a node pass a layer where it has none."""

    name: str
    node: Node | None
    left: float = 0.0
    top: float = 0.0

    @property
    def height(self) -> float:
        return _NODE_HEIGHT if self.node else _LANE


def step_graph(nodes: Sequence[Node], *, title: str) -> str:
    """The graph as one XML element of class `graph`. nodes: each after what it needs; unknown needs are left out."""
    ways, layers = _layers(nodes)
    across = len(layers) * (_NODE_WIDTH + _GAP) - _GAP <= _WIDE
    told = "; ".join(f"{node.name}: {node.note or node.tone}" for node in nodes)
    wide = _drawn(_across(layers), ways, down=False) if across else _drawn(_down(layers, _WIDE), ways, down=True)
    drawings = (("wide", wide), ("narrow", _drawn(_down(layers, _NARROW), ways, down=True)))
    parts = (
        f'<svg class="{name}" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escaped(title)}"><desc>{escaped(told)}</desc>{body}</svg>'
        for name, (width, height, body) in drawings
    )
    return f'<div class="graph">{"".join(parts)}</div>'


def _layers(nodes: Sequence[Node]) -> tuple[list[tuple[str, ...]], list[list[_Spot]]]:
    """The way of each edge by the names of its spots, and the spots by the longest way to them.

    In each layer those stand first that need what stands first in the layer before.
    """
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.name] = 1 + max((depth[need] for need in node.needs if need in depth), default=-1)
    ways = []
    layers: list[dict[str, _Spot]] = [{} for _ in range(max(depth.values(), default=-1) + 1)]
    before: dict[str, list[str]] = {}
    for node in nodes:
        layers[depth[node.name]][node.name] = _Spot(name=node.name, node=node)
        for need in (need for need in node.needs if need in depth):
            lanes = {f"{need} at {passed}": passed for passed in range(depth[need] + 1, depth[node.name])}
            for lane, passed in lanes.items():
                layers[passed][lane] = _Spot(name=lane, node=None)
            way = (need, *lanes, node.name)
            ways.append(way)
            for one, other in pairwise(way):
                before.setdefault(other, []).append(one)
    rank: dict[str, float] = {}
    ordered = []
    for layer in layers:
        spots = sorted(layer.values(), key=lambda spot: _mean([rank[one] for one in before.get(spot.name, ())]))
        rank |= {spot.name: place - (len(spots) - 1) / 2 for place, spot in enumerate(spots)}
        ordered.append(spots)
    return ways, ordered


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _across(layers: Sequence[Sequence[_Spot]]) -> list[_Spot]:
    """Every spot in its place, from left to right."""
    heights = [sum(spot.height for spot in layer) + _LANE * (len(layer) - 1) for layer in layers]
    placed = []
    for column, (layer, height) in enumerate(zip(layers, heights, strict=True)):
        top = 1 + (max(heights) - height) / 2
        for spot in layer:
            placed.append(replace(spot, left=1 + column * (_NODE_WIDTH + _GAP), top=top))
            top += spot.height + _LANE
    return placed


def _down(layers: Sequence[Sequence[_Spot]], most: int) -> list[_Spot]:
    """Every node in its place, from the top downwards; a layer too wide goes on in the next row. No lanes."""
    fit = max(int((most - 2 + _LANE) // (_NODE_WIDTH + _LANE)), 1)
    nodes = [[spot for spot in layer if spot.node] for layer in layers]
    rows = [layer[begin : begin + fit] for layer in nodes for begin in range(0, len(layer), fit)]
    widest = max((len(row) for row in rows), default=1)
    placed = []
    for place, row in enumerate(rows):
        left = 1 + (widest - len(row)) * (_NODE_WIDTH + _LANE) / 2
        for column, spot in enumerate(row):
            at = left + column * (_NODE_WIDTH + _LANE)
            placed.append(replace(spot, left=at, top=1 + place * (_NODE_HEIGHT + _GAP)))
    return placed


def _drawn(spots: Sequence[_Spot], ways: Sequence[tuple[str, ...]], *, down: bool) -> tuple[float, float, str]:
    """Width, height and content."""
    places = {spot.name: spot for spot in spots}
    edges = (_edge([places[name] for name in way if name in places], down=down) for way in ways)
    nodes = (_node(spot, spot.node) for spot in spots if spot.node)
    width = max((spot.left + _NODE_WIDTH for spot in spots), default=0) + 1
    return width, max((spot.top + spot.height for spot in spots), default=0) + 1, "".join((*edges, *nodes))


def _edge(way: Sequence[_Spot], *, down: bool) -> str:
    """A curve that leaves and arrives straight and runs along its lanes, with a tip."""
    first, last = way[0], way[-1]
    if down:
        x1, y1 = first.left + _NODE_WIDTH / 2, first.top + _NODE_HEIGHT
        x2, y2 = last.left + _NODE_WIDTH / 2, last.top
        bend = (y2 - y1) / 2
        path = f"M{x1:.1f} {y1:.1f} C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2 - 6:.1f}"
        tip = f"M{x2 - 4:.1f} {y2 - 7:.1f} L{x2 + 4:.1f} {y2 - 7:.1f} L{x2:.1f} {y2:.1f} Z"
        return f'<path class="edge" d="{path}"/><path class="tip" d="{tip}"/>'
    path = f"M{first.left + _NODE_WIDTH:.1f} {first.top + first.height / 2:.1f}"
    for one, other in pairwise(way):
        x1, y1 = one.left + _NODE_WIDTH, one.top + one.height / 2
        x2, y2 = other.left, other.top + other.height / 2
        end = x2 - 6 if other is last else x2
        path += f" C{(x1 + x2) / 2:.1f} {y1:.1f} {(x1 + x2) / 2:.1f} {y2:.1f} {end:.1f} {y2:.1f}"
        path += "" if other is last else f" H{x2 + _NODE_WIDTH:.1f}"
    x, y = last.left, last.top + last.height / 2
    tip = f"M{x - 7:.1f} {y - 4:.1f} L{x - 7:.1f} {y + 4:.1f} L{x:.1f} {y:.1f} Z"
    return f'<path class="edge" d="{path}"/><path class="tip" d="{tip}"/>'


def _node(spot: _Spot, node: Node) -> str:
    return (
        f'<g class="{node.tone}"><title>{escaped(node.name)}</title>'
        f'<rect x="{spot.left:.1f}" y="{spot.top:.1f}" width="{_NODE_WIDTH}" height="{_NODE_HEIGHT}" rx="7"/>'
        f'<text class="name" x="{spot.left + 11:.1f}" y="{spot.top + 21:.1f}">{escaped(_short(node.name))}</text>'
        f'<text class="note" x="{spot.left + 11:.1f}" y="{spot.top + 39:.1f}">{escaped(_short(node.note))}</text></g>'
    )


def _short(text: str) -> str:
    most = int((_NODE_WIDTH - 20) / _CHARACTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"
