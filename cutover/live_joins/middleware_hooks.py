"""The middleware of the settings, run for many requests in one thread, without a handler around each."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.module_loading import import_string

#: Middleware that is more than its hooks, and why it does nothing for a stream that begins.
WITHOUT_PART = {
    "servestatic.middleware.ServeStaticMiddleware": "answers only for the addresses of files",
    "allauth.account.middleware.AccountMiddleware": "serves allauth's views, and redirects /accounts/",
    "django_htmx.middleware.HtmxMiddleware": "gives views `request.htmx`, which the stream does not read",
    "checklists.views.failures.hide_found_values": "`admit` reads under the same rule",
}


class MiddlewareHooks:
    """`process_request`, `process_view` and `process_response` of all middleware, in Django's order.

    A class that adds nothing to Django's `MiddlewareMixin.__call__` consists of them. Nobody has to name it
    here: what it refuses is refused. ``unknown`` names any other middleware that is not in `WITHOUT_PART`;
    as long as there is one, its checks would be missing here.
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self._middleware: list[Any] = []
        for name in settings.MIDDLEWARE:
            middleware = import_string(name)
            if consists_of_hooks(middleware):
                self._middleware.append(middleware(_never_called))
            elif name not in WITHOUT_PART:
                self.unknown.append(name)
        self._of_requests = self._having("process_request")
        self._of_views = self._having("process_view")
        self._of_responses = self._having("process_response")[::-1]

    def let_request_pass(self, request: HttpRequest) -> bool:
        """Does no middleware answer instead of the view? Raises what one of them raises."""
        return all(each.process_request(request) is None for each in self._of_requests)

    def let_view_run(self, request: HttpRequest) -> bool:
        """As `let_request_pass`, once the view is known (``request.resolver_match``)."""
        match = request.resolver_match
        assert match is not None
        view = match.func, match.args, match.kwargs
        return all(each.process_view(request, *view) is None for each in self._of_views)

    def finish(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The answer with the headers of all middleware."""
        for each in self._of_responses:
            response = each.process_response(request, response)
        return response

    def _having(self, hook: str) -> list[Any]:
        return [each for each in self._middleware if hasattr(each, hook)]


def consists_of_hooks(middleware: Any) -> bool:
    """Is it a class whose call only runs its hooks?"""
    return (
        isinstance(middleware, type)
        and issubclass(middleware, MiddlewareMixin)
        and middleware.__call__ is MiddlewareMixin.__call__
        and middleware.__acall__ is MiddlewareMixin.__acall__
    )


def _never_called(request: HttpRequest) -> HttpResponseBase:
    raise AssertionError("only the hooks are run")
