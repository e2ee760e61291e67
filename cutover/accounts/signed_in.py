"""Sessions and people of many requests, read with two queries: who is signed in, by Django's own rules.

Leans on two names of Django that are not documented, `_session_cache` of a session and `_cached_user` of a
request: an upgrade of Django runs `tests/cutover/live_joins/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

#: Whose rule for one session (`SessionStore._get_session_from_db`) is here the rule for many.
ENGINE = "cutover.accounts.sessions"


def sign_in_together(requests: Sequence[HttpRequest]) -> list[HttpRequest]:
    """Those of people who are signed in at this moment, each with its session and its user.

    Where anything but a plain yes would be the answer, as for a session that was made with an earlier key of
    the panel, the request is left out.
    """
    stored = _read_sessions(requests)
    asked = [request for request in requests if request.session.session_key in stored]
    for request in asked:
        data = request.session.decode(stored[request.session.session_key or ""])
        request.session._session_cache = data  # type: ignore[attr-defined]  # Django's own name
    people = User.objects.in_bulk(
        {pk for request in asked if (pk := _person_of(request.session)) is not None}
    )
    signed_in = []
    for request in asked:
        if (person := _verify(request.session, people)) is not None:
            request._cached_user = request.user = person  # type: ignore[attr-defined]  # Django's own name
            signed_in.append(request)
    return signed_in


def _read_sessions(requests: Sequence[HttpRequest]) -> dict[str, str]:
    """Key → data of those that have not expired."""
    keys = {request.session.session_key or "" for request in requests}
    # Others than those that Django makes would be an error in the query, for all who ask together.
    plain = {key for key in keys if key.isascii() and key.isalnum()}
    rows = Session.objects.filter(session_key__in=plain, expire_date__gt=timezone.now())
    return dict(rows.values_list("session_key", "session_data"))


def _person_of(session: SessionBase) -> int | None:
    try:
        return int(session[SESSION_KEY])
    except (KeyError, ValueError):
        return None


def _verify(session: SessionBase, people: Mapping[int, User]) -> User | None:
    """As `django.contrib.auth.get_user`: the account is active, and the session made with its password."""
    person = people.get(_person_of(session) or 0)
    path = session.get(BACKEND_SESSION_KEY)
    if person is None or path not in settings.AUTHENTICATION_BACKENDS:
        return None
    backend = load_backend(path)
    if not isinstance(backend, ModelBackend) or type(backend).get_user is not ModelBackend.get_user:
        return None  # it has a rule of its own
    if not backend.user_can_authenticate(person):
        return None
    mark = session.get(HASH_SESSION_KEY) or ""
    return person if constant_time_compare(mark, person.get_session_auth_hash()) else None
