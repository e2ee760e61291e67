"""Who am I here, and how do I prove it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.views.access import page, person_of, signed_in


@signed_in
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The person's parts in cutovers, and the ways to sign in (allauth's pages)."""
    parts = person_of(request).memberships.select_related("cutover")
    return page(request, "account/account.html", parts=parts)


urlpatterns = [path("account/", account, name="account")]
