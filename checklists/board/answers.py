"""What people said or did about trouble: who answered a problem, a no-go or contrary evidence, and how.

A no-go is answered by its own rules (`services.no_gos`). Of an item that ended red, no longer holds or is
done with a warning, a note counts as the answer: somebody knows of it, and says so. It settles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import F

from checklists.board.board import Board
from checklists.board.views import Dissent, ItemView
from checklists.models import Cutover, Note
from checklists.states import ItemState, NoGoEnding

RED_STATES = (ItemState.FAILED, ItemState.CONTRADICTED)
#: Ending of a no-go → what is told of it.
VERBS = {NoGoEnding.WITHDRAWN: "withdrawn by", NoGoEnding.ANSWERED: "answered by"}


@dataclass(frozen=True)
class Reply:
    """“known, answered by Kofi, 02:14: “We bought a disk””; ``verb`` is what stands before the name."""

    verb: str
    by: User
    at: datetime
    words: str


@dataclass(frozen=True)
class Trouble:
    """Something of an item that is not as wanted, since when, and the latest answer to it, if any."""

    view: ItemView
    what: str
    since: datetime | None
    answer: Reply | None


def read_notes(cutover: Cutover) -> dict[str, list[Note]]:
    """The notes of the cutover by the key of their item, the oldest first, with one query."""
    notes: dict[str, list[Note]] = {}
    of_cutover = Note.objects.filter(item__cutover=cutover).select_related("by")
    for note in of_cutover.annotate(key=F("item__key")).order_by("at"):
        notes.setdefault(note.key, []).append(note)
    return notes


def find_trouble(views: Iterable[ItemView], notes: Mapping[str, Sequence[Note]]) -> list[Trouble]:
    """The trouble of each item that has any, in their order."""
    found = (trouble_of(view, notes.get(view.item.key, ())) for view in views)
    return [trouble for trouble in found if trouble is not None]


def read_trouble(board: Board, views: Iterable[ItemView]) -> list[Trouble]:
    """The trouble of these items; the notes are read only when there is some."""
    views = list(views)
    notes = read_notes(board.cutover) if find_trouble(views, {}) else {}
    return find_trouble(views, notes)


def trouble_of(view: ItemView, notes: Sequence[Note]) -> Trouble | None:
    """What is not as wanted about an item. ``notes`` are those on it, the oldest first."""
    if view.gate is not None:
        return _dissent_at(view, view.gate.dissents)
    since = _since(view)
    if since is None:
        return None
    later = [note for note in notes if note.at > since]
    answer = Reply("answered by", later[-1].by, later[-1].at, later[-1].text) if later else None
    return Trouble(view, _describe(view), since, answer)


def _dissent_at(view: ItemView, dissents: Sequence[Dissent]) -> Trouble | None:
    """The latest no-go that stands, else the latest of all. One without either ending is of version 1."""
    standing = [one for one in dissents if one.stands]
    ended = [one for one in dissents if one.answer is not None]
    if not standing and not ended:
        return None
    dissent = (standing or ended)[-1]
    return Trouble(view, dissent.no_go.reason, dissent.no_go.at, answer_of(dissent))


def answer_of(dissent: Dissent) -> Reply | None:
    """How a no-go ended; None while it stands."""
    ended = dissent.answer
    return Reply(VERBS[NoGoEnding(ended.ending)], ended.by, ended.at, ended.text) if ended else None


def _since(view: ItemView) -> datetime | None:
    """Since when the item is in trouble; None when it is not."""
    if view.state == ItemState.CONTRADICTED and view.later:
        return view.later.at
    if view.state in RED_STATES and view.attempt:
        return view.attempt.ended_at
    if view.state == ItemState.DONE and view.warnings:
        return view.settled_at
    return None


def _describe(view: ItemView) -> str:
    if view.state == ItemState.CONTRADICTED:
        return str(view.later)
    if view.state == ItemState.DONE:
        return " ".join(view.warnings)
    attempt = view.attempt
    assert attempt is not None
    problem = attempt.problem or {}
    return str(problem.get("what") or attempt.summary or attempt.get_status_display())
