"""What one authoritative server knows of a name: its records by type, aliases, wildcards and negative TTL.

`lookup.query_server` refuses what an action must not change. These functions describe it instead, so that
the preflight can say what is there. Nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig

from integrations.clients.dns.lookup import read_address
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.rfc2136 import WRONG_NAME, WRONG_SIGNATURE, Rfc2136
from integrations.clients.dns.zone import Zone
from integrations.errors import Problem, Unreachable

TIMEOUT = 3.0  # seconds for one answer
PROBE_LABEL = "cutover-preflight"  # a label below a name, which no zone has
WILDCARD = "*"


@dataclass(frozen=True)
class NameAnswer:
    """What a server answers for a name and type.

    ``rcode``: NOERROR, NXDOMAIN, REFUSED …; ``is_authoritative``: it answers from the zone itself.
    ``records``: those of the asked type at the name; ``alias``: the target of a CNAME at the name, or "".
    ``negative_ttl``: seconds for which resolvers remember that there is nothing (RFC 2308, 5: the smaller of
    the SOA's TTL and its last field); None where the server did not say.
    """

    server: str
    rcode: str
    is_authoritative: bool
    records: RecordSet
    alias: str = ""
    negative_ttl: int | None = None

    @property
    def exists(self) -> bool:
        """Whether the name has a record of the type, or is an alias."""
        return bool(self.records.values or self.alias)

    def describe(self) -> str:
        """The answer as text, without the server."""
        if not self.is_authoritative:
            return f"{self.rcode}, without authority for the zone"
        if self.alias:
            return f"{self.records.name} {self.records.ttl} CNAME {self.alias}"
        return str(self.records)


def inspect_name(server: str, name: str, kind: str) -> NameAnswer:
    """Asks one server (``address:port``) for a name. Raises `Unreachable`."""
    answer = _ask(server, dns.message.make_query(name, kind))
    owner, wanted = dns.name.from_text(name), dns.rdatatype.from_text(kind)
    records, alias, ttl = RecordSet.of(name, kind, 0, ()), "", 0
    for found in answer.answer:
        if found.name != owner:
            continue  # of the target of an alias
        if found.rdtype == wanted:
            records = RecordSet.of(name, kind, found.ttl, (record.to_text() for record in found))
        elif found.rdtype == dns.rdatatype.CNAME:
            alias, ttl = str(found[0].target).rstrip(".").lower(), found.ttl
    if alias:
        records = records.with_ttl(ttl)
    rcode = dns.rcode.to_text(answer.rcode())
    is_authoritative = bool(answer.flags & dns.flags.AA) and rcode in ("NOERROR", "NXDOMAIN")
    return NameAnswer(server, rcode, is_authoritative, records, alias, _negative_ttl(answer.authority))


def read_serial(server: str, zone: str) -> int | None:
    """The serial number of the zone at a server; None where it does not serve it. Raises `Unreachable`."""
    answer = _ask(server, dns.message.make_query(zone, "SOA"))
    found = (one for one in answer.answer if one.rdtype == dns.rdatatype.SOA)
    return next((int(one[0].serial) for one in found), None)


def read_negative_ttl(server: str, zone: str) -> int | None:
    """The zone's negative TTL by its SOA; None where the server does not serve it. Raises `Unreachable`."""
    answer = _ask(server, dns.message.make_query(zone, "SOA"))
    return _negative_ttl(answer.answer)


def find_wildcard(server: str, name: str, kind: str) -> str:
    """The wildcard whose record a server answers for a name that has none of its own; "" otherwise.

    The same wildcard answers below such a name, too. Below a name that exists it does not (RFC 4592, 2.2.1).
    """
    if not inspect_name(server, f"{PROBE_LABEL}.{name}", kind).exists:
        return ""
    below = f"{WILDCARD}.{name}"
    if not inspect_name(server, f"{PROBE_LABEL}.{below}", kind).exists:
        return ""  # a wildcard below the name, which answered the first query
    parent = dns.name.from_text(name)
    while len(parent.labels) > 2:
        parent = parent.parent()
        wildcard = f"{WILDCARD}.{parent.to_text(omit_final_dot=True)}"
        if inspect_name(server, wildcard, kind).exists:
            return wildcard
    return f"a wildcard above {name}"


def check_login(zone: Zone, name: str, kind: str) -> str:
    """What a read with the zone's login proves, in a sentence. Raises `Problem` when it is refused.

    Of dynamic updates: a query signed with the key, which servers verify as they verify an update
    (RFC 8945, 5.2). Of an API: a read with the token.
    """
    if isinstance(zone, Rfc2136):
        return _check_key(zone)
    zone.read(name, kind)
    return "It accepts the login for reading. Whether the login may change records, only a change tells."


def _check_key(zone: Rfc2136) -> str:
    keyring = zone.keyring()
    if keyring is None:
        return "The system has no key_name:, so updates are sent without a signature."
    question = dns.message.make_query(zone.name, "SOA")
    question.use_tsig(keyring, algorithm=zone.key_algorithm)
    try:
        answer = _exchange(zone.server, question, tcp=True)
    except dns.tsig.PeerBadKey:
        raise _refused_key(zone, "BADKEY", WRONG_NAME) from None
    except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
        raise _refused_key(zone, "BADSIG", WRONG_SIGNATURE) from None
    except KeyError:  # dnspython, for an algorithm that it does not know
        raise _refused_key(zone, "its algorithm is not known", WRONG_SIGNATURE) from None
    except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
        remedy = "Set the clocks of both machines (NTP): five minutes apart are too many."
        raise _refused_key(zone, "BADTIME: our clocks differ too much", remedy) from None
    except dns.exception.FormError:  # for an answer that is not signed
        raise _refused_key(zone, "its answer is not signed", WRONG_NAME) from None
    if not answer.had_tsig:
        raise _refused_key(zone, dns.rcode.to_text(answer.rcode()), WRONG_NAME)
    return "It knows the key and verified our signature. Whether its policy lets it update, only one tells."


def _refused_key(zone: Rfc2136, reason: str, remedy: str) -> Problem:
    return Problem(
        f"{zone.where} does not accept the key: {reason}.",
        means="It would refuse each update, or could not tell who sends it.",
        next=remedy,
    )


def _negative_ttl(section: list[dns.rrset.RRset]) -> int | None:
    found = (one for one in section if one.rdtype == dns.rdatatype.SOA)
    return next((min(int(one.ttl), int(one[0].minimum)) for one in found), None)


def _ask(server: str, question: dns.message.QueryMessage) -> dns.message.Message:
    question.flags &= ~dns.flags.RD  # its own data only: a recursive answer may come from a cache
    return _exchange(server, question)


def _exchange(server: str, question: dns.message.QueryMessage, *, tcp: bool = False) -> dns.message.Message:
    address, number = read_address(server)
    try:
        if tcp:
            return dns.query.tcp(question, address, timeout=TIMEOUT, port=number)
        return dns.query.udp_with_fallback(question, address, timeout=TIMEOUT, port=number)[0]
    except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadTime, dns.exception.FormError):
        raise
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
        raise Unreachable(
            f"The name server {server} does not answer: {type(error).__name__}.",
            means="It is not known which answer resolvers get from it.",
            next="Check servers: of the system, and that UDP and TCP reach its port.",
        ) from None
