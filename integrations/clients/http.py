"""Talks to HTTP services that a runbook names: bounded in time and size, pinned to one address, in words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from integrations.clients import pinned
from integrations.errors import Problem, Unreachable
from integrations.systems import Systems

TIMEOUT = 10.0  # seconds for a whole answer
LARGEST = 1_000_000  # bytes of an answer


@dataclass(frozen=True)
class Reply:
    """An answer: its status, content type, body, the milliseconds until all of it was here, and its
    headers by their names in small letters."""

    status: int
    kind: str
    body: bytes
    ms: float
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body read as JSON; raises ValueError when it is none."""
        return json.loads(self.body)

    def says(self) -> str:
        """What the service itself says of it, in one line: its ``message`` or ``error``; where it has none,
        only what kind of answer it was and how long. A body is never shown: it may repeat what was sent, or
        hold a token or a person's data."""
        try:
            found = self.json()
        except ValueError:
            found = None
        text = " ".join((_message(found) if isinstance(found, dict) else "").split())[:200]
        kind = self.kind.partition(";")[0].strip() or "no content type"
        return text or f"({kind}, {len(self.body)} bytes, without a message)"


def _message(found: Mapping[str, Any]) -> str:
    """The sentence in an answer's usual places: Nest, Paystack, Flutterwave; OAuth; Stripe, Facebook."""
    error = found.get("error")
    if isinstance(error, dict):
        return _sentence(error.get("message")) or _sentence(error.get("type"))
    return _sentence(found.get("message")) or _sentence(found.get("error_description")) or _sentence(error)


def _sentence(value: Any) -> str:
    """A text, or several of them (Nest lists what a validation found); nothing of any other shape."""
    if isinstance(value, list):
        return "; ".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def address(url: str) -> str:
    """The address without login, query and fragment: fit to be shown, also where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition('://')[0][:20]}://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


class Caller:
    """Asks hosts that are named, and no others.

    Rules for every call: https unless the host is this machine (loopback); no redirect is followed; the
    host is resolved once and exactly that address is asked; no proxy, no .netrc; 10 s, 1 MB.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(host.lower() for host in hosts)

    @classmethod
    def of(cls, systems: Systems) -> Caller:
        """One that may ask every host in the settings of a runbook's systems."""
        return cls(systems.hosts())

    def ask(
        self,
        base: str,
        path: str = "",
        *,
        method: str = "",
        send: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Reply:
        """One question; ``send`` goes as JSON, ``form`` urlencoded, ``body`` as is. Any status is an answer.

        ``method`` is POST when something is sent, else GET. Raises `Unreachable` when no answer comes, and
        `Problem` when the host is not named, is asked without TLS, or the answer is no use (too long).
        """
        url, began = base.rstrip("/") + path, time.monotonic()
        place = self._allowed(url)
        method = method or ("GET" if send is None and form is None and body is None else "POST")
        sent = {"Accept": "application/json", "User-Agent": "cutover", **(headers or {})}
        try:
            with pinned.asking(
                place,
                method,
                url,
                json=send,
                data=body if form is None else form,
                headers=sent,
                timeout=timeout,
                until=began + timeout,
            ) as answer:
                read = _body(answer, url)
                if time.monotonic() >= began + timeout:
                    raise requests.ReadTimeout  # cut, which looks like the end where no length was given
                ms = round((time.monotonic() - began) * 1000, 1)
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status_code, found.get("content-type", ""), read, ms, found)
        except requests.RequestException as error:
            late = time.monotonic() >= began + timeout  # the line was cut: requests says it in many ways
            raise _in_words(url, requests.Timeout() if late else error, timeout) from None

    def _allowed(self, url: str) -> pinned.Place:
        """Where exactly to ask. Raises `Problem` before anything is sent."""
        try:
            parts = urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise _no_address(url)
        if host not in self.hosts:
            raise Problem(
                f"{host} is no host that the runbook names.",
                means="Nothing was sent: the panel asks only what stands under systems: in the runbook.",
                next=f"If {host} is right, name it in a setting of its system; if not, find out who sent us.",
            )
        place = pinned.resolved(parts)
        if parts.scheme == "http" and not place.is_loopback:
            raise Problem(
                f"{host} would be asked without encryption.",
                means="Nothing was sent: passwords and keys would be readable on the way.",
                next="Write its address as https://… under systems:, or in its variable.",
            )
        return place


def ask(base: str, path: str, *, send: Any = None, timeout: float = TIMEOUT) -> Reply:
    """`Caller.ask` of an address that comes from a system itself: its host is named by that."""
    try:
        host = urlsplit(base).hostname or ""
    except ValueError:
        raise _no_address(base) from None
    return Caller([host]).ask(base, path, send=send, timeout=timeout)


def _body(answer: requests.Response, url: str) -> bytes:
    """The body, unless it is too long."""
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
        if pinned.never_connected(error):
            return pinned.silent(where, "Nobody listens there.")
        return Unreachable(
            f"{where} hung up without an answer.",
            means="Something listens there, and it is stopping, overloaded, or speaks another protocol.",
            next="Look at its log; then try again.",
        )
    return _no_address(url, f": {type(error).__name__}")


def _no_address(url: str, why: str = "") -> Problem:
    return Problem(
        f"“{address(url)}” cannot be asked{why}.",
        means="The address is not one, or the answer broke HTTP.",
        next="Write it as https://host[:port] under systems: in the runbook, or in its variable.",
    )
