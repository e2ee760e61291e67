"""The places to which the keyboard palette leads: pages, items, and people's next steps."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from checklists.board import Board
from checklists.models import Cutover
from checklists.status.pending_tasks import group_by_person, pending_tasks
from checklists.views.access import Visit, get_person, get_visit, require_sign_in

Place = dict[str, str]  # ``words`` that are searched and shown, ``note`` beside them, ``url``
PAGES = (
    ("cutover", "Overview"),
    ("runbook", "Runbook"),
    ("problems", "Problems"),
    ("record", "Record"),
    ("people", "People"),
    ("status", "Status, for everyone"),
)


@require_sign_in
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """Every place that this person may see, as JSON; ``?cutover=`` adds those inside of one cutover."""
    places = list(_general_places(request))
    slug = request.GET.get("cutover", "")
    if slug:
        visit = get_visit(request, slug)
        board = Board.load_for_page(visit.cutover)
        places = [*_pages(visit), *_next_steps(visit, board), *_items(board), *places]
    response = JsonResponse({"places": places})
    response["Cache-Control"] = "no-store, private"
    return response


def _general_places(request: HttpRequest) -> Iterator[Place]:
    yield {"words": "Waiting for me", "note": "your tasks in all cutovers", "url": reverse("waiting")}
    yield {"words": "All cutovers", "note": "", "url": f"{reverse('cutovers')}?all"}
    yield {"words": "Your account", "note": "password, passkeys, sign out", "url": reverse("account")}
    for cutover in Cutover.objects.visible_to(get_person(request)).order_by("-pk")[:50]:
        note = f"{cutover.get_kind_display().lower()}, {cutover.get_status_display().lower()}"
        yield {"words": cutover.title, "note": note, "url": cutover.get_absolute_url()}


def _pages(visit: Visit) -> Iterator[Place]:
    for name, title in PAGES:
        yield {"words": title, "note": "page", "url": reverse(name, args=[visit.cutover.slug])}


def _next_steps(visit: Visit, board: Board) -> Iterator[Place]:
    """What each person is waited for: “Efua: sign the Technical seat”."""
    for waited in group_by_person(pending_tasks(board), visit.person):
        if waited.person is None:
            continue
        is_me = waited.person == visit.person
        name = "You" if is_me else waited.person.first_name or waited.person.get_username()
        for task in waited.tasks[:3]:
            item = f"{task.item.number} {task.item.title}"
            yield {"words": f"{name}: {task.what}", "note": item, "url": task.item.get_absolute_url()}


def _items(board: Board) -> Iterator[Place]:
    for view in board.items.values():
        words = f"{view.item.number} {view.item.title}"
        yield {"words": words, "note": view.state.label.lower(), "url": view.item.get_absolute_url()}


urlpatterns = [path("palette/", palette, name="palette")]
