"""The tasks of the signed-in person in all open cutovers."""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable
from typing import NamedTuple

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.http import require_GET

from checklists import services
from checklists.board import Board, allowed_commands
from checklists.models import ChangeRequest, Cutover, Member
from checklists.revision import read_revisions
from checklists.status.pending_tasks import PendingTask, pending_tasks_of
from checklists.views.access import get_person, load_board, render_page, require_sign_in
from checklists.views.task_row import TaskRow

logger = logging.getLogger(__name__)

#: A count that only time can change (evidence that gets old) is at most so old.
KEPT_SECONDS = 60


class Count(NamedTuple):
    """How many tasks wait for a person, of which state of their cutovers, and when it was counted."""

    tasks: int
    urgent: bool
    state: Hashable
    at: float


_counted: dict[int, Count] = {}  # by person: each of their open pages asks every 20 s


@require_sign_in
@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """Urgent tasks first, then production before rehearsals."""
    person = get_person(request)
    tasks, changes, boards = _waiting_of(person)
    rows = [_task_row(task, board, person) for task, board in tasks]
    token, page = get_token(request), request.get_full_path()
    return render_page(
        request,
        "waiting.html",
        rows=[row.markup(place, token, page) for place, row in enumerate(rows, start=1)],
        change_requests=changes,
        tasks=len(rows) + len(changes),
        open_cutovers=len(boards),
    )


@require_sign_in
@require_GET
def waiting_count(request: HttpRequest) -> HttpResponse:
    """How many tasks wait for the person, as JSON: every open page shows it in its bar and its title.

    ``tasks`` is null where they could not be counted. That is not a failure of the page that asks.
    """
    tasks, urgent = None, False
    try:
        found = _count_for(get_person(request))
        tasks, urgent = found.tasks, found.urgent
    except Exception:  # whatever it is: every page asks for this
        logger.exception("What waits for %s could not be counted", get_person(request))
    response = JsonResponse({"tasks": tasks, "urgent": urgent})
    response["Cache-Control"] = "no-store, private"
    return response


def _count_for(person: User) -> Count:
    """Counts anew when something changed in the person's open cutovers, else what was counted before."""
    parts = Member.objects.filter(person=person, cutover__closed_at=None)
    revisions = read_revisions(parts.values_list("cutover_id", flat=True))
    state = frozenset((pk, one.seq, one.standing) for pk, one in revisions.items())
    found = _counted.get(person.pk)
    if found is None or found.state != state or time.monotonic() - found.at > KEPT_SECONDS:
        tasks, changes, _ = _waiting_of(person)
        urgent = any(task.urgent for task, _ in tasks)
        found = _counted[person.pk] = Count(len(tasks) + len(changes), urgent, state, time.monotonic())
    return found


def _waiting_of(
    person: User,
) -> tuple[list[tuple[PendingTask, Board]], list[ChangeRequest], list[Board]]:
    """The person's tasks, urgent ones first; the changes that they may confirm; their open cutovers."""
    mine = Cutover.objects.filter(members__person=person, closed_at=None).select_related("runbook")
    boards = [load_board(cutover, person) for cutover in mine.order_by("kind", "-created_at")]
    tasks = [(task, board) for board in boards for task in pending_tasks_of(person, board)]
    tasks.sort(key=lambda pair: not pair[0].urgent)
    changes = [
        change
        for board in boards
        for change in board.cutover.change_requests.waiting()
        if services.may_decide(change, board.member(person)) == "confirm"
    ]
    return tasks, changes, boards


def _task_row(task: PendingTask, board: Board, person: User) -> TaskRow:
    commands = allowed_commands(board.member(person), board.items[task.item.key], board)
    return TaskRow.of(task, board.cutover, can_tick="tick" in commands and not task.item.requires)


urlpatterns = [
    path("waiting/", waiting, name="waiting"),
    path("waiting/count/", waiting_count, name="waiting-count"),
]
