"""Queries the authoritative name servers of a zone one by one, so that no resolver's cache answers."""

from __future__ import annotations

import socket

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from integrations.clients.dns.records import RecordSet
from integrations.errors import Problem, Unreachable
from integrations.systems import System

TIMEOUT = 3.0  # seconds for one answer
COMMON_TYPES = ("A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "CAA")  # that stand beside each other


class NameIsAlias(Problem):
    """A name is a CNAME, and another type was asked for."""


def authoritative_servers(system: System) -> list[str]:
    """Every authoritative server of the zone as ``address:port``: those of ``servers:``, or the zone's NS.

    Raises `Problem` when none can be found.
    """
    named = system.get("servers").replace(",", " ").split()
    if named:
        return [with_port(one) for one in named]
    try:
        hosts = [str(record.target) for record in dns.resolver.resolve(system["zone"], "NS")]
        found = [address for host in hosts for address in _addresses(host)]
    except dns.exception.DNSException as error:
        raise Problem(
            f"The name servers of {system['zone']} cannot be found: {type(error).__name__}.",
            means="It is not known which answers resolvers get.",
            next="Name them under servers: of the system, as address or address:port.",
        ) from None
    return [f"{address}:53" for address in sorted(set(found))]


def _addresses(host: str) -> list[str]:
    """The IPv4 addresses; for a host without any, its IPv6 addresses in brackets."""
    try:
        return [str(one) for one in dns.resolver.resolve(host, "A")]
    except dns.resolver.NoAnswer:
        return [f"[{one}]" for one in dns.resolver.resolve(host, "AAAA")]


def with_port(server: str) -> str:
    """The server as ``address:port``, with port 53 where none is given."""
    if _has_port(server):
        return server
    return f"[{server}]:53" if ":" in server and not server.startswith("[") else f"{server}:53"


def _has_port(text: str) -> bool:
    return text.count(":") == 1 or "]:" in text


def read_address(server: str) -> tuple[str, int]:
    """The IP address and port of a server, ``address:port``, ``[address]:port`` or ``name:port``.

    A name is resolved, as the system's settings may have one. Raises `Problem`.
    """
    host, _, port = server.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    except (ValueError, OSError) as error:
        raise Problem(
            f"“{server}” is no name server: {error}.",
            means="It cannot be asked.",
            next="Write it as address:port in the system's settings, an IPv6 address in brackets.",
        ) from None
    return str(found[0][4][0]), int(port)


def query_server(server: str, name: str, kind: str) -> RecordSet:
    """The record set as one server (``address:port``) answers it; empty where it has none.

    Raises `Unreachable`, or `Problem` when the server is not authoritative for the name.
    """
    host, port = read_address(server)
    question = dns.message.make_query(name, kind)
    question.flags &= ~dns.flags.RD  # its own data only: a recursive answer may come from a cache
    try:
        answer, _ = dns.query.udp_with_fallback(question, host, timeout=TIMEOUT, port=port)
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
        raise Unreachable(
            f"The name server {server} does not answer: {type(error).__name__}.",
            means="It is not known which answer resolvers get from it.",
            next="Check servers: of the system, and that UDP and TCP reach its port.",
        ) from None
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not answer.flags & dns.flags.AA:
        raise Problem(
            f"{server} is not authoritative for {name} ({dns.rcode.to_text(answer.rcode())}).",
            means="Its answer may be outdated or come from a cache.",
            next="Name the zone's own servers under servers: of the system.",
        )
    owner = dns.name.from_text(name)
    for found in answer.answer:
        if found.rdtype == dns.rdatatype.DNAME and found.name != owner:
            above, target = (one.to_text(omit_final_dot=True) for one in (found.name, found[0].target))
            raise _dname_above(name, above, target)
    for found in answer.answer:
        if found.name != owner:
            continue  # the target of an alias, which has a TTL and an owner of its own
        if found.rdtype == dns.rdatatype.CNAME and kind != "CNAME":
            raise name_is_alias(name, str(found[0].target).rstrip("."), kind)
        if found.rdtype == dns.rdatatype.from_text(kind):
            return RecordSet.of(name, kind, found.ttl, (record.to_text() for record in found))
    return RecordSet.of(name, kind, 0, ())


def query_types(server: str, name: str) -> set[str]:
    """Which of the `COMMON_TYPES` a server has at a name. Raises as `query_server`."""
    found = set()
    for kind in COMMON_TYPES:
        try:
            found |= {kind} if query_server(server, name, kind).values else set()
        except NameIsAlias:
            found.add("CNAME")
    return found


def _dname_above(name: str, above: str, target: str) -> Problem:
    return Problem(
        f"{name} has no record of its own: {above} is a DNAME to {target}.",
        means=f"Every name below {above} is answered from below {target} (RFC 6672).",
        next=f"Change the record below {target}, in its zone.",
    )


def name_is_alias(name: str, target: str, kind: str) -> Problem:
    """The error for a name that is a CNAME, where another type was asked for."""
    return NameIsAlias(
        f"{name} is a CNAME to {target}, and no {kind}.",
        means=f"Its own TTL and target decide, not those of {target}.",
        next=f"Set type: CNAME in the item to change {name} itself, or name the record {target}.",
    )
