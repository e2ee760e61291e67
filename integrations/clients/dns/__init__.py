"""DNS: the record sets of a zone at the service that hosts it, and what its name servers answer."""

from integrations.clients.dns.lookup import authoritative_servers, query_server
from integrations.clients.dns.records import RecordSet
from integrations.clients.dns.zone import Zone, get_zone

__all__ = ["RecordSet", "Zone", "authoritative_servers", "get_zone", "query_server"]
