"""The signed-in person's own account."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.forms.password import factors_of
from checklists.views.access import get_person, render_page, require_sign_in


@require_sign_in
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The person's parts in cutovers, and links to allauth's pages for password and second factor."""
    person = get_person(request)
    parts = person.memberships.select_related("cutover").order_by("-cutover__created_at")
    return render_page(request, "account/account.html", parts=parts, factors=_describe_factors(person))


def _describe_factors(person: User) -> str:
    """“2 passkeys, an authenticator app”: what the person has."""
    kinds = factors_of(person)
    keys = kinds.count(Authenticator.Type.WEBAUTHN)
    found = [f"{keys} passkey{'' if keys == 1 else 's'}"] if keys else []
    found += ["an authenticator app"] if Authenticator.Type.TOTP in kinds else []
    return ", ".join(found) or "none yet: only your password proves that it is you"


@require_sign_in
@require_GET
def passkey_challenge(request: HttpRequest) -> HttpResponse:
    """A fresh challenge for the person's passkeys, kept in the session until one of them signs it."""
    response = JsonResponse(begin_authentication(get_person(request)))
    response["Cache-Control"] = "no-store, private"
    return response


urlpatterns = [
    path("account/", account, name="account"),
    path("account/passkey-challenge/", passkey_challenge, name="passkey-challenge"),
]
