"""The HTTP client of the checks: short timeouts, and nothing but requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integrations.clients.http import HttpClient, Response
from integrations.clients.pinned import ResolvedHost
from integrations.errors import Problem
from integrations.preflight.questions import TIMEOUT

READING = ("", "GET", "HEAD")
SENT = ("send", "form", "body")


class WouldWrite(Problem):
    """A request that might change something was not sent."""


class ReadOnlyClient(HttpClient):
    """Sends GET and HEAD only, each for `TIMEOUT` seconds.

    ``places``: host → the address that it is looked for at, instead of those that its name has now.
    """

    def __init__(self, hosts: Iterable[str], places: Mapping[str, str] | None = None) -> None:
        super().__init__(hosts)
        self.places = dict(places or {})

    def resolve(self, host: str, where: str) -> ResolvedHost:
        """The given address of a host, or those of its name."""
        if host in self.places:
            return ResolvedHost(host, (self.places[host],))
        return super().resolve(host, where)

    def request(self, base: str, path: str = "", **given: Any) -> Response:
        """As `HttpClient.request`. Raises `WouldWrite` for every other method, and for one with a body."""
        if given.get("method", "") not in READING or any(given.get(name) is not None for name in SENT):
            raise WouldWrite(
                "The preflight sends no request that might change something.",
                means="This was not asked.",
                next="The item itself asks it.",
            )
        return super().request(base, path, **{"timeout": TIMEOUT, **given})
