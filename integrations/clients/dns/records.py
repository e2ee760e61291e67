"""A record set: all values of one name and type, with their TTL."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict

from integrations.clients.dns.names import normal_name

LARGEST_TTL = 2**31 - 1  # seconds (RFC 2181, 8)
NAME_TYPES = frozenset({"CNAME", "NS", "MX"})  # types whose values are names


class RecordFacts(TypedDict):
    """A record set as evidence holds it: ``ttl`` in seconds."""

    name: str
    kind: str
    ttl: int
    values: list[str]


@dataclass(frozen=True)
class RecordSet:
    """``name`` without its final dot, ``kind`` (A, AAAA, CNAME), ``ttl`` in seconds, sorted ``values``.

    A set without values does not exist at the service.
    """

    name: str
    kind: str
    ttl: int
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, kind: str, ttl: int, values: Iterable[str]) -> RecordSet:
        """A record set in normal form: names in A-labels and small letters, without final dots; addresses in
        their shortest form; values in order, each once."""
        plain = {_normal_value(kind, value.strip()) for value in values}
        return cls(_normal_name(name), kind, ttl, tuple(sorted(plain)))

    @classmethod
    def of_facts(cls, facts: RecordFacts) -> RecordSet:
        """The inverse of `as_facts`."""
        return cls.of(facts["name"], facts["kind"], int(facts["ttl"]), facts["values"])

    def as_facts(self) -> RecordFacts:
        """The set as JSON values, for evidence."""
        return {"name": self.name, "kind": self.kind, "ttl": self.ttl, "values": list(self.values)}

    def with_ttl(self, ttl: int) -> RecordSet:
        """The same values with another TTL."""
        return RecordSet(self.name, self.kind, ttl, self.values)

    def zone_file_values(self) -> list[str]:
        """The values as a zone file has them: names with their final dot."""
        return [f"{value}." if self.kind in NAME_TYPES else value for value in self.values]

    def __str__(self) -> str:
        if not self.values:
            return f"{self.name} has no {self.kind}"
        return f"{self.name} {self.ttl} {self.kind} {' '.join(self.values)}"


def _normal_value(kind: str, value: str) -> str:
    if kind in NAME_TYPES:
        return _normal_name(value)
    if kind in ("A", "AAAA"):
        with suppress(ValueError):  # what is no address stays as it is, so that a message can show it
            return str(ipaddress.ip_address(value))
    return value


def _normal_name(name: str) -> str:
    try:
        return normal_name(name)
    except ValueError:  # a name that somebody else made; it stays as it is, so that a message can show it
        return name.rstrip(".").lower()
