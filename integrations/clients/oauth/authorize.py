"""The authorize URL as the API gives it: read, and held against what the provider was told of this client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from integrations.clients.http import Caller, Reply
from integrations.errors import Problem
from integrations.systems import System

SHORTEST = 16  # characters of a state that nobody guesses
NAMES = ("url", "authorizeUrl", "authorizationUrl", "authorize_url", "authorization_url")


@dataclass(frozen=True)
class Authorize:
    """An authorize URL: its ``endpoint`` (no query), its parameters, and where a browser begins."""

    endpoint: str
    values: Mapping[str, str]
    begin: str
    doubled: tuple[str, ...] = ()  # parameters that stand there more than once: who reads which, nobody knows

    @classmethod
    def of(cls, url: str, begin: str = "") -> Authorize:
        """Raises ValueError for a text that is no http(s) URL."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no URL")
        endpoint = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        given = parse_qs(parts.query, keep_blank_values=True)
        values = {name: found[-1] for name, found in given.items()}
        doubled = tuple(sorted(name for name, found in given.items() if len(found) > 1))
        return cls(endpoint, values, begin or url, doubled)

    @property
    def scopes(self) -> set[str]:
        """What is asked for; Facebook separates by commas."""
        return set(self.values.get("scope", "").replace(",", " ").split())


def asked_of(caller: Caller, api: System, provider: str) -> Authorize:
    """What the API answers to ``GET /auth/providers/<provider>/authorize``: a redirect, or JSON with the URL.

    Raises `Problem` when it answers neither.
    """
    path = f"/auth/providers/{provider}/authorize"
    reply = caller.ask(api["url"], path)
    if reply.status == 404:
        raise Problem(
            f"The API has no {path} (404).",
            means="Nobody can sign in with this provider.",
            next="Check the address of the API and whether this release has the provider.",
        )
    if reply.status >= 500:
        raise Problem(
            f"The API answers {path} with {reply.status}: {reply.says()}",
            means=f"So it answers when the client of {provider} is not configured.",
            next=f"Give the backend every {provider.upper()}_… setting, start it again, then look again.",
        )
    url, redirects = _url(reply)
    try:
        return Authorize.of(url, api["url"].rstrip("/") + path if redirects else url)
    except ValueError:
        raise Problem(
            f"The API answers {path} with {reply.status} and no authorize URL.",
            means="Nobody can sign in with this provider.",
            next="Look into its log; it should redirect, or answer JSON with the URL.",
        ) from None


def _url(reply: Reply) -> tuple[str, bool]:
    """The URL, and whether it came as a redirect."""
    if 300 <= reply.status < 400:
        return reply.headers.get("location", ""), True
    try:
        found = reply.json()
    except ValueError:
        return "", False
    return next(
        (str(found[name]) for name in NAMES if isinstance(found, dict) and found.get(name)), ""
    ), False


def differences(
    first: Authorize, second: Authorize, wanted: Mapping[str, str], scopes: set[str]
) -> list[str]:
    """What is wrong with two answers of the API, each a sentence; none when both are right.

    ``wanted`` has ``endpoint``, ``client_id``, ``redirect_uri`` and what else must be exactly so.
    """
    said = [f"{name} stands there more than once." for name in first.doubled]
    if first.endpoint != wanted["endpoint"]:
        said.append(f"It leads to {first.endpoint}, not to {wanted['endpoint']}.")
    for name, value in wanted.items():
        if name != "endpoint" and first.values.get(name) != value:
            said.append(f"{name} is “{first.values.get(name, '')}”, and should be “{value}”.")
    missing = sorted(scopes - first.scopes)
    if missing:
        said.append(f"scope lacks {', '.join(missing)}.")
    return said + _state(first.values.get("state", ""), second.values.get("state", ""))


def _state(first: str, second: str) -> list[str]:
    if not first:
        return ["There is no state: anybody could sign somebody else in (CSRF)."]
    if first == second:
        return ["The state is the same twice: it protects nobody."]
    return (
        [f"The state has only {len(first)} characters: it can be guessed."] if len(first) < SHORTEST else []
    )
