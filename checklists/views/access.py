"""What every view needs: the cutover with the person's permission, and the ways to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from checklists.board import Board, ItemView
from checklists.compiled_query import compiled_query
from checklists.forms.password import ZONE_OF_PAGE
from checklists.models import Cutover, Item, Member
from checklists.models.masked_rows import found_values, show_found_values
from checklists.revision import Revision, read_revisions
from checklists.services import CommandRefused
from checklists.states import MemberPart
from checklists.views.used_pages import has_backups, has_comparisons

View = Callable[..., HttpResponseBase]
LONGEST_ADDRESS = 1000  # characters; Django redirects to no address of more than 2048 once it is encoded


@dataclass(frozen=True)
class Visit:
    """One person's request to one cutover.

    ``revision`` is read before the rest of the page's data. The page's event stream continues from it, so
    that a change made while the page is rendered is announced once more rather than missed.
    ``has_comparisons``, ``has_backups``: whether the pages of these have a use in this cutover.
    """

    cutover: Cutover
    person: User
    member: Member | None
    revision: Revision
    has_comparisons: bool
    has_backups: bool

    @property
    def is_stakeholder(self) -> bool:
        """Does this person only follow the status?"""
        return self.member is not None and self.member.part == MemberPart.STAKEHOLDER

    @property
    def may_give_commands(self) -> bool:
        """May this person do anything here at all? `checklists.board.may` says what exactly."""
        return self.member is not None and not self.is_stakeholder

    @property
    def sees_found_values(self) -> bool:
        """May this person read values that actions found? Those who work here may, and an admin."""
        return self.may_give_commands or self.person.is_superuser

    @property
    def sees_logs(self) -> bool:
        """May this person read the logs of attempts? Stakeholders may where the runbook says so."""
        return self.may_give_commands or self.cutover.logs_for_stakeholders


def require_sign_in(view: View) -> View:
    """Sends people without a session to the sign-in page, and from there back to this address."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.warning(
                request, "Your session had ended, so nothing was sent. Sign in and send it again."
            )
        if wants_fragment(request):
            # htmx would put the sign-in page into a part of this one; HX-Redirect loads it as a page.
            return HttpResponse(status=204, headers={"HX-Redirect": _sign_in_url(request)})
        return redirect_to_login(next_url(request, request.get_full_path()))

    return checked


def _sign_in_url(request: HttpRequest) -> str:
    """The sign-in page, which leads back to the page that htmx was on."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by django_htmx's middleware
    page = htmx.current_url_abs_path
    return (
        f"{resolve_url('account_login')}?{urlencode({'next': page})}"
        if page
        else resolve_url("account_login")
    )


def wants_fragment(request: HttpRequest) -> bool:
    """Does htmx ask for a part of the page? For an entry of the browser's history it wants the whole page."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by django_htmx's middleware
    return bool(htmx) and not htmx.history_restore_request


def refreshes_itself(request: HttpRequest) -> bool:
    """Does the page ask for its live part again, because of news or of time, and not after a form?

    What a form is told waits for the answer to that form: brought by a refresh, it would be put in place of
    what another form was told.
    """
    return request.headers.get("HX-Source", "").endswith("#live")


def form_error_status(request: HttpRequest) -> int:
    """The status of a form that is shown again: 422, or 200 for htmx, which shows no answer with an error."""
    return 200 if wants_fragment(request) else 422


def get_person(request: HttpRequest) -> User:
    """The signed-in person; views behind `require_sign_in` have one."""
    assert isinstance(request.user, User)
    return request.user


def get_visit(request: HttpRequest, slug: str) -> Visit:
    """The cutover and the person's part in it.

    From here on, rows are read as this person may see them (`checklists.models.masked_rows`).
    Raises Http404 when the person may not see the cutover, so that its existence is not disclosed.
    """
    person = get_person(request)
    cutover = _find_cutover(slug, person)
    if cutover is None:
        raise Http404("There is no such cutover, or you have no part in it.")
    member = _members.first(cutover.pk, person.pk)
    revision = read_revisions([cutover.pk]).get(cutover.pk, Revision())
    visit = Visit(cutover, person, member, revision, cutover.has_comparisons, cutover.has_backups)
    show_found_values(visit.sees_found_values)
    request.META[ZONE_OF_PAGE] = cutover.timezone
    return visit


