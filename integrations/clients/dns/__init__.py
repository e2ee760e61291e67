"""A zone at whoever serves it (RFC 2136, PowerDNS, Cloudflare, Route 53), and what its servers answer."""

from integrations.clients.dns.asking import answers_of, authoritative
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, zone_of

__all__ = ["RecordSet", "Zone", "answers_of", "authoritative", "zone_of"]
