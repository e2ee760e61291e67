"""Who may see and touch which cutover: object and permission in one call, and how every page answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from checklists.models import Cutover, Item, Member
from checklists.revision import Revision, revisions_of
from checklists.services import Refused
from checklists.states import Part

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Visit:
    """One person at one cutover. ``revision`` was read before the page's data: the stream goes on from it."""

    cutover: Cutover
    person: User
    member: Member | None
    revision: Revision

    @property
    def is_stakeholder(self) -> bool:
        """Does this person only watch?"""
        return self.member is not None and self.member.part == Part.STAKEHOLDER

    @property
    def may_touch(self) -> bool:
        """Is there anything at all this person may do here? What exactly, `checklists.gates.may` says."""
        return self.member is not None and not self.is_stakeholder


def signed_in(view: View) -> View:
    """Sends people without a session to the login page, and back to where they were."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": resolve_url("account_login")})
        return redirect_to_login(request.get_full_path())

    return checked


def person_of(request: HttpRequest) -> User:
    """The signed-in person; views behind `signed_in` have one."""
    assert isinstance(request.user, User)
    return request.user


def enter(request: HttpRequest, slug: str) -> Visit:
    """The cutover and the person's part in it; 404 when it is not theirs to see, as if it were not there."""
    person = person_of(request)
    cutover = Cutover.objects.visible_to(person).select_related("runbook").filter(slug=slug).first()
    if cutover is None:
        raise Http404("There is no such cutover, or you have no part in it.")
    member = Member.objects.filter(cutover=cutover, person=person).first()
    revision = revisions_of([cutover.pk]).get(cutover.pk, Revision())
    return Visit(cutover, person, member, revision)


def enter_to_act(request: HttpRequest, slug: str) -> Visit:
    """As `enter`, for commands: 403 for stakeholders and for those who see without having a part."""
    visit = enter(request, slug)
    if not visit.may_touch:
        raise PermissionDenied("You can see this cutover, and you cannot touch it.")
    return visit


def item_of(visit: Visit, key: str) -> Item:
    """An item of this cutover, by its key; 404 otherwise."""
    item = visit.cutover.items.select_related("phase").filter(key=key).first()
    if item is None:
        raise Http404("This cutover has no such item.")
    item.cutover = visit.cutover
    return item


def page(
    request: HttpRequest, template: str, visit: Visit | None = None, /, *, status: int = 200, **context: Any
) -> HttpResponse:
    """The whole page, or, when htmx asks, its partial ``live`` with any notices; never from a cache."""
    full: Mapping[str, Any] = {"visit": visit, "live_url": request.get_full_path(), **context}
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        notices = render_to_string("_notices_update.html", full, request)
        response = HttpResponse(render_to_string(f"{template}#live", full, request) + notices, status=status)
    else:
        response = render(request, template, full, status=status)
    patch_cache_control(response, no_store=True, private=True)
    patch_vary_headers(response, ["HX-Request"])
    return response


def carry_out(
    request: HttpRequest, command: Callable[[], object], *, done: str, back_to: str
) -> HttpResponse:
    """Gives one command. What is refused is said in words; then back to where the person was."""
    try:
        command()
    except Refused as refusal:
        tell(request, refusal)
    else:
        messages.success(request, done)
    return redirect(where_from(request, back_to))


def tell(request: HttpRequest, refusal: Refused) -> None:
    """Puts a refusal on the next page: what, what it means, what to do next."""
    parts = [refusal.what, getattr(refusal, "means", ""), getattr(refusal, "next", "")]
    messages.error(request, " ".join(part for part in parts if part))


def where_from(request: HttpRequest, otherwise: str) -> str:
    """The page that the form was on, if it is one of ours."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return otherwise
