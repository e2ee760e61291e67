"""The tasks of the signed-in person in all open cutovers."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists import services
from checklists.board import Board, allowed_commands
from checklists.models import Cutover
from checklists.pending_tasks import PendingTask, pending_tasks_of
from checklists.views.access import get_person, load_board, render_page, require_sign_in


@dataclass(frozen=True)
class TaskRow:
    """One task of the person. With ``can_tick``, the row has a button that completes it."""

    task: PendingTask
    cutover: Cutover
    can_tick: bool


@require_sign_in
@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """Urgent tasks first, then production before rehearsals."""
    person = get_person(request)
    mine = Cutover.objects.filter(members__person=person, closed_at=None).select_related("runbook")
    boards = [load_board(cutover, person) for cutover in mine.order_by("kind", "-created_at")]
    rows = [_task_row(task, board, person) for board in boards for task in pending_tasks_of(person, board)]
    rows.sort(key=lambda row: not row.task.urgent)
    changes = [
        change
        for board in boards
        for change in board.cutover.change_requests.waiting()
        if services.may_decide(change, board.member(person)) == "confirm"
    ]
    return render_page(
        request,
        "waiting.html",
        rows=rows,
        change_requests=changes,
        tasks=len(rows) + len(changes),
        open_cutovers=len(boards),
    )


def _task_row(task: PendingTask, board: Board, person: User) -> TaskRow:
    commands = allowed_commands(board.member(person), board.items[task.item.key], board)
    return TaskRow(task, board.cutover, "tick" in commands and not task.item.requires)


urlpatterns = [path("waiting/", waiting, name="waiting")]
