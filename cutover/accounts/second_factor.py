"""Leads people who can change something to the page where they add a second factor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from checklists.forms.password import is_proven_by_provider
from checklists.models import Member
from checklists.states import MemberPart
from cutover.accounts.adapters import find_second_factors

#: What a person without the second factor still reaches.
OPEN_PREFIXES = ("/accounts/", "/health/", "/static/")
FIRST_PROOFS = {
    *("mfa_activate_totp", "mfa_add_webauthn", "account_set_password", "account_change_password"),
    "socialaccount_connections",
}
#: An attribute of a request: who of the people of the moment lacks the factor, where it was read for many.
READ_TOGETHER = "people_without_second_factor"
SENTENCE = (
    "Your part needs a second factor, and you have none yet. Add an authenticator app or a passkey here; "
    "the other pages open then."
)


class SecondFactorMiddleware(MiddlewareMixin):
    """Admins, migration leads and approvers need a second factor (`CUTOVER_REQUIRE_SECOND_FACTOR`)."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Redirects a page, and refuses everything else, as long as the factor is missing.

        The database may be read here.
        """
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
    if began_with_second_factor(request, person):
        return False
    lacking: set[int] | None = getattr(request, READ_TOGETHER, None)
    return person.pk in (find_lacking([person]) if lacking is None else lacking)


def read_together(requests: Iterable[HttpRequest]) -> None:
    """Reads for many requests of signed-in people at once what `lacks_second_factor` asks for each."""
    if not settings.CUTOVER_REQUIRE_SECOND_FACTOR:
        return
    asked = [
        request
        for request in requests
        if isinstance(request.user, User) and not began_with_second_factor(request, request.user)
    ]
    lacking = find_lacking(request.user for request in asked if isinstance(request.user, User))
    for request in asked:
        setattr(request, READ_TOGETHER, lacking)


def began_with_second_factor(request: HttpRequest, person: User) -> bool:
    """Did the person give a second factor when this session began?"""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, person))


def find_lacking(people: Iterable[User]) -> set[int]:
    """Those of these people (by id) who need a second factor and have none; three queries for all at most."""
    needing = find_needing(list(people))
    return needing - find_second_factors(needing) if needing else needing


def find_needing(people: Sequence[User]) -> set[int]:
    """Who of them can change something: admins, and more than stakeholders in an open cutover."""
    needing = {person.pk for person in people if person.is_staff or person.is_superuser}
    if others := {person.pk for person in people} - needing:
        has_rights = Q(user_permissions__isnull=False) | Q(groups__isnull=False)
        needing.update(User.objects.filter(has_rights, pk__in=others).values_list("pk", flat=True))
        acting = Member.objects.exclude(part=MemberPart.STAKEHOLDER).filter(cutover__closed_at=None)
        needing.update(acting.filter(person__in=others).values_list("person_id", flat=True))
    return needing
