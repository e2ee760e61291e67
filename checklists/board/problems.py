"""What a cutover has found: the items that ended red at least once, with their verdicts and notes.

The page shows them together with the results of the preflight (`checklists.board.preflight`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from checklists.board.answers import Trouble, find_trouble, trouble_of
from checklists.board.board import Board
from checklists.board.preflight import ComparedResult, PreflightState
from checklists.board.views import ItemView
from checklists.models import Attempt, Note
from checklists.states import AttemptStatus

RED = (AttemptStatus.FAILED, AttemptStatus.ERRORED, AttemptStatus.TIMED_OUT)


@dataclass
class RedItem:
    """One item that ended red: its red attempts in their order, and what people noted on it."""

    view: ItemView
    attempts: list[Attempt]
    notes: list[Note] = field(default_factory=list)
    results: list[ComparedResult] = field(default_factory=list)  # red ones of the preflight that affect it

    @property
    def trouble(self) -> Trouble | None:
        """What is not as wanted about it now, with the answer; None once it is settled without a warning."""
        return trouble_of(self.view, self.notes)

    @property
    def is_settled(self) -> bool:
        """Has the item been done since?"""
        return self.view.settled


def find_dissents(board: Board) -> list[Trouble]:
    """The gates at which somebody said no-go, in the runbook's order, each with how it ended."""
    return find_trouble([view for view in board.items.values() if view.gate is not None], {})


def find_problems(board: Board, preflight: PreflightState) -> list[RedItem]:
    """The items that ended red at least once, in the runbook's order, under whichever definition.

    An item that an amendment removed since is not among them.
    """
    found: dict[str, RedItem] = {}
    red = Attempt.objects.filter(cutover=board.cutover, status__in=RED).select_related("item")
    for attempt in red.order_by("number"):
        view = board.items.get(attempt.item.key)
        if view is not None:
            attempt.cutover = attempt.item.cutover = board.cutover
            found.setdefault(view.item.key, RedItem(view, [])).attempts.append(attempt)
    notes = Note.objects.filter(item__cutover=board.cutover, item__key__in=found)
    for note in notes.select_related("item", "by").order_by("at"):
        found[note.item.key].notes.append(note)
    for key, one in found.items():
        one.results = preflight.for_item(key)
    return [found[key] for key in board.items if key in found]
