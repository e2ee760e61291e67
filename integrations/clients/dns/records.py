"""A record set: all values of one name and type, with their time to live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NAMES = frozenset({"CNAME", "NS", "MX"})  # types whose values are names


@dataclass(frozen=True)
class RecordSet:
    """``name`` without its last dot, ``kind`` (A, AAAA, CNAME), ``ttl`` in seconds, sorted ``values``.

    No values: the set does not exist.
    """

    name: str
    kind: str
    ttl: int
    values: tuple[str, ...]

    @classmethod
    def of(cls, name: str, kind: str, ttl: int, values: Iterable[str]) -> RecordSet:
        """Whatever case and dots it was written with."""
        plain = (value.strip().rstrip(".").lower() if kind in NAMES else value.strip() for value in values)
        return cls(name.rstrip(".").lower(), kind, ttl, tuple(sorted(plain)))

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> RecordSet:
        """What `as_facts` gave."""
        return cls.of(facts["name"], facts["kind"], int(facts["ttl"]), facts["values"])

    def as_facts(self) -> dict[str, Any]:
        """JSON."""
        return {"name": self.name, "kind": self.kind, "ttl": self.ttl, "values": list(self.values)}

    def with_ttl(self, ttl: int) -> RecordSet:
        """The same values for another time."""
        return RecordSet(self.name, self.kind, ttl, self.values)

    def same_values(self, other: RecordSet) -> bool:
        """Whether both lead to the same places, whatever their TTL."""
        return (self.name, self.kind, self.values) == (other.name, other.kind, other.values)

    def written(self) -> list[str]:
        """The values as DNS writes them: names with their last dot."""
        return [f"{value}." if self.kind in NAMES else value for value in self.values]

    def __str__(self) -> str:
        if not self.values:
            return f"{self.name} has no {self.kind}"
        return f"{self.name} {self.ttl} {self.kind} {' '.join(self.values)}"
