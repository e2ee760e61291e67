"""Asks authoritative name servers over DNS itself, one by one: what the world will be told."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from integrations.clients.dns.records import RecordSet
from integrations.errors import Problem, Unreachable
from integrations.systems import System

TIMEOUT = 3.0  # seconds for one answer


def authoritative(system: System) -> list[str]:
    """Every authoritative server of the zone as ``address:port``: those of ``servers:``, or the zone's NS.

    Raises `Problem` when none can be found.
    """
    named = system.get("servers").replace(",", " ").split()
    if named:
        return [one if _has_port(one) else f"{one}:53" for one in named]
    try:
        hosts = [str(record.target) for record in dns.resolver.resolve(system["zone"], "NS")]
        found = [address for host in hosts for address in _addresses(host)]
    except dns.exception.DNSException as error:
        raise Problem(
            f"The name servers of {system['zone']} cannot be found: {type(error).__name__}.",
            means="Nobody can tell what the world is told.",
            next="Name them under servers: of the system, as address or address:port.",
        ) from None
    return [f"{address}:53" for address in sorted(set(found))]


def _addresses(host: str) -> list[str]:
    """All of IPv4; those of IPv6, in brackets, for a server that has no other."""
    try:
        return [str(one) for one in dns.resolver.resolve(host, "A")]
    except dns.resolver.NoAnswer:
        return [f"[{one}]" for one in dns.resolver.resolve(host, "AAAA")]


def _has_port(text: str) -> bool:
    return text.count(":") == 1 or "]:" in text


def answers_of(server: str, name: str, kind: str) -> RecordSet:
    """What one server answers. Raises `Unreachable`, or `Problem` when it is not authoritative."""
    host, _, port = server.rpartition(":")
    question = dns.message.make_query(name, kind)
    question.flags &= ~dns.flags.RD  # we want its own knowledge, nobody else's
    try:
        answer, _ = dns.query.udp_with_fallback(question, host.strip("[]"), timeout=TIMEOUT, port=int(port))
    except (dns.exception.DNSException, OSError) as error:
        raise Unreachable(
            f"The name server {server} does not answer: {type(error).__name__}.",
            means="What it tells the world is not known.",
            next="Check servers: of the system, and that UDP and TCP reach its port.",
        ) from None
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
        raise Problem(
            f"{server} is not authoritative for {name} ({dns.rcode.to_text(answer.rcode())}).",
            means="What it answers is nothing to rely on.",
            next="Name the zone's own servers under servers: of the system.",
        )
    for found in answer.answer:
        if found.rdtype == dns.rdatatype.from_text(kind):
            return RecordSet.of(name, kind, found.ttl, (record.to_text() for record in found))
    return RecordSet.of(name, kind, 0, ())
