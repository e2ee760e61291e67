"""The new stack's front end as it was recorded (`customer/frontend.json`): it asks the API at each visit.

Pages, statuses and headers are the recorded ones, its HTML is its own. Its defects are shown until their
repairs are applied: `repairs.yaml`. Not played: scripts, and the forms of the page for users.

Settings: PORT, NEXT_PUBLIC_API_BASE_URL; API_TOKEN, with which it reads what the API protects; REPAIRS_FILE.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import Any

from integrations.clients.http import HttpClient
from integrations.errors import Problem
from integrations.sandbox.facts import load_facts
from integrations.sandbox.front_end_pages import PAGES, ApiFailed, FrontEndPage, show_error_shell, show_page
from integrations.sandbox.ingress_controller import forwarded
from integrations.sandbox.repairs import AppliedRepairs
from integrations.sandbox.serving import Answer, Asked, say, serve

LARGEST = 50_000_000  # bytes of an answer of the API: the list of prayers has no pages
COOKIE = "cc_token"  # holds the API's token, once the admin pages ask for a sign-in
#: The API's paths that the front end passes on, once it does (the repair `api-not-public`). Its lists at
#: /donations and /events are not among them: pages have these names.
API_PATHS = (
    *("/auth", "/churches", "/content", "/donations/webhooks", "/email", "/events/calendar.ics"),
    *("/health", "/integrations", "/prayer/requests", "/reports", "/tasks"),
)
OLD_CALENDAR, CALENDAR = "/api/events.ics", "/events/calendar.ics"
NO_CACHE = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate"}


class FrontEnd:
    """Keeps nothing between two visits."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.api, self.token = environ["NEXT_PUBLIC_API_BASE_URL"], environ.get("API_TOKEN", "")
        self.repairs, self.client = AppliedRepairs.of(environ), HttpClient(["127.0.0.1"])
        self.standing = _recorded_headers("home", ("Vary", "X-Powered-By"))
        self.static = _recorded_headers(
            "solutions-wordpress-plugin", ("x-nextjs-cache", "Cache-Control", "ETag")
        )

    def __call__(self, asked: Asked) -> Answer:
        """A page, or what the API answers on one of its own paths."""
        if self.repairs.has("api-not-public") and is_of_api(asked.path):
            return forwarded(self.api, asked)
        if asked.path == OLD_CALENDAR and self.repairs.has("old-calendar-address"):
            return forwarded(self.api, replace(asked, path=CALENDAR, target=CALENDAR))
        page = PAGES.get(asked.path)
        if page is None:
            return self._answer(404, show_page("404", "Nothing is at this address."), NO_CACHE)
        token = self.token
        if page.is_admin and self.repairs.has("admin-pages-open"):
            token = _read_token(asked.headers.get("cookie", ""))
            if not self._is_signed_in(token):
                return self._answer(401, show_page("401", "Please sign in first."), NO_CACHE)
        return self._answer(200, self._render(page, token), {} if page.calls else self.static)

    def _answer(self, status: int, text: str, headers: Mapping[str, str]) -> Answer:
        return Answer(status, text, {**self.standing, **headers})

    def _render(self, page: FrontEndPage, token: str) -> str:
        """The page. The status is 200 also when it could not be made."""
        try:
            found = {path: self._ask(path, token) for path in page.calls}
        except ApiFailed as failure:
            say(f"GET {page.path}: {failure}")
            lets_errors_out = not page.is_admin and self.repairs.has("pages-invent-data")
            return show_error_shell() if lets_errors_out else page.render({})
        if found and not page.is_admin and not self.repairs.has("pages-read-data"):
            say(f"GET {page.path}: TypeError: Cannot read properties of undefined")
            return show_error_shell()
        return page.render(found)

    def _ask(self, path: str, token: str) -> Any:
        """The API's answer to one of the page's requests. Raises `ApiFailed`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            reply = self.client.request(self.api, path, headers=headers, largest=LARGEST)
            if not reply.ok:
                raise ApiFailed(f"the API answers {reply.status} to {path}")
            return reply.json()
        except (Problem, json.JSONDecodeError) as failure:
            raise ApiFailed(f"the API does not answer {path}: {failure}") from None

    def _is_signed_in(self, token: str) -> bool:
        """Whether the API knows the session of this token."""
        try:
            found = self._ask(f"/auth/session/{token}", "") if token else None
        except ApiFailed:
            return False
        return isinstance(found, dict) and bool(found.get("email"))


def is_of_api(path: str) -> bool:
    """Whether a path is one of the API's that the front end passes on."""
    return any(path == one or path.startswith(f"{one}/") for one in API_PATHS)


def _recorded_headers(page: str, names: tuple[str, ...]) -> dict[str, str]:
    recorded = load_facts(f"answers/frontend--api-up--{page}.json")["response"]["headers"]
    return {name: value for name, value in recorded if name in names}


def _read_token(cookies: str) -> str:
    """Letters, digits and dashes only: it becomes a part of a path."""
    try:
        token = SimpleCookie(cookies)[COOKIE].value
    except (CookieError, KeyError):
        return ""
    return token if token.replace("-", "").isalnum() else ""


def main() -> None:
    """Serves until SIGTERM."""
    serve(int(os.environ["PORT"]), FrontEnd(os.environ), name="front-end", headers={})


if __name__ == "__main__":
    main()
