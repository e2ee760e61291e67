"""What a form was told, until the next page shows it: each answer has a cookie of its own.

Django keeps all messages of a browser in one cookie. Of two forms that are sent at the same moment, the page
that shows the message of the first one then deletes the message of the second, which nobody has read.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest, HttpResponseBase

PREFIX = "messages-"


class ApartCookies(CookieStorage):
    """Messages in cookies that are written once and deleted by the page that has read them."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self._read: list[str] = []

    def _get(self, *args: Any, **kwargs: Any) -> tuple[list[Any], bool]:
        """The messages of all cookies, and whether the session has no more of them."""
        found: list[Any] = []
        self._read = []
        for name in sorted(self.request.COOKIES):
            if not name.startswith(PREFIX):
                continue
            messages = self._decode(self.request.COOKIES[name])  # type: ignore[attr-defined]  # of Django; stubs miss it
            if messages is not None:  # one of another panel on the same host is left alone
                self._read.append(name)
                found += messages
        kept = [message for message in found if message != self.not_finished]
        return kept, len(kept) == len(found)

    def _update_cookie(self, encoded_data: str, response: HttpResponseBase) -> None:
        """Puts what is still to be shown into a new cookie, and deletes those that were read."""
        for name in self._read:
            response.delete_cookie(
                name, domain=settings.SESSION_COOKIE_DOMAIN, samesite=settings.SESSION_COOKIE_SAMESITE
            )
        if encoded_data:
            response.set_cookie(
                PREFIX + secrets.token_hex(8),
                encoded_data,
                domain=settings.SESSION_COOKIE_DOMAIN,
                secure=bool(settings.SESSION_COOKIE_SECURE),
                httponly=bool(settings.SESSION_COOKIE_HTTPONLY),
                samesite=settings.SESSION_COOKIE_SAMESITE,
            )


class ApartStorage(FallbackStorage):
    """Cookies, and the session for what is too long for one."""

    storage_classes = (ApartCookies, SessionStorage)
