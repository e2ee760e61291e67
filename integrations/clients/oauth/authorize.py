"""The authorize URL that an API hands out, and its comparison with what the provider expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from integrations.clients.http import HttpClient, Response
from integrations.errors import Problem
from integrations.systems import System

SHORTEST_STATE = 16  # characters; a shorter state can be guessed
#: names under which APIs put the URL into a JSON answer
NAMES = ("url", "authorizeUrl", "authorizationUrl", "authorize_url", "authorization_url")


@dataclass(frozen=True)
class AuthorizeUrl:
    """An authorize URL: its ``endpoint`` (no query), its parameters, and the address that a browser opens."""

    endpoint: str
    values: Mapping[str, str]
    begin: str
    doubled: tuple[str, ...] = ()  # parameters given more than once: readers differ in which one they take

    @classmethod
    def of(cls, url: str, begin: str = "") -> AuthorizeUrl:
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
        """The requested scopes; Facebook separates them by commas."""
        return set(self.values.get("scope", "").replace(",", " ").split())


def request_authorize_url(http_client: HttpClient, api: System, path: str, provider: str) -> AuthorizeUrl:
    """The URL that the API gives at ``path`` for a provider, as a redirect or in JSON.

    Raises `Problem` when it answers neither.
    """
    reply = http_client.request(api["url"], path)
    given, path = path, path.partition("?")[0]
    if reply.status == 404:
        raise Problem(
            f"The API has no {path} (404).",
            means="Nobody can sign in with this provider.",
            next="Check the address of the API and whether this release has the provider.",
        )
    if reply.status >= 500:
        raise Problem(
            f"The API answers {path} with {reply.status}: {reply.error_text().rstrip('.')}.",
            means=f"So it answers when the client of {provider} is not configured.",
            next=f"Give the backend every {provider.upper()}_… setting, start it again, then look again.",
        )
    url, redirects = _url(reply)
    try:
        return AuthorizeUrl.of(url, api["url"].rstrip("/") + given if redirects else url)
    except ValueError:
        raise Problem(
            f"The API answers {path} with {reply.status} and no authorize URL.",
            means="Nobody can sign in with this provider.",
            next="Look into its log; it should redirect, or answer JSON with the URL.",
        ) from None


def _url(reply: Response) -> tuple[str, bool]:
    """The URL in an answer, and whether it came as a redirect; "" where there is none."""
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
    first: AuthorizeUrl, second: AuthorizeUrl, wanted: Mapping[str, str], scopes: set[str]
) -> list[str]:
    """What is wrong with two authorize URLs of the API, one sentence each; empty when both are right.

    ``wanted``: the exact values of ``endpoint``, ``client_id``, ``redirect_uri`` and further parameters.
    The second URL only shows whether the state changes from one to the next.
    """
    mistakes = [f"{name} stands there more than once." for name in first.doubled]
    if first.endpoint != wanted["endpoint"]:
        mistakes.append(f"It leads to {first.endpoint}, not to {wanted['endpoint']}.")
    for name, value in wanted.items():
        if name != "endpoint" and first.values.get(name) != value:
            mistakes.append(f"{name} is “{first.values.get(name, '')}”, and should be “{value}”.")
    missing = sorted(scopes - first.scopes)
    if missing:
        mistakes.append(f"scope lacks {', '.join(missing)}.")
    return mistakes + _state_mistakes(first.values.get("state", ""), second.values.get("state", ""))


def _state_mistakes(first: str, second: str) -> list[str]:
    if not first:
        return ["There is no state: anybody could sign somebody else in (CSRF)."]
    if first == second:
        return ["The state is the same twice: it protects nobody."]
    return (
        [f"The state has only {len(first)} characters: it can be guessed."]
        if len(first) < SHORTEST_STATE
        else []
    )
