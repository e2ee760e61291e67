"""Cloudflare by its API v4 (developers.cloudflare.com/api).

A TTL of 1 means “automatic”, which its servers answer as 300 seconds
(developers.cloudflare.com/dns/manage-dns-records/reference/ttl).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrations.clients.dns.records import LARGEST_TTL, RecordSet
from integrations.clients.dns.zone import Zone, change_refused, reading_record, refuse_alias
from integrations.drivers import driver
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer

AUTOMATIC, AUTOMATIC_SECONDS = 1, 300
#: error code → what to do. Cloudflare publishes no complete list; these are what its API is seen to answer.
REMEDIES = {
    7003: "Check zone_id: of the system.",
    9109: "Check token: of the system: it is not valid any more, or for another account.",
    10000: "Check token: of the system; it needs the right Zone.DNS edit for this zone.",
    81053: "Look at the records of this name: a CNAME stands alone. Delete what stands in the way.",
    81054: "Look at the records of this name: a CNAME stands alone. Delete what stands in the way.",
}
STATUS_REMEDIES = {
    401: "Check token: of the system.",
    403: "Check token: (it needs Zone.DNS edit), and zone_id:.",
    429: "Cloudflare limits how often it is asked. Wait five minutes, then start this again.",
}
#: the record to delete is gone, or the one to add is there: somebody else may have been faster
CONFLICTS = frozenset({81044, 81053, 81054, 81057, 81058})
PROXIED = "Cloudflare answers with its own addresses, whatever the record says."


@driver(
    "dns",
    "cloudflare",
    summary="API v4",
    settings={
        "url": "`https://api.cloudflare.com/client/v4`",
        "zone_id": "",
        "token": "may edit the zone's DNS",
    },
    public=("zone_id",),
    addresses=("url",),
)
class Cloudflare(Zone):
    """A zone at Cloudflare."""

    smallest_ttl = 30  # of Enterprise zones; of others 60, which the API says; 1 means automatic
    flattens_apex = True

    def read(self, name: str, kind: str) -> RecordSet:
        """All records of that name and type; the largest of their TTLs as the servers answer it.

        Raises `Problem` when one of them is proxied: then the record does not decide what people get.
        """
        full = self.full_name(name)
        with reading_record(self.where):
            found = self._records(full)
            alias = next((_content(one) for one in found if _type(one) == "CNAME"), "")
            types = {_type(one) for one in found}
            own = [one for one in found if _type(one) == kind]
            ttl = max((_served_ttl(one) for one in own), default=0)
            record_set = RecordSet.of(full, kind, ttl, map(_content, own))
        refuse_alias(full, kind, alias, types)
        return record_set

    def read_types(self, name: str) -> set[str]:
        """Those of the zone's records with this name."""
        with reading_record(self.where):
            return {_type(one) for one in self._records(name)}

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """The single request that `replace` sends."""
        return [f"POST {self._path()}/batch: delete “{before}”, add “{after}”"]

    def explain_ttl(self, name: str, kind: str) -> str:
        """Says that an automatic TTL becomes one in seconds."""
        with reading_record(self.where):
            own = [one for one in self._records(self.full_name(name)) if _type(one) == kind]
            automatic = any(one.at("ttl").whole(1, LARGEST_TTL) == AUTOMATIC for one in own)
        if not automatic:
            return ""
        return (
            f"Its TTL is “automatic” at Cloudflare: the servers answer {AUTOMATIC_SECONDS} s. A change "
            "writes a TTL in seconds instead; set it to automatic again afterwards if you want that."
        )

    def write(self, before: RecordSet, after: RecordSet) -> None:
        """Deletes the old records and adds the new ones in one batch.

        Cloudflare carries a batch out whole or not at all, but knows no precondition. So the records are
        read again just before: a change by somebody else in between is a window of milliseconds.
        """
        with reading_record(self.where):
            records = self._records(before.name)
            found = [one.at("id").text() for one in records if _type(one) == before.kind]
        posts = [
            {"type": after.kind, "name": after.name, "content": value, "ttl": after.ttl, "proxied": False}
            for value in after.values
        ]
        batch = {"deletes": [{"id": each} for each in found], "posts": posts}
        self._request(f"{self._path()}/batch", batch, before=before)

    def _records(self, name: str) -> list[JsonAnswer]:
        """All records of a name. Raises `Problem` when one is proxied, ValueError for no list."""
        result = JsonAnswer(self._request(f"{self._path()}?name={name}&per_page=100"), "result")
        found = [one for one in result.items() if one.at("name").text().lower() == name]
        proxied = [mark for one in found if (mark := one.find("proxied"))]
        if any(mark.flag() for mark in proxied):
            raise Problem(
                f"{name} is proxied at Cloudflare.",
                means=PROXIED,
                next="Switch the origin behind it, or set the record to “DNS only” first.",
            )
        return found

    def _path(self) -> str:
        return f"/zones/{self.system['zone_id']}/dns_records"

    def _request(self, path: str, send: Any = None, *, before: RecordSet | None = None) -> Any:
        """The ``result``. Raises `Problem`; ``before``: the record set that a change would replace."""
        headers = {"Authorization": f"Bearer {self.system['token']}"}
        reply = self.http_client.request(self.system["url"], path, send=send, headers=headers)
        try:
            body = reply.json()
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        if reply.ok and body.get("success") is True:
            return body.get("result")
        errors = list(_list_errors(body.get("errors")))
        said = "; ".join(f"{message} ({code})" for code, message in errors)
        remedy = next((REMEDIES[code] for code, _ in errors if code in REMEDIES), "")
        why = f"{reply.status} {said or reply.error_text()}"
        remedy = remedy or STATUS_REMEDIES.get(reply.status, "Correct what it names, then start this again.")
        if before is not None and {code for code, _ in errors} & CONFLICTS:
            raise self.explain_refusal(before, why, remedy)
        raise change_refused(self.where, why, remedy, status=reply.status if before is not None else 400)


def _type(record: JsonAnswer) -> str:
    return record.at("type").text()


def _content(record: JsonAnswer) -> str:
    return record.at("content").text()


def _served_ttl(record: JsonAnswer) -> int:
    ttl = record.at("ttl").whole(1, LARGEST_TTL)
    return AUTOMATIC_SECONDS if ttl == AUTOMATIC else ttl


def _list_errors(errors: Any) -> Iterator[tuple[int, str]]:
    """Code and message of each error, and of the causes in its ``error_chain``."""
    for one in errors if isinstance(errors, list) else []:
        if isinstance(one, dict):
            yield (one["code"] if isinstance(one.get("code"), int) else 0), str(one.get("message"))
            yield from _list_errors(one.get("error_chain"))
