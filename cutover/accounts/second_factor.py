"""Leads people who can change something to the page where they add a second factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from checklists.forms.password import is_proven_by_provider
from checklists.models import Member
from checklists.states import MemberPart
from cutover.accounts.adapters import has_second_factor

#: What a person without the second factor still reaches.
OPEN_PREFIXES = ("/accounts/", "/health/", "/static/")
FIRST_PROOFS = {
    *("mfa_activate_totp", "mfa_add_webauthn", "account_set_password", "account_change_password"),
    "socialaccount_connections",
}
SENTENCE = (
    "Your part needs a second factor, and you have none yet. Add an authenticator app or a passkey here; "
    "the other pages open then."
)


class SecondFactorMiddleware:
    """Admins, migration leads and approvers need a second factor (`CUTOVER_REQUIRE_SECOND_FACTOR`)."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Passes on; `process_view` runs beside the view, where the database may be read."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Redirects a page, and refuses everything else, as long as the factor is missing."""
        if adds_first_proof(request) and not is_proven_by_provider(request):
            return _ask_provider(request)
        if not settings.CUTOVER_REQUIRE_SECOND_FACTOR or request.path.startswith(OPEN_PREFIXES):
            return None
        if not isinstance(request.user, User) or not lacks_second_factor(request):
            return None
        if request.method not in ("GET", "HEAD") or request.headers.get("Accept", "").startswith(
            "text/event"
        ):
            return HttpResponse(f"Nothing was done. {SENTENCE}", status=403, content_type="text/plain")
        if request.headers.get("HX-Request"):
            return HttpResponse(status=204, headers={"HX-Redirect": "/accounts/2fa/"})
        messages.warning(request, SENTENCE)
        return redirect("mfa_index")


def adds_first_proof(request: HttpRequest) -> bool:
    """Does this page add a password, factor or identity to an account that has nothing to prove itself with?

    allauth asks nobody who has no password or factor. A session that was left open could then add one, and
    use it for every command that asks.
    """
    match = request.resolver_match
    if match is None or match.url_name not in FIRST_PROOFS or not isinstance(request.user, User):
        return False
    return not get_adapter().get_reauthentication_methods(request.user)


def _ask_provider(request: HttpRequest) -> HttpResponseBase:
    if not settings.SOCIALACCOUNT_PROVIDERS:
        raise PermissionDenied("Your account has no password. Ask an admin to set one.")
    query = {"process": "login", "next": request.path, "auth_params": "prompt=login&max_age=0"}
    return redirect(f"{reverse('openid_connect_login', args=['oidc'])}?{urlencode(query)}")


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether the signed-in person needs a second factor and has none.

    A session that began with a second factor needs no query.
    """
    person = request.user
    assert isinstance(person, User)
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, person)):
        return False
    return needs_second_factor(person) and not has_second_factor(person)


def needs_second_factor(person: User) -> bool:
    """Can this person change something: an admin, or more than a stakeholder in an open cutover?"""
    if person.is_staff or person.is_superuser or person.user_permissions.exists() or person.groups.exists():
        return True
    acting = Member.objects.exclude(part=MemberPart.STAKEHOLDER)
    return acting.filter(person=person, cutover__closed_at=None).exists()
