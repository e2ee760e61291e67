"""The signed-in person's own account."""

from __future__ import annotations

from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.views.access import get_person, render_page, require_sign_in


@require_sign_in
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The person's parts in cutovers, and links to allauth's pages for password and second factor."""
    parts = get_person(request).memberships.select_related("cutover")
    return render_page(request, "account/account.html", parts=parts)


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
