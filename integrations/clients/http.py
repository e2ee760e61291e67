"""Asks an HTTP service, without following redirects, within bounds, and never shows a body raw."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from integrations.errors import Problem, Unreachable
from integrations.redact import masked_url

TIMEOUT = (5.0, 10.0)  # seconds to connect, and between two bytes
MOST = 1024 * 1024  # bytes of an answer that are read


@dataclass(frozen=True)
class Answer:
    """A service's answer: status, how long it took in milliseconds, and its JSON when it is JSON."""

    path: str
    status: int
    milliseconds: float
    json: Any
    is_json: bool

    @property
    def ok(self) -> bool:
        """Is it a 2xx that holds JSON?"""
        return 200 <= self.status < 300 and self.is_json

    def message(self) -> str:
        """The service's own words about an error, cut short; only of the usual field of a JSON answer."""
        said = self.json.get("message", "") if isinstance(self.json, dict) else ""
        return str(said)[:200]


class Service:
    """One HTTP service by its base address, such as ``https://api.example.org``."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Problem(
                f"“{masked_url(base)}” is no address of an HTTP service.",
                next="Write it with its scheme, for example https://api.example.org.",
            )
        self.base = base.rstrip("/")
        self.where = parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")

    def get(self, path: str, **headers: str) -> Answer:
        """GET of a path below the base. Raises `Unreachable` in words."""
        return self._ask("GET", path, headers=headers)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        """POST of JSON to a path below the base. Raises `Unreachable` in words."""
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        began = time.monotonic()
        try:
            with requests.request(
                method, self.base + path, timeout=TIMEOUT, allow_redirects=False, stream=True, **options
            ) as response:
                body = response.raw.read(MOST + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(path, error) from error
        took = (time.monotonic() - began) * 1000
        if len(body) > MOST:
            raise Problem(f"{self.where}{path} answered with more than 1 MB.", next="Ask for a smaller page.")
        found, is_json = _parsed(body)
        return Answer(path, response.status_code, round(took, 1), found, is_json)

    def _unreachable(self, path: str, error: Exception) -> Unreachable:
        if isinstance(error, requests.Timeout):
            return Unreachable(
                f"{self.where}{path} did not answer within {TIMEOUT[1]:.0f} seconds.",
                means="It hangs, or something between swallows the question.",
                next="Look at its log and at the load balancer.",
            )
        if isinstance(error, requests.exceptions.SSLError):
            return Unreachable(
                f"{self.where} has a certificate that does not hold.",
                next="Look at its name, its date and its chain before anybody is sent there.",
            )
        return Unreachable(
            f"Nothing answers at {self.where}.",
            means="The service did not start, or the address is wrong.",
            next="Look at its log; a missing provider at boot has happened before.",
        )


def _parsed(body: bytes) -> tuple[Any, bool]:
    try:
        return json.loads(body), True
    except ValueError:
        return None, False
