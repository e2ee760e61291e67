"""What waits for me, in all cutovers: one sentence, then a list to work through."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.gates import Board, may
from checklists.models import Cutover
from checklists.situation import Wait, waits_for
from checklists.views.access import page, person_of, signed_in


@dataclass(frozen=True)
class Task:
    """One thing that waits for the person, and whether a tick here is enough."""

    wait: Wait
    cutover: Cutover
    tick: bool


@signed_in
@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """The list; trouble first, the production night before rehearsals."""
    person = person_of(request)
    mine = Cutover.objects.filter(members__person=person, closed_at=None).select_related("runbook")
    boards = [Board.of(cutover) for cutover in mine.order_by("kind", "-created_at")]
    tasks = [_task(wait, board, person) for board in boards for wait in waits_for(person, board)]
    tasks.sort(key=lambda task: not task.wait.urgent)
    return page(request, "waiting.html", tasks=tasks, watched=len(boards))


def _task(wait: Wait, board: Board, person: object) -> Task:
    verbs = may(board.member(person), board.items[wait.item.key], board)
    return Task(wait, board.cutover, "tick" in verbs)


urlpatterns = [path("waiting/", waiting, name="waiting")]
