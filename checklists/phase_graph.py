"""How the items of a phase depend on each other, laid out for a small drawing and as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from checklists.board import ItemView, PhaseView
from checklists.states import ItemKind

WIDTH, HEIGHT = 48, 24  # of a box, in SVG units
ACROSS, DOWN = 56, 46  # from one box to the next
EDGE = 4  # free space around the drawing
PER_ROW = 6  # boxes side by side; with more, a phone would have to scroll sideways
DRAWINGS_KEPT = 500  # in memory; a drawing is made again when a state in it changes


@dataclass(frozen=True)
class GraphItem:
    """An item as the drawing shows it; ``needs`` are the numbers of all items that it needs."""

    key: str
    number: str
    title: str
    state: str
    state_label: str
    is_gate: bool
    needs: tuple[str, ...]
    needs_here: tuple[str, ...]  # keys of those in the same phase


@dataclass(frozen=True)
class GraphBox:
    """Where an item lies in the drawing: the left upper corner of its box."""

    item: GraphItem
    x: int
    y: int


@dataclass(frozen=True)
class PhaseGraph:
    """The drawing of one phase. Phases that are equal are drawn once."""

    key: str
    title: str
    items: tuple[GraphItem, ...]

    @property
    def html(self) -> SafeString:
        """A folded drawing with the same in words beside it."""
        return _render_graph(self)


def draw_phase(phase: PhaseView, items: Mapping[str, ItemView]) -> PhaseGraph:
    """The phase as a drawing from top to bottom: each item below everything of its phase that it needs."""
    here = {view.item.key for view in phase.items}
    return PhaseGraph(
        phase.phase.key,
        f"{phase.phase.number} {phase.phase.title}",
        tuple(_graph_item(view, here, items) for view in phase.items),
    )


def _graph_item(view: ItemView, here: set[str], items: Mapping[str, ItemView]) -> GraphItem:
    item, needs = view.item, [key for key in view.item.needs if key in items]
    return GraphItem(
        item.key,
        item.number,
        item.title,
        view.state,
        view.state.label,
        item.kind == ItemKind.GATE,
        tuple(items[key].item.number for key in needs),
        tuple(key for key in needs if key in here),
    )


@lru_cache(maxsize=DRAWINGS_KEPT)
def _render_graph(graph: PhaseGraph) -> SafeString:
    inside = {item.key: item.needs_here for item in graph.items}
    places, rows = _places(inside, _levels(inside))
    boxes = [GraphBox(item, *places[item.key]) for item in graph.items]
    context = {
        "graph": graph,
        "boxes": boxes,
        "edges": [_curve(places[need], places[key]) for key in inside for need in _direct(key, inside)],
        "width": max((box.x for box in boxes), default=0) + WIDTH + EDGE,
        "height": rows * DOWN - (DOWN - HEIGHT) + 2 * EDGE,
    }
    return SafeString(render_to_string("_phase_graph.html", context))


def _levels(inside: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How deep each item lies. A runbook has no circle of needs; with one, this would still end."""
    levels = dict.fromkeys(inside, 0)
    for _ in inside:
        before = dict(levels)
        for key, needs in inside.items():
            levels[key] = max((levels[need] + 1 for need in needs), default=0)
        if levels == before:
            break
    return levels


def _places(
    inside: Mapping[str, Sequence[str]], levels: Mapping[str, int]
) -> tuple[dict[str, tuple[int, int]], int]:
    """The left upper corner of each box, and the number of rows."""
    places: dict[str, tuple[int, int]] = {}
    row = 0
    for level in sorted(set(levels.values())):
        of_level = [key for key in inside if levels[key] == level]
        for n, key in enumerate(of_level):
            places[key] = (EDGE + n % PER_ROW * ACROSS, EDGE + (row + n // PER_ROW) * DOWN)
        row += -(-len(of_level) // PER_ROW)
    return places, row


def _direct(key: str, inside: Mapping[str, Sequence[str]]) -> list[str]:
    """The needs that no other need already implies: the others would only cover the drawing with lines."""
    implied = set[str]()
    waiting = [earlier for need in inside[key] for earlier in inside[need]]
    while waiting:
        earlier = waiting.pop()
        if earlier not in implied:
            implied.add(earlier)
            waiting += inside[earlier]
    return [need for need in inside[key] if need not in implied]


def _curve(above: tuple[int, int], below: tuple[int, int]) -> str:
    """From the lower edge of one box to the upper edge of another."""
    x1, y1 = above[0] + WIDTH // 2, above[1] + HEIGHT
    x2, y2 = below[0] + WIDTH // 2, below[1]
    middle = (y1 + y2) // 2
    return f"M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {y2}"
