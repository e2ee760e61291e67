"""Sign-in through an identity provider (OpenID Connect): it proves who somebody is, and gives no rights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base import AuthError
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from checklists.forms.password import PROVEN_AT

logger = logging.getLogger(__name__)


class IdentityProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Lets in people whose account an admin has made; makes no accounts, parts or rights."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """False: an admin creates accounts."""
        return False

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, *, error: Any = None, exception: Any = None, **more: Any
    ) -> None:
        """Says that the provider refused; its own words go to the log, because anybody can send some here."""
        logger.warning("The identity provider refused (%s): %s", error, exception)
        if error != AuthError.CANCELLED:
            raise _refuse(
                request,
                "The identity provider did not confirm who you are. Try again; if it happens once more, tell "
                "whoever runs the panel: the reason is in its log.",
            )

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuses people without an active account here, and those who are not in a required group."""
        claims = _claims_of(sociallogin)
        if settings.OIDC_GROUPS and not set(settings.OIDC_GROUPS) & _groups_in(claims):
            raise _refuse(
                request, "Your organisation's directory does not list you in a group that may sign in here."
            )
        if sociallogin.is_existing:
            if not sociallogin.user.is_active:
                raise _refuse(request, "Your account here was closed.")
            return
        if request.user.is_authenticated and sociallogin.state.get("process") == "connect":
            return
        if person := find_person_to_link(claims):
            sociallogin.connect(request, person)
            return
        raise _refuse(
            request,
            "Nobody here has an account that belongs to this identity. Signing in at the provider worked, "
            "but it creates no account.",
        )


def explain_silence(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view; a provider that cannot be reached or answers nonsense is explained instead of an error."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (requests.RequestException, KeyError) as error:  # KeyError: not a discovery document
            logger.warning("The identity provider does not answer: %s", error)
            why = "The identity provider does not answer properly. Try again, or sign in with your password."
            return render(request, "socialaccount/refused.html", {"why": why}, status=502)

    return checked


def note_proof(request: HttpRequest, person: User, sociallogin: Any) -> None:
    """Keeps when the provider asked this person, in seconds since 1970, after they were signed in.

    0 when the provider does not say: it may have remembered a sign-in of yesterday. With the person, because
    the proof of one must never count for another.
    """
    at = _claims_of(sociallogin).get("auth_time", 0)
    request.session[PROVEN_AT] = [person.pk, at if isinstance(at, int) else 0]


def find_person_to_link(claims: dict[str, Any]) -> User | None:
    """The one active account with this e-mail address, if the settings allow it and it is verified.

    ``email_verified`` must be true itself: some providers let anybody enter any address.
    """
    email = claims.get("email")
    if not settings.OIDC_LINK_VERIFIED_EMAIL or not email or claims.get("email_verified") is not True:
        return None
    found = User.objects.filter(email__iexact=email)[:2]
    return found[0] if len(found) == 1 and found[0].is_active else None


def _claims_of(sociallogin: Any) -> dict[str, Any]:
    data = sociallogin.account.extra_data
    return {**data.get("id_token", {}), **data.get("userinfo", {})}


def _groups_in(claims: dict[str, Any]) -> set[str]:
    groups = claims.get("groups", [])
    return {str(group) for group in groups} if isinstance(groups, list) else {str(groups)}


def _refuse(request: HttpRequest, why: str) -> ImmediateHttpResponse:
    response: HttpResponse = render(request, "socialaccount/refused.html", {"why": why}, status=403)
    return ImmediateHttpResponse(response)
