"""The admin site: the panel's own sign-in, and who it is once more before anything is changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.decorators import secure_admin_login
from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from checklists.forms.password import is_proven_by_provider

#: Pages with forms: who it is is asked before they are filled in, not when they are sent.
FORMS = ("/add/", "/change/", "/delete/", "/password/", "/password_change/")


class PanelAdminSite(admin.AdminSite):
    """Django's admin site, in which every change needs a proof that is at most five minutes old."""

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Leads to the panel's sign-in: limits and second factor hold here, too."""
        return secure_admin_login(super().login)(request, extra_context)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Checks the permission, then the proof."""
        return super().admin_view(_ask_before_changes(view), cacheable)


def _ask_before_changes(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        changes = request.method not in ("GET", "HEAD") or request.path.endswith(FORMS)
        if not changes or _is_proven(request):
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response
        methods = get_adapter().get_reauthentication_methods(request.user)
        if not methods:
            raise PermissionDenied(
                "Changes here ask who you are, and you have neither a password nor a second factor. "
                "Add a passkey or an app first, or sign in at the identity provider again."
            )
        # Without the form's data: a new password of somebody must not be kept in a session.
        return HttpResponseRedirect(f"{methods[0]['url']}?{urlencode({'next': request.get_full_path()})}")

    return asked


def _is_proven(request: HttpRequest) -> bool:
    """Not allauth's `did_recently_reauthenticate`: that is true for who has nothing to prove it with."""
    records = [r["at"] for r in get_authentication_records(request, request.user) if r.get("reauthenticated")]
    is_fresh = time.time() - max(records, default=0) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return is_fresh or is_proven_by_provider(request)
