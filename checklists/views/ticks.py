"""Ticking a manual item, and the files that were handed in with ticks."""

from __future__ import annotations

import hashlib

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from checklists import services
from checklists.forms.ticks import TickForm
from checklists.models import TickFile
from checklists.views.access import (
    get_item,
    get_visit,
    get_visit_for_command,
    next_url,
    require_sign_in,
    show_refusal,
)
from checklists.views.items import render_item_page


@require_sign_in
@require_POST
def tick(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Ticks a manual item; a form that lacks something is shown again with what was typed."""
    visit = get_visit_for_command(request, slug)
    found = get_item(visit, key)
    members = services.members_who_act(visit.cutover)
    form = TickForm(request.POST, request.FILES, item=found, members=members)
    if not form.is_valid():
        return render_item_page(request, visit, found, tick_form=form)
    try:
        ticked = services.tick_item(item=found, by=visit.person, given=form.handed_in())
    except services.CommandRefused as refusal:
        show_refusal(request, refusal)
        return redirect(next_url(request, found.get_absolute_url()))
    name = f"{found.number} {found.title}"
    done = f"Ticked {name}." if ticked.done_at else f"{name} waits for a second person who confirms it."
    messages.success(request, done)
    return redirect(next_url(request, reverse("runbook", args=[slug])))


@require_sign_in
@require_GET
def tick_file(request: HttpRequest, slug: str, key: str, pk: int) -> HttpResponse:
    """A file that was handed in, always as a download: nothing that people hand in is shown as a page."""
    visit = get_visit(request, slug)
    of_item = TickFile.objects.filter(tick__item__cutover=visit.cutover, tick__item__key=key)
    found = of_item.filter(pk=pk).first()
    if found is None:
        raise Http404("This item has no such file.")
    content = bytes(found.content)
    if hashlib.sha256(content).hexdigest() != found.sha256:
        raise Http404("The file is not the one that was handed in: its SHA-256 differs from the record.")
    response = HttpResponse(content, content_type=found.media_type)
    response["Content-Disposition"] = content_disposition_header(True, found.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "no-store, private"
    return response


urlpatterns = [
    path("items/<slug:key>/tick/", tick, name="item-tick"),
    path("items/<slug:key>/files/<int:pk>/", tick_file, name="tick-file"),
]
