"""Pages of allauth that need another server: mail, or the identity provider. They say when it is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import path, re_path

from cutover.accounts.oidc import explain_silence


def only_with_mail(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, or a 404 with a sentence when `EMAIL_URL` is not set."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.HAS_MAIL:
            return view(request, *args, **kwargs)
        return render(request, "account/no_mail.html", status=404)

    return checked


urlpatterns = [
    path("oidc/<str:provider_id>/login/", explain_silence(openid_connect.login)),
    path("oidc/<str:provider_id>/login/callback/", explain_silence(openid_connect.callback)),
    path("password/reset/", only_with_mail(views.password_reset), name="account_reset_password"),
    path("password/reset/done/", only_with_mail(views.password_reset_done)),
    path("password/reset/key/done/", only_with_mail(views.password_reset_from_key_done)),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        only_with_mail(views.password_reset_from_key),
    ),
    path("email/", only_with_mail(views.email)),
    path("confirm-email/", only_with_mail(views.email_verification_sent)),
    re_path(r"^confirm-email/(?P<key>[-:\w]+)/$", only_with_mail(views.confirm_email)),
]
