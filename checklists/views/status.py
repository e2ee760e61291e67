"""The page for everyone, and the links by which people without an account see it."""

from __future__ import annotations

import time
from typing import Any

from allauth.core.internal import ratelimit
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from checklists import services
from checklists.board import Board, read_trouble
from checklists.forecast import Forecast, make_forecast
from checklists.forms.status_links import StatusLinkForm
from checklists.models import Cutover, StatusLink
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.status import headline, milestones, plain_status
from checklists.status.service_use import service_use
from checklists.views.access import (
    Visit,
    get_visit,
    render_page,
    require_sign_in,
    run_command,
    wants_fragment,
)

#: Of one client (address); right links do not count, so one office can watch with many telephones.
WRONG_LINKS = {"status_link": "30/5m/ip"}
KEPT_SECONDS = 3  # one rendering is shown to everybody who asks within them: a link may be known to thousands
PRIVATE = {
    "Cache-Control": "no-store, private",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


@require_sign_in
@require_GET
def status(request: HttpRequest, slug: str) -> HttpResponse:
    """The status page for stakeholders: no jargon, no buttons."""
    visit = get_visit(request, slug)
    context = _status_context(visit.cutover)
    trouble = read_trouble(context["board"], context["board"].items.values())
    return render_page(request, "status.html", visit, may_share=_may_share(visit), trouble=trouble, **context)


def _status_context(cutover: Cutover) -> dict[str, Any]:
    board = Board.load_for_page(cutover)
    expected = make_forecast(board)
    return {
        "cutover": cutover,
        "board": board,
        "use": service_use(board, expected.writable.expected_at or cutover.window_end),
        "plain_status": plain_status.plain_status(board),
        "milestones": milestones.find_milestones(board),
        "phases": plain_status.phase_progress(board, headline.ordered_phases(board)),
        "current_phase": headline.current_phase(board),
        "forecast": expected,
        "on_time": _on_time(cutover, expected),
        "service": plain_status.service_health(board),
    }


def _on_time(cutover: Cutover, expected: Forecast) -> str:
    """Whether the cutover ends within its window: “ended”, “late”, “yes”, “no window” or “unknown”."""
    if not cutover.is_open:
        return "ended"
    if expected.window_done.why_unknown:
        return "unknown"
    if expected.late_by:
        return "late"
    return "yes" if cutover.window_end else "no window"


# ── links ────────────────────────────────────────────────────────────────────


def _may_share(visit: Visit) -> bool:
    return visit.person.is_superuser or (visit.member is not None and visit.member.may_act)


def _get_visit_to_share(request: HttpRequest, slug: str) -> Visit:
    visit = get_visit(request, slug)
    if not _may_share(visit):
        raise PermissionDenied("Only a migration lead or an admin makes links for people without an account.")
    return visit


@require_sign_in
@require_http_methods(["GET", "POST"])
def status_links(request: HttpRequest, slug: str) -> HttpResponse:
    """The links of a cutover; a new one is shown once, in the answer to its form."""
    visit = _get_visit_to_share(request, slug)
    form = StatusLinkForm(request.POST if request.method == "POST" else None)
    made = address = None
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = services.create_status_link(
                cutover=visit.cutover,
                label=form.cleaned_data["label"],
                lasts=form.lasts,
                nonce=form.cleaned_data["nonce"],
                by=visit.person,
            )
        except CommandRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            address = request.build_absolute_uri(reverse("shared-status", args=[secret]))
            form = StatusLinkForm()
    response = render_page(
        request,
        "status_links.html",
        visit,
        status=422 if form.errors else 200,
        form=form,
        made=made,
        address=address,
        links=visit.cutover.status_links.select_related("made_by", "revoked_by"),
        now=database_now(),
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_sign_in
@require_POST
def revoke_status_link(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Ends a link at once."""
    visit = _get_visit_to_share(request, slug)
    link = get_object_or_404(visit.cutover.status_links, pk=pk)
    return run_command(
        request,
        lambda: services.revoke_status_link(link=link, by=visit.person),
        done=f"The link “{link.label}” leads nowhere any more.",
        back_to=reverse("status-links", args=[slug]),
    )


# ── without an account ───────────────────────────────────────────────────────


@require_safe
def shared_status(request: HttpRequest, secret: str) -> HttpResponse:
    """The page for everyone, for whoever has the link. It reads no session and shows no way to other pages.

    Values that actions found stay hidden: nobody has been told to show them (`masked_rows`).
    """
    link = StatusLink.objects.find(secret, database_now())
    if link is None:
        return _no_such_link(request)
    live = mark_safe(_render_shared(link))  # noqa: S308  # our own template, rendered a moment ago
    page = live if wants_fragment(request) else _whole_page(request, link, live)
    return HttpResponse(page, headers=PRIVATE)


def _whole_page(request: HttpRequest, link: StatusLink, live: SafeString) -> str:
    return render_to_string("shared_status.html", {"cutover": link.cutover, "live": live}, request)


def _no_such_link(request: HttpRequest) -> HttpResponse:
    """The same for a wrong, an expired and a revoked link. Too many from one client are only refused."""
    usage = ratelimit.consume(
        request, app="checklists", action="status_link", config=WRONG_LINKS, limit_get=True
    )
    if wants_fragment(request):  # a page that is open says so, too: htmx shows no answer with an error
        return HttpResponse(render_to_string("_shared_status_ended.html"), headers=PRIVATE)
    response = render(request, "no_such_link.html", status=404 if usage else 429)
    for name, value in PRIVATE.items():
        response[name] = value
    return response


_rendered: dict[str, tuple[float, str]] = {}  # digest of a link → when, what


def _render_shared(link: StatusLink) -> str:
    """The part of the page that changes, at most `KEPT_SECONDS` old."""
    at, html = _rendered.get(link.digest, (0.0, ""))
    if not html or time.monotonic() - at > KEPT_SECONDS:
        html = render_to_string("_shared_status.html", {**_status_context(link.cutover), "link": link})
        _rendered[link.digest] = (time.monotonic(), html)
    return html


urlpatterns = [
    path("status/", status, name="status"),
    path("status/links/", status_links, name="status-links"),
    path("status/links/<int:pk>/revoke/", revoke_status_link, name="status-link-revoke"),
]
shared_urlpatterns = [path("s/<str:secret>/", shared_status, name="shared-status")]
