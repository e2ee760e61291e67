"""Talks to HTTP services that a runbook names, with limits on hosts, addresses, time and size."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from integrations import json_values
from integrations.clients import pinned
from integrations.clients.tls_causes import no_encrypted_connection
from integrations.errors import Problem
from integrations.systems import Systems

TIMEOUT = 10.0  # seconds for a whole response
LARGEST = 1_000_000  # bytes of a body
UNCHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Response:
    """A response with any status.

    ``ms``: milliseconds until all of it was received. ``headers``: by their names in small letters.
    """

    status: int
    content_type: str
    body: bytes
    ms: float
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body parsed as JSON. Raises ValueError when it is none."""
        return json_values.parse_json(self.body)

    def error_text(self) -> str:
        """The service's own message in one line of at most 200 characters: its ``message`` or ``error``.

        Without one: the content type and the length. The body itself is never shown, because it may repeat
        what was sent, or hold a token or a person's data.
        """
        try:
            found = self.json()
        except ValueError:
            found = None
        text = " ".join((_message(found) if isinstance(found, dict) else "").split())[:200]
        kind = self.content_type.partition(";")[0].strip() or "no content type"
        return text or f"({kind}, {len(self.body)} bytes, without a message)"


def _message(found: Mapping[str, Any]) -> str:
    """The message in its usual places: Nest, Paystack, Flutterwave; OAuth; Stripe, Facebook."""
    error = found.get("error")
    if isinstance(error, dict):
        return _sentence(error.get("message")) or _sentence(error.get("type"))
    return _sentence(found.get("message")) or _sentence(found.get("error_description")) or _sentence(error)


def _sentence(value: Any) -> str:
    """A text, or a list of them (Nest lists the findings of a validation); "" for anything else."""
    if isinstance(value, list):
        return "; ".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def display_url(url: str) -> str:
    """A URL without login, query and fragment, fit to be shown; also for a text that is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition('://')[0][:20]}://…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def explain_effect(status: int) -> str:
    """What an answer with this status, no 2xx, means for a change that was asked for.

    Only a status of 4xx says that the service itself refused. A gateway that answers 502 to 504 may have
    passed the request on, and so may have one whose answer is no answer of the service.
    """
    is_refusal = 400 <= status < 500 and status != 408
    return UNCHANGED if is_refusal else "Whether it took the change is not known."


class HttpClient:
    """Sends requests to named hosts, and to no others.

    Rules for every request: https unless the host is this machine (loopback); no redirect is followed; the
    host is resolved once and the connection goes to that address; no proxy and no .netrc; 10 s, 1 MB.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(host.lower() for host in hosts)

    @classmethod
    def of(cls, systems: Systems) -> HttpClient:
        """A client for every host in the settings of a runbook's systems."""
        return cls(systems.hosts())

    def request(
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
        largest: int = LARGEST,
    ) -> Response:
        """One request; ``send`` goes as JSON, ``form`` urlencoded, ``body`` as it is.

        ``method`` is POST when something is sent, else GET. Any status is a response. Raises `Unreachable`
        when none comes within ``timeout`` seconds, and `Problem` when the host is not named, would be asked
        without TLS, or sends more than ``largest`` bytes.
        """
        url, began = base.rstrip("/") + path, time.monotonic()
        host = self._allowed_host(url)
        method = method or ("GET" if send is None and form is None and body is None else "POST")
        sent = {"Accept": "application/json", "User-Agent": "cutover", **(headers or {})}
        try:
            with pinned.open_response(
                host,
                method,
                url,
                json=send,
                data=body if form is None else form,
                headers=sent,
                timeout=timeout,
                until=began + timeout,
            ) as answer:
                return _read_response(answer, url, began, began + timeout, largest)
        except requests.RequestException as error:
            # requests reports a connection that the deadline cut in many ways: the clock decides.
            late = time.monotonic() >= began + timeout
            raise _explained(url, requests.Timeout() if late else error, timeout) from None

    def _allowed_host(self, url: str) -> pinned.ResolvedHost:
        """The host's addresses, checked before anything is sent. Raises `Problem`."""
        try:
            parts = urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("http", "https") or not host:
            raise _invalid_url(url)
        pinned.refuse_unnamed_host(host, self.hosts)
        resolved = self.resolve(host, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        if parts.scheme == "http" and not resolved.is_loopback:
            raise Problem(
                f"{host} would be asked without encryption.",
                means="Nothing was sent: passwords and keys would be readable on the way.",
                next="Write its address as https://… under systems:, or in its variable.",
            )
        return resolved

    def resolve(self, host: str, where: str) -> pinned.ResolvedHost:
        """The addresses that a request of this host goes to. Raises `NotListening`, with ``where`` in it."""
        return pinned.resolve_host(host, where)


def request(base: str, path: str, *, send: Any = None, timeout: float = TIMEOUT) -> Response:
    """`HttpClient.request` to an address that is itself the setting of a system."""
    try:
        host = urlsplit(base).hostname or ""
    except ValueError:
        raise _invalid_url(base) from None
    return HttpClient([host]).request(base, path, send=send, timeout=timeout)


def _read_response(answer: requests.Response, url: str, began: float, until: float, largest: int) -> Response:
    """Reads the whole response; ``began`` and ``until`` are times of the monotonic clock."""
    body = _read_body(answer, url, largest)
    if time.monotonic() >= until:
        # Without a Content-Length a connection that was cut looks like the end of the body.
        raise requests.ReadTimeout
    ms = round((time.monotonic() - began) * 1000, 1)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, headers.get("content-type", ""), body, ms, headers)


def _read_body(answer: requests.Response, url: str, largest: int) -> bytes:
    """The body. Raises `Problem` as soon as it is longer than ``largest``."""
    parts, size = [], 0
    for part in answer.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > largest:
            raise Problem(
                f"{display_url(url)} answers with more than {largest // 1_000_000} MB.",
                means="It was not read to its end: the panel asks for health and a page of rows, no more.",
                next="Check that the address leads to the API, and that its lists are paged.",
            )
    return b"".join(parts)


def _explained(url: str, error: requests.RequestException, timeout: float) -> Problem:
    """The error in sentences. The messages of requests are not repeated: they may hold a password."""
    where = display_url(url)
    if isinstance(error, requests.Timeout):
        return pinned.no_answer_in_time(where, timeout)
    if isinstance(error, requests.exceptions.SSLError):
        return no_encrypted_connection(where, error)
    if isinstance(error, requests.ConnectionError):
        if pinned.never_connected(error):
            return pinned.not_listening(where, "Nobody listens there.")
        return pinned.hung_up(where)
    return _invalid_url(url, f": {type(error).__name__}")


def _invalid_url(url: str, why: str = "") -> Problem:
    return Problem(
        f"“{display_url(url)}” cannot be asked{why}.",
        means="The address is not one, or the answer broke HTTP.",
        next="Write it as https://host[:port] under systems: in the runbook, or in its variable.",
    )
