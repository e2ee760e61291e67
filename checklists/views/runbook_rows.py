"""The rows of the runbook's page, by phase: which are there, which are hidden, and which one is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from checklists.board import Board, ItemView, PhaseView, SignedThen, Trouble, allowed_commands, trouble_of
from checklists.models import Note
from checklists.phase_graph import PhaseGraph, draw_phase
from checklists.states import ItemState
from checklists.status.headline import ordered_phases
from checklists.views.access import Visit
from checklists.views.runbook_filter import BoardPeople, RunbookFilter
from checklists.views.runbook_phase import RunbookPhase
from checklists.views.runbook_row import (
    ItemRow,
    row_answer,
    row_button,
    row_evidence,
    row_time,
    say_beside_title,
    say_void,
    say_who,
)

#: An item in one of these is where the work is now, even while something else is ready.
UNDER_WAY = frozenset(
    {
        ItemState.UNKNOWN,
        ItemState.FAILED,
        ItemState.CONTRADICTED,
        ItemState.NO_GO,
        ItemState.RUNNING,
        ItemState.QUEUED,
    }
)


@dataclass(frozen=True)
class OpenItem:
    """The item whose row is open: what this person may do, what it needs, and what waits for it."""

    view: ItemView
    commands: set[str]
    needs: Sequence[ItemView]
    holds_up: Sequence[ItemView]
    notes: Sequence[Note]
    trouble: Trouble | None


@dataclass(frozen=True)
class PhaseRows:
    """One phase with the rows that the filter keeps."""

    phase: RunbookPhase
    rows: list[tuple[ItemRow, SafeString]]  # with the markup; the open one has none
    graph: PhaseGraph

    @property
    def markup(self) -> SafeString:
        """The whole phase; empty for the one with the open row, whose details differ from page to page."""
        if any(row.open for row, _ in self.rows):
            return SafeString()
        return self.phase.markup((markup for _, markup in self.rows), self.graph.html)


@dataclass(frozen=True)
class RowBuilder:
    """What all rows of one page share; ``list_url`` is the address of the list as it is filtered."""

    visit: Visit
    people: BoardPeople
    chosen: RunbookFilter
    opened: str
    list_url: str
    never_red: Set[str]
    notes: Mapping[str, list[Note]]  # by key of the item, the oldest first
    void: Sequence[SignedThen]  # signatures that no longer count, at gates that have not passed
    current: ItemView | None
    token: str  # against forged requests
    page_url: str

    @property
    def board(self) -> Board:
        """The state of all items."""
        return self.people.board

    def context(self) -> dict[str, Any]:
        """What the template needs: phases with their rows, how many there are, and the open item."""
        phases = [self._phase(phase) for phase in ordered_phases(self.board, include_rollback=True)]
        rows = [row for phase in phases for row, _ in phase.rows]
        return {
            "phases": [phase for phase in phases if phase.rows],
            "found": sum(row.found for row in rows),
            "number_of_rows": len(rows),
            "current": self.current,
            "opened": self._open_item(),
        }

    def _open_item(self) -> OpenItem | None:
        items = self.board.items
        view = items.get(self.opened)
        if view is None:
            return None
        return OpenItem(
            view,
            allowed_commands(self.visit.member, view, self.board),
            needs=[items[need] for need in view.item.needs if need in items],
            holds_up=[other for other in items.values() if self.opened in other.item.needs],
            notes=self.notes.get(self.opened, ()),
            trouble=trouble_of(view, self.notes.get(self.opened, ())),
        )

    def _phase(self, phase: PhaseView) -> PhaseRows:
        kept = [v for v in phase.items if v.item.key == self.opened or self.chosen.keeps(v, self.people)]
        rows = [(row, row.markup(self.token, self.page_url)) for row in map(self._row, kept)]
        shown = RunbookPhase.of(
            phase,
            self.board.cutover.direction,
            notes=sum(len(self.notes.get(view.item.key, ())) for view in phase.items),
            folded=self._is_folded(phase),
            found=any(row.found for row, _ in rows),
            is_current=self.current is not None and self.current.item.phase_id == phase.phase.pk,
        )
        return PhaseRows(shown, rows, draw_phase(phase, self.board.items))

    def _is_folded(self, phase: PhaseView) -> bool:
        """Done, or of the other direction. Who filters or opens a row wants to see what they asked for."""
        if not self.chosen.is_empty or any(view.item.key == self.opened for view in phase.items):
            return False
        return phase.done == phase.total or phase.phase.direction != self.board.cutover.direction

    def _row(self, view: ItemView) -> ItemRow:
        item, is_open = view.item, view.item.key == self.opened
        text = self._searched(view)
        return ItemRow(
            key=item.key,
            state=view.state,
            warned=view.is_warned,
            number=item.number,
            title=item.title,
            url=self.list_url if is_open else f"{self.list_url}&open={item.key}",
            said=say_beside_title(view),
            who=say_who(view),
            claimed=item.claimed_by_id is not None and not view.settled,
            time=row_time(view, self.board.now),
            evidence=row_evidence(view, never_red=item.key in self.never_red),
            answer=row_answer(trouble_of(view, self.notes.get(item.key, ()))),
            void=tuple(say_void(one) for one in self.void if item.key in (one.gate.key, *one.items)),
            reopened=tuple((n.key, n.number, n.title, n.get_absolute_url()) for n in view.reopened),
            irreversible="" if view.settled else item.irreversible,
            optional=item.optional and not view.settled,
            notes=len(self.notes.get(item.key, ())),
            button=row_button(view, allowed_commands(self.visit.member, view, self.board)),
            search=text,
            found=is_open or self.chosen.finds(text),
            current=view is self.current,
            open=is_open,
        )

    def _searched(self, view: ItemView) -> str:
        """Number, title, key, role, people and notes."""
        item = view.item
        names = [self.people.names.get(login, login) for login in self.people.concerned[item.key]]
        notes = [f"{note.by.first_name} {note.text}" for note in self.notes.get(item.key, ())]
        words = (item.number, item.title, item.key, item.owner_title, *sorted(names), *notes)
        return " ".join(" ".join(words).split()).lower()


def find_current_item(board: Board) -> ItemView | None:
    """Where the work is now: what is under way or in trouble, else the first item that is ready."""
    phases = [p for p in ordered_phases(board) if p.phase.direction == board.cutover.direction]
    views = [view for phase in phases for view in phase.items]
    under_way = [view for view in views if view.state in UNDER_WAY]
    ready = [view for view in views if view.state == ItemState.READY and not view.item.optional]
    return next(iter(under_way or ready), None)
