"""Ends sessions in which nobody does anything (`CUTOVER_SESSION_IDLE_MINUTES`), and those that are too old.

Only what a person does keeps a session: opening a page, or sending a form. Live streams, and pages that
refresh themselves, do not: a screen that was left on would stay signed in. The end is kept as the moment at
which the session expires, so that a stream, which looks at it, ends at the same time.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

BEGAN, ACTIVE = "signed_in_at", "active_at"  # seconds since 1970, in the session
#: Of a session that is used all the time, this often is written that it is.
NOTED_EVERY = 60.0
#: Addresses that open pages ask for by themselves, whatever they send: the names in the URLconf.
ASKED_BY_PAGES = ("stream", "waiting-count")


class IdleSessionMiddleware(MiddlewareMixin):
    """Signs out a person whose session was not used for too long, and notes when it is used."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """The view then answers as to anybody who is not signed in. Here the session may be read."""
        if not isinstance(request.user, User):
            return
        now = time.time()
        began, active = (float(request.session.get(name, 0)) for name in (BEGAN, ACTIVE))
        if not began:  # it began under an earlier version of the panel
            _note(request, now, began=now)
        elif now >= (end := _end(began, active)):
            logout(request)
        elif is_by_a_person(request) and now - active >= NOTED_EVERY:
            _note(request, now, began=began)
        elif request.session.get_expiry_age() > end - active + 1:
            # The sign-in form of allauth has set it to the longest time, after our receiver.
            request.session.set_expiry(max(1, int(end - now)))


def is_by_a_person(request: HttpRequest) -> bool:
    """Did somebody do this, or did a page that is open ask for it by itself?"""
    if request.method not in ("GET", "HEAD"):
        return True
    if request.resolver_match is not None and request.resolver_match.url_name in ASKED_BY_PAGES:
        return False
    is_stream = "text/event-stream" in request.headers.get("Accept", "")
    return not is_stream and not request.headers.get("HX-Request")


@receiver(user_logged_in)
def _begin(sender: Any, request: HttpRequest, **_: Any) -> None:
    _note(request, now := time.time(), began=now)


def _note(request: HttpRequest, now: float, *, began: float) -> None:
    request.session[BEGAN], request.session[ACTIVE] = began, now
    request.session.set_expiry(max(1, int(_end(began, now) - now)))


def _end(began: float, active: float) -> float:
    longest = began + settings.SESSION_COOKIE_AGE
    idle = settings.CUTOVER_SESSION_IDLE_MINUTES * 60
    return min(longest, active + idle) if idle else longest
