"""Cloudflare by its API v4 (developers.cloudflare.com/api); ``token`` may edit the zone's DNS."""

from __future__ import annotations

from typing import Any

from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, changed_meanwhile, refused
from integrations.errors import Problem

PROXIED = "Cloudflare stands in front of it: people get Cloudflare's addresses, whatever the record says."


class Cloudflare(Zone):
    """``zone_id`` is the zone's; ``url`` the API (https://api.cloudflare.com/client/v4)."""

    def read(self, name: str, kind: str) -> RecordSet:
        """All records of that name and type. Raises `Problem` for one that is proxied."""
        full = self.absolute(name)
        found = self._found(full, kind)
        ttl = min((int(one["ttl"]) for one in found), default=0)
        return RecordSet.of(full, kind, ttl, (one["content"] for one in found))

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The one request."""
        return [f"POST {self._path()}/batch: delete “{before}”, add “{after}”"]

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """In one batch, which is carried out whole or not at all; read again just before."""
        found = self._found(before.name, before.kind)
        if self.read(before.name, before.kind) != before:
            raise changed_meanwhile(self.where, before)
        posts = [
            {"type": after.kind, "name": after.name, "content": value, "ttl": after.ttl, "proxied": False}
            for value in after.values
        ]
        self._asked(
            f"{self._path()}/batch", {"deletes": [{"id": one["id"]} for one in found], "posts": posts}
        )

    def _found(self, name: str, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._asked(f"{self._path()}?type={kind}&name={name}&per_page=100")
        if any(one.get("proxied") for one in found):
            raise Problem(
                f"{name} is proxied at Cloudflare.",
                means=PROXIED,
                next="Switch the origin behind it, or set the record to “DNS only” first.",
            )
        return found

    def _path(self) -> str:
        return f"/zones/{self.system['zone_id']}/dns_records"

    def _asked(self, path: str, send: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.system['token']}"}
        reply = self.caller.ask(self.system["url"], path, send=send, headers=headers)
        try:
            body = reply.json()
        except ValueError:
            body = {}
        if reply.ok and body.get("success"):
            return body.get("result")
        errors = "; ".join(str(error.get("message")) for error in body.get("errors", []))
        remedy = "Check token: (it needs Zone.DNS edit), and zone_id:."
        raise refused(self.where, f"{reply.status} {errors or reply.says()}", remedy)
