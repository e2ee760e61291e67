"""Whether pages that ask for a stream at the same moment may have it, by the rules of the ordinary path.

Here is said “yes”, or nothing. Whatever is not a plain “yes” goes the ordinary path, through Django's handler
and its view, and is answered there. So no status and no sentence of a refusal exists twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve

from checklists.live.admission import StreamRequest, find_viewers
from checklists.live.viewer import Viewer
from checklists.models.masked_rows import found_values
from checklists.stream import Cursor, answer_with, no_events, stream
from cutover.accounts import second_factor
from cutover.accounts.signed_in import ENGINE, sign_in_together
from cutover.live_joins.middleware_hooks import MiddlewareHooks

#: What the middleware raises for requests that are no good.
NO_GOOD = (SuspiciousOperation, BadRequest, PermissionDenied, UnicodeDecodeError, Resolver404)


@dataclass(frozen=True)
class Admission:
    """A page that may watch, from where on, and the headers of the answer."""

    viewer: Viewer
    cursor: Cursor
    headers: list[tuple[bytes, bytes]]


@dataclass
class Admissions:
    """Decides for many requests with the queries of one. Runs in a thread that may read the database."""

    hooks: MiddlewareHooks = field(default_factory=MiddlewareHooks)

    def find_hindrance(self) -> str:
        """Why these settings allow nobody to be admitted here; empty when they do."""
        if self.hooks.unknown:
            return f"not known what {', '.join(self.hooks.unknown)} does"
        if settings.SESSION_ENGINE != ENGINE or settings.SESSION_SAVE_EVERY_REQUEST:
            return "sessions are kept in another way"
        return ""

    def admit(self, scopes: Sequence[dict[str, Any]]) -> list[Admission | None]:
        """For each request its admission, read now; None sends it the ordinary path."""
        with found_values(shown=False):
            begun = [self._begin(scope) for scope in scopes]
            requests = sign_in_together([request for request in begun if request is not None])
            second_factor.read_together(requests)
            asked = [_asked_by(request) for request in requests if self._may_reach_view(request)]
            viewers = {
                id(each.request): found
                for each, found in zip(asked, find_viewers(asked), strict=True)
                if isinstance(found, Viewer)
            }
            return [
                self._admission(request, viewers[id(request)]) if request and id(request) in viewers else None
                for request in begun
            ]

    def _begin(self, scope: dict[str, Any]) -> HttpRequest | None:
        """The request, if nothing but its session, its person and their part is left to be looked at."""
        try:
            request = ASGIRequest(scope, BytesIO())
            if not self.hooks.let_request_pass(request) or not request.session.session_key:
                return None
            request.resolver_match = _resolve(request.path_info)
        except NO_GOOD:
            return None
        return request if request.resolver_match.func is stream else None

    def _may_reach_view(self, request: HttpRequest) -> bool:
        """A session that a middleware changes is saved, and its cookie sent: by the ordinary path."""
        passes = isinstance(request.user, User) and self.hooks.let_view_run(request)
        return passes and not request.session.modified

    def _admission(self, request: HttpRequest, viewer: Viewer) -> Admission:
        response = self.hooks.finish(request, answer_with(no_events()))
        headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
        cookies = [
            (b"Set-Cookie", cookie.output(header="").strip().encode()) for cookie in response.cookies.values()
        ]
        return Admission(viewer, Cursor.parse(request), headers + cookies)


@lru_cache(maxsize=256)
def _resolve(path: str) -> ResolverMatch:
    """As Django's; many come back to the same few cutovers. Raises Resolver404."""
    return resolve(path)


def _asked_by(request: HttpRequest) -> StreamRequest:
    assert request.resolver_match is not None
    return StreamRequest(request, request.resolver_match.kwargs["slug"])
