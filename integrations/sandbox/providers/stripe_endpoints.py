"""Stripe's webhook endpoints in the sandbox: listed page by page, registered, changed and deleted."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.sandbox.private_files import write_private
from integrations.sandbox.serving import Answer, Asked

PATH = "/v1/webhook_endpoints"


class Endpoints:
    """``/v1/webhook_endpoints`` and one of them, kept in ``file`` (if any); the newest is listed first."""

    def __init__(self, file: str = "") -> None:
        self.file = Path(file) if file else None
        kept = self.file.read_text() if self.file and self.file.exists() else "{}"
        self.known: dict[str, dict[str, Any]] = json.loads(kept)
        self.numbers = itertools.count(len(self.known) + 1)

    def __call__(self, asked: Asked) -> Answer | None:
        """The answer; None for another path."""
        if asked.path == PATH:
            return {"GET": self.listed, "POST": self.make}.get(asked.method, _unknown)(asked)
        if not asked.path.startswith(f"{PATH}/"):
            return None
        one = self.known.get(asked.path.rpartition("/")[2])
        if one is None:
            return _refused(404, f"No such webhook endpoint: '{asked.path.rpartition('/')[2]}'")
        if asked.method == "DELETE":
            del self.known[one["id"]]
            self._write()
            return Answer(200, {"id": one["id"], "object": "webhook_endpoint", "deleted": True})
        return self.change(one, asked) if asked.method == "POST" else Answer(200, one)

    def listed(self, asked: Asked) -> Answer:
        """``limit`` (1 to 100, default 10) and ``starting_after``, as Stripe pages."""
        limit, after = asked.query.get("limit", "10"), asked.query.get("starting_after")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            return _refused(400, f"Invalid integer: {limit}")
        names = list(reversed(self.known))
        if after is not None and after not in names:
            return _refused(400, f"No such webhook endpoint: '{after}'")
        rest = names[names.index(after) + 1 :] if after else names
        data = [self.known[name] for name in rest[: int(limit)]]
        return Answer(200, {"object": "list", "url": PATH, "data": data, "has_more": len(rest) > int(limit)})

    def make(self, asked: Asked) -> Answer:
        """An address of http(s), and the events that it takes."""
        events = [
            value for name, value in parse_qsl(asked.body.decode()) if name.startswith("enabled_events[")
        ]
        url = asked.form().get("url", "")
        if not events:
            return _refused(400, "Missing required param: enabled_events.")
        return Answer(200, self._keep(url, events)) if _is_url(url) else _refused(400, "Invalid URL")

    def change(self, one: dict[str, Any], asked: Asked) -> Answer:
        """Its address, or whether it is enabled."""
        form = asked.form()
        if "url" in form and not _is_url(form["url"]):
            return _refused(400, "Invalid URL")
        one["url"] = form.get("url", one["url"])
        if "disabled" in form:
            one["status"] = "disabled" if form["disabled"] == "true" else "enabled"
        self._write()
        return Answer(200, one)

    def _keep(self, url: str, events: list[str]) -> dict[str, Any]:
        identity = next(name for number in self.numbers if (name := f"we_test_{number}") not in self.known)
        self.known[identity] = {
            "id": identity,
            "object": "webhook_endpoint",
            "created": int(time.time()),
            "enabled_events": events,
            "livemode": False,
            "status": "enabled",
            "url": url,
        }
        self._write()
        return self.known[identity]

    def _write(self) -> None:
        if self.file:
            write_private(self.file, json.dumps(self.known))


def _is_url(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)


def _unknown(asked: Asked) -> Answer:
    return _refused(404, f"Unrecognized request URL ({asked.method}: {asked.path})")


def _refused(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"message": message, "type": "invalid_request_error"}})
