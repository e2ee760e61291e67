"""PowerDNS by its HTTP API (doc.powerdns.com/authoritative/http-api)."""

from __future__ import annotations

from typing import Any

from integrations.clients.dns.names import normal_name
from integrations.clients.dns.records import LARGEST_TTL, RecordSet
from integrations.clients.dns.zone import Zone, change_refused, reading_record, refuse_alias
from integrations.clients.http import Response
from integrations.drivers import driver
from integrations.json_answer import JsonAnswer

#: status → what to do (doc.powerdns.com/authoritative/http-api/zone.html)
REMEDIES = {
    401: "Check token: against api-key of the server.",
    404: "Check zone: of the system; the server has no such zone.",
    422: "Correct what it names: another record of this name, or a value that the type cannot have.",
}


@driver(
    "dns",
    "powerdns",
    summary="its HTTP API",
    settings={"url": "the server, without `/api`", "token": "its API key"},
    addresses=("url",),
)
class PowerDNS(Zone):
    """A zone of a PowerDNS server."""

    def read(self, name: str, kind: str) -> RecordSet:
        """The record set, without records that are disabled."""
        full = self.full_name(name)
        with reading_record(self.where):
            sets = self._record_sets(full)
            alias = next(iter(sets["CNAME"].values)) if "CNAME" in sets else ""
        refuse_alias(full, kind, alias, sets)
        return sets.get(kind) or RecordSet.of(full, kind, 0, ())

    def read_types(self, name: str) -> set[str]:
        """Those of the zone's record sets with this name."""
        with reading_record(self.where):
            return set(self._record_sets(name))

    def _record_sets(self, full: str) -> dict[str, RecordSet]:
        """Type → record set of one name; sets whose records are all disabled are not served."""
        found = {}
        for one in JsonAnswer(self._request(f"?rrset_name={full}.").json()).at("rrsets").items():
            if normal_name(one.at("name").text()) == full:
                kind, records = one.at("type").text(), one.at("records").items()
                values = [each.at("content").text() for each in records if not _is_disabled(each)]
                found[kind] = RecordSet.of(full, kind, one.at("ttl").whole(0, LARGEST_TTL), values)
        return {kind: each for kind, each in found.items() if each.values}

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The single request that `replace` sends."""
        return [f"PATCH {self._path()}: {'REPLACE' if after.values else 'DELETE'} {after}"]

    def write(self, before: RecordSet, after: RecordSet) -> None:
        """Replaces the whole set. PowerDNS knows no precondition, so the set is read again just before."""
        change: dict[str, Any] = {"name": f"{after.name}.", "type": after.kind, "changetype": "DELETE"}
        if after.values:
            records = [{"content": value, "disabled": False} for value in after.zone_file_values()]
            change |= {"changetype": "REPLACE", "ttl": after.ttl, "records": records}
        self._request("", {"rrsets": [change]})

    def _path(self) -> str:
        return f"/api/v1/servers/localhost/zones/{self.name}."

    def _request(self, query: str, send: Any = None) -> Response:
        method = "GET" if send is None else "PATCH"
        headers = {"X-API-Key": self.system["token"]}
        reply = self.http_client.request(
            self.system["url"], self._path() + query, method=method, send=send, headers=headers
        )
        if not reply.ok:
            remedy = REMEDIES.get(reply.status, "Correct what it names; look into its log.")
            reason = "the API key (401)." if reply.status == 401 else f"{reply.status} {reply.error_text()}"
            raise change_refused(self.where, reason, remedy, status=reply.status if send else 400)
        return reply


def _is_disabled(record: JsonAnswer) -> bool:
    disabled = record.find("disabled")
    return disabled.flag() if disabled else False
