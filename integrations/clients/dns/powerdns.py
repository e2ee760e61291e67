"""PowerDNS by its HTTP API (doc.powerdns.com/authoritative/http-api); ``token`` is its API key."""

from __future__ import annotations

from typing import Any

from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, changed_meanwhile, refused
from integrations.clients.http import Reply


class PowerDNS(Zone):
    """``url`` leads to the server, without /api."""

    def read(self, name: str, kind: str) -> RecordSet:
        """The one set of the zone's."""
        full = self.absolute(name)
        reply = self._asked(f"?rrset_name={full}.&rrset_type={kind}")
        for found in reply.json().get("rrsets", []):
            if (found["name"].rstrip(".").lower(), found["type"]) == (full, kind):
                values = (one["content"] for one in found["records"] if not one["disabled"])
                return RecordSet.of(full, kind, int(found["ttl"]), values)
        return RecordSet.of(full, kind, 0, ())

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The request."""
        return [f"PATCH {self._path()}: {'REPLACE' if after.values else 'DELETE'} {after}"]

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """PowerDNS has no condition: the set is read again just before."""
        if self.read(before.name, before.kind) != before:
            raise changed_meanwhile(self.where, before)
        change: dict[str, Any] = {"name": f"{after.name}.", "type": after.kind, "changetype": "DELETE"}
        if after.values:
            records = [{"content": value, "disabled": False} for value in after.written()]
            change |= {"changetype": "REPLACE", "ttl": after.ttl, "records": records}
        self._asked("", {"rrsets": [change]})

    def _path(self) -> str:
        return f"/api/v1/servers/localhost/zones/{self.name}."

    def _asked(self, query: str, send: Any = None) -> Reply:
        method = "GET" if send is None else "PATCH"
        headers = {"X-API-Key": self.system["token"]}
        reply = self.caller.ask(
            self.system["url"], self._path() + query, method=method, send=send, headers=headers
        )
        if reply.status == 401:
            raise refused(self.where, "the API key (401).", "Check token: against api-key of the server.")
        if not reply.ok:
            said = f"{reply.status} {reply.says()}"
            raise refused(self.where, said, "Correct what it names; the zone is named by zone:.")
        return reply
