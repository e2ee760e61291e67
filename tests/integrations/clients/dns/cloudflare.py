"""A stand-in for Cloudflare's API v4, as strict as its documentation: one zone, its records, batches."""

from __future__ import annotations

import itertools
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integrations.sandbox.serving import Answer, Asked, serve
from tests.integrations.clients.dns.servers import ZONE, Settings
from tests.integrations.clients.proxies import answers
from tests.ports import free_port
from tests.waiting import wait_for

ZONE_ID = "0f" * 16


class Cloudflare:
    """``/zones/ID/dns_records`` and ``/batch``; everything needs the token."""

    def __init__(self, token: str) -> None:
        self.token, self.numbers = token, itertools.count(1)
        self.known: dict[str, dict[str, Any]] = {}
        self._keep({"type": "A", "name": f"www.{ZONE}", "content": "192.0.2.1", "ttl": 300, "proxied": False})
        self._keep({"type": "A", "name": f"auto.{ZONE}", "content": "192.0.2.1", "ttl": 1, "proxied": False})
        self._keep({"type": "A", "name": f"hid.{ZONE}", "content": "192.0.2.1", "ttl": 1, "proxied": True})

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return said(403, "Authentication error")
        base = f"/zones/{ZONE_ID}/dns_records"
        if (asked.method, asked.path) == ("GET", base):
            wanted = {"type": asked.query.get("type"), "name": asked.query.get("name")}
            found = [one for one in self.known.values() if all(one[k] == v for k, v in wanted.items() if v)]
            return Answer(200, {"success": True, "errors": [], "result": found})
        if (asked.method, asked.path) == ("POST", f"{base}/batch"):
            return self.batch(asked.json())
        return said(404, "Could not route to the given path")

    def batch(self, given: dict[str, Any]) -> Answer:
        """Deletes before posts; all of it, or nothing."""
        deletes, posts = given.get("deletes", []), given.get("posts", [])
        if any(one["id"] not in self.known for one in deletes):
            return said(404, "Record does not exist.")
        if any(one["ttl"] != 1 and not 60 <= one["ttl"] <= 86_400 for one in posts):
            return said(400, "TTL must be between 60 and 86400 seconds, or 1 for Automatic.")
        for one in deletes:
            del self.known[one["id"]]
        return Answer(
            200, {"success": True, "errors": [], "result": {"posts": [self._keep(p) for p in posts]}}
        )

    def _keep(self, one: dict[str, Any]) -> dict[str, Any]:
        identity = f"{next(self.numbers):032x}"
        self.known[identity] = {"id": identity, **one}
        return self.known[identity]


def said(status: int, message: str) -> Answer:
    return Answer(status, {"success": False, "errors": [{"code": 1000, "message": message}], "result": None})


@contextmanager
def cloudflare() -> Iterator[Settings]:
    """The settings of a system, while the stand-in runs."""
    port, token = free_port(), secrets.token_hex(20)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.integrations.clients.dns.cloudflare"],
        env={**os.environ, "PORT": str(port), "TOKEN": token},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(url))
        settings = {"kind": "dns", "driver": "cloudflare", "zone": ZONE, "url": url}
        yield {**settings, "zone_id": ZONE_ID, "token": token}
    finally:
        child.terminate()
        child.wait(90)


if __name__ == "__main__":
    serve(int(os.environ["PORT"]), Cloudflare(os.environ["TOKEN"]), name="cloudflare")