def _find_cutover(slug: str, person: User) -> Any:
    if person.is_superuser:
        return _any_cutover.first(slug)
    return _own_cutover.first(slug, person.pk)


@compiled_query
def _any_cutover(slug: str) -> QuerySet[Cutover]:
    return _for_pages(Cutover.objects.filter(slug=slug))


@compiled_query(values=2)
def _own_cutover(slug: str, person: int) -> QuerySet[Cutover]:
    return _for_pages(Cutover.objects.visible_to(User(pk=person)).filter(slug=slug))


def _for_pages(cutovers: QuerySet[Cutover]) -> QuerySet[Cutover]:
    found = cutovers.select_related("runbook")
    return found.annotate(has_comparisons=has_comparisons(), has_backups=has_backups())[:1]


@compiled_query(values=2)
def _members(cutover: int, person: int) -> QuerySet[Member]:
    return Member.objects.filter(cutover=cutover, person=person).order_by()[:1]


def load_board(cutover: Cutover, person: User) -> Board:
    """The board of one of several cutovers on a page, as this person may see it."""
    works = Member.objects.filter(cutover=cutover, person=person).exclude(part=MemberPart.STAKEHOLDER)
    with found_values(shown=person.is_superuser or works.exists()):
        return Board.load_for_page(cutover)


def get_visit_for_command(request: HttpRequest, slug: str) -> Visit:
    """As `get_visit`; raises PermissionDenied for stakeholders and for people without a part."""
    visit = get_visit(request, slug)
    if not visit.may_give_commands:
        raise PermissionDenied("You can see this cutover, but you cannot change anything in it.")
    return visit


def get_item(visit: Visit, key: str) -> Item:
    """The item of this cutover that has this key; raises Http404 when there is none."""
    item = _items.first(visit.cutover.pk, key)
    if item is None and visit.cutover.items.filter(key=key).exists():
        raise Http404("An amendment of the runbook removed this item. The record has what happened with it.")
    if item is None:
        raise Http404("This cutover has no such item.")
    item.cutover = visit.cutover
    return item


@compiled_query(values=2)
def _items(cutover: int, key: str) -> QuerySet[Item]:
    found = Item.objects.current().filter(cutover=cutover, key=key)
    return found.order_by().select_related("phase")[:1]


def get_view(visit: Visit, board: Board, key: str) -> ItemView:
    """The item of this key as the board has it; raises Http404 as `get_item` does."""
    view = board.items.get(key)
    if view is None:
        get_item(visit, key)
        raise Http404("An amendment has just added this item. Load the page again.")
    return view


def render_page(
    request: HttpRequest, template: str, visit: Visit | None = None, /, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Renders the whole page or, for htmx, the partial ``live`` and what a form is told; never cached."""
    full: Mapping[str, Any] = {"visit": visit, "live_url": request.get_full_path(), **context}
    if wants_fragment(request):
        part = render_to_string(f"{template}#live", full, request)
        notices = "" if refreshes_itself(request) else render_to_string("_notices_update.html", full, request)
        response = HttpResponse(part + notices, status=status)
    else:
        response = render(request, template, full, status=status)
    patch_cache_control(response, no_store=True, private=True)
    patch_vary_headers(response, ["HX-Request"])
    return response


def run_command(
    request: HttpRequest, command: Callable[[], object], *, done: str, back_to: str
) -> HttpResponse:
    """Runs one command, shows ``done`` or why it was refused, and returns to the page of the form."""
    try:
        command()
    except CommandRefused as refusal:
        show_refusal(request, refusal)
    else:
        messages.success(request, done)
    return redirect(next_url(request, back_to))


def show_refusal(request: HttpRequest, refusal: CommandRefused) -> None:
    """Shows a refusal on the next page: what happened, what it means, what to do next."""
    messages.error(request, str(refusal))


def next_url(request: HttpRequest, default: str) -> str:
    """The page that the form names in ``next``, if it is a page of this panel; else ``default``."""
    wanted = request.POST.get("next", "")
    # A word without a slash is no address here: `redirect` would take it for the name of a view.
    if not wanted.startswith("/") or len(wanted) > LONGEST_ADDRESS:
        return default
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return default
