"""One phase of the runbook's page around its rows; its markup is kept between requests."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from checklists.board import PhaseView
from checklists.states import Direction

PHASES_KEPT = 1000  # in memory, some 2 kB each
#: Stand in markup that is kept for what each page puts in their place. Nobody who types a text knows them.
ROWS, GRAPH = secrets.token_hex(16), secrets.token_hex(16)


@dataclass(frozen=True)
class RunbookPhase:
    """What is shown of a phase beside its rows, and nothing else: equal ones have the same markup.

    ``waits_for_order``: it belongs to a rollback that nobody has ordered. ``found``: the search finds a row.
    """

    key: str
    number: str
    title: str
    direction: str
    note: str
    original: str
    done: int
    total: int
    notes: int
    waits_for_order: bool
    folded: bool
    found: bool
    is_current: bool

    @classmethod
    def of(
        cls, view: PhaseView, direction: str, *, notes: int, folded: bool, found: bool, is_current: bool
    ) -> RunbookPhase:
        """``direction`` is that of the cutover now."""
        phase = view.phase
        return cls(
            key=phase.key,
            number=phase.number,
            title=phase.title,
            direction=phase.direction,
            note=phase.note,
            original=phase.original,
            done=view.done,
            total=view.total,
            notes=notes,
            waits_for_order=(phase.direction, direction) == (Direction.ROLLBACK, Direction.FORWARD),
            folded=folded,
            found=found,
            is_current=is_current,
        )

    def markup(self, rows: Iterable[str], graph: str) -> SafeString:
        """The whole phase. ``graph``: the drawing of what waits for what."""
        return SafeString(_render(self).replace(ROWS, "".join(rows)).replace(GRAPH, graph))

    @property
    def rail(self) -> SafeString:
        """Its entry in the list of all phases."""
        return _render_rail(self)


@lru_cache(maxsize=PHASES_KEPT)
def _render(phase: RunbookPhase) -> str:
    stand_ins = {"rows": SafeString(ROWS), "graph": GRAPH}
    return render_to_string("_runbook_phase.html", {"phase": phase, **stand_ins})


@lru_cache(maxsize=PHASES_KEPT)
def _render_rail(phase: RunbookPhase) -> SafeString:
    return render_to_string("_runbook_rail_phase.html", {"phase": phase})
