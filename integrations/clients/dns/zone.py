"""What every name service can do here, and which one a system is."""

from __future__ import annotations

from integrations.clients.dns.asking import authoritative
from integrations.clients.dns.records import RecordSet
from integrations.clients.http import Caller
from integrations.errors import Problem
from integrations.systems import System, Systems


class Zone:
    """One zone at the service that its owner changes it at."""

    def __init__(self, system: System, caller: Caller) -> None:
        self.system, self.caller = system, caller

    @property
    def name(self) -> str:
        """Of the zone, without its last dot."""
        return self.system["zone"].rstrip(".").lower()

    @property
    def where(self) -> str:
        """For people and as a resource, without secrets."""
        return f"{self.system.driver()}:{self.name}"

    def absolute(self, name: str) -> str:
        """A name of the zone in full: “www”, “@” and “www.example.org” are all understood."""
        plain = name.rstrip(".").lower()
        if plain in ("@", "", self.name):
            return self.name
        return plain if plain.endswith(f".{self.name}") else f"{plain}.{self.name}"

    def servers(self) -> list[str]:
        """Every authoritative server."""
        return authoritative(self.system)

    def read(self, name: str, kind: str) -> RecordSet:
        """The record set as the service has it now. Raises `Problem`."""
        raise NotImplementedError

    def replace(self, before: RecordSet, after: RecordSet) -> None:
        """Writes ``after`` where ``before`` stands. Raises `Problem` when something else stands there."""
        raise NotImplementedError

    def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
        """What `replace` sends, in words for a preview."""
        raise NotImplementedError


def changed_meanwhile(where: str, before: RecordSet) -> Problem:
    """Somebody else changed the set between our reading and our writing."""
    return Problem(
        f"{where} no longer says “{before}”.",
        means="Somebody else changed it just now; nothing was written.",
        next="Find out who it was, look at the record, then start this again.",
    )


def refused(where: str, why: str, remedy: str) -> Problem:
    """The service did not take the change."""
    return Problem(f"{where} refused: {why}", means="Nothing was changed.", next=remedy)


def zone_of(system: System, systems: Systems) -> Zone:
    """The name service behind a system of kind ``dns``. Raises `Problem`."""
    from integrations.clients.dns import cloudflare, powerdns, rfc2136, route53

    drivers: dict[str, type[Zone]] = {
        "rfc2136": rfc2136.Rfc2136,
        "powerdns": powerdns.PowerDNS,
        "cloudflare": cloudflare.Cloudflare,
        "route53": route53.Route53,
    }
    return drivers[system.driver()](system, Caller.of(systems))
