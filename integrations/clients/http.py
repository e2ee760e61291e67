"""Talks to an HTTP service: one question, one answer, bounded in time and size, failures in words."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from integrations.errors import Problem, Unreachable

TIMEOUT = 10.0  # seconds for a whole answer
LARGEST = 1_000_000  # bytes of an answer


@dataclass(frozen=True)
class Reply:
    """An answer: its status, content type, body, and the milliseconds until all of it was here."""

    status: int
    kind: str
    body: bytes
    ms: float

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body read as JSON; raises ValueError when it is none."""
        return json.loads(self.body)

    def says(self) -> str:
        """What the service itself says of it, in one line: Nest's ``message``, else the text's beginning."""
        try:
            found = self.json()
        except ValueError:
            found = None
        text = found.get("message") if isinstance(found, dict) else None
        return " ".join(str(text or self.body[:200].decode(errors="replace")).split())[:200]


def address(url: str) -> str:
    """The address without login, query and fragment: fit to be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def ask(base: str, path: str, *, send: Any = None, timeout: float = TIMEOUT) -> Reply:
    """GET, or POST of ``send`` as JSON. Any status is an answer; a redirect is not followed.

    Proxies and .netrc of the worker are left alone: what is asked is this address and no other.
    Raises `Unreachable` when no answer comes, and `Problem` when it is no use (too long, bad address).
    """
    url, began = base.rstrip("/") + path, time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        try:
            with session.request(
                "GET" if send is None else "POST",
                url,
                json=send,
                headers={"Accept": "application/json", "User-Agent": "cutover"},
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = _body(answer, url, began + timeout)
                kind = answer.headers.get("content-type", "")
                return Reply(answer.status_code, kind, body, round((time.monotonic() - began) * 1000, 1))
        except requests.RequestException as error:
            raise _in_words(url, error, timeout) from None


def _body(answer: requests.Response, url: str, until: float) -> bytes:
    """The body, unless it is too long or trickles in for longer than its time."""
    parts, size = [], 0
    for part in answer.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise Problem(
                f"{address(url)} answers with more than {LARGEST // 1_000_000} MB.",
                means="It was not read to its end: the panel asks for health and a page of rows, no more.",
                next="Check that the address leads to the API, and that its lists are paged.",
            )
        if time.monotonic() > until:
            raise requests.ReadTimeout
    return b"".join(parts)


def _in_words(url: str, error: requests.RequestException, timeout: float) -> Problem:
    """The password that a URL may hold is in requests' own messages: they are not repeated."""
    where = address(url)
    if isinstance(error, requests.Timeout):
        return Unreachable(
            f"{where} did not answer within {timeout:g} s.",
            means="It hangs, is overloaded, or a firewall swallows the question.",
            next="Look at its log and its load; then try again.",
        )
    if isinstance(error, requests.exceptions.SSLError):
        return Unreachable(
            f"No encrypted connection to {where} came about.",
            means="Its certificate is not valid for this name, or not known here.",
            next="Check certificate and name; for an own authority, put it into the worker's trust store.",
        )
    if isinstance(error, requests.ConnectionError):
        unknown = "resolve" in str(error).lower()
        return Unreachable(
            f"{where} cannot be reached.",
            means="Its host's name is unknown." if unknown else "Nobody listens there, or it hung up.",
            next="Check that it was started (its own log says why it stopped), and the address.",
        )
    return Problem(
        f"“{where}” cannot be asked: {type(error).__name__}.",
        means="The address is not one, or the answer broke HTTP.",
        next="Write it as https://host[:port] under systems: in the runbook, or in its variable.",
    )
