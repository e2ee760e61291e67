"""Changes of the structure that somebody announced and reviewed: they are expected, and counted apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ANY = "*"


@dataclass(frozen=True)
class AnnouncedChange:
    """An object that a reviewed script creates, changes or drops.

    ``kind`` is the name of a kind of objects, or ``*`` for everything of a table. ``table`` is a label, or
    ``*`` where the statement does not name it. ``name`` is ``*`` for everything of the table.
    """

    kind: str
    table: str
    name: str = ANY

    def matches(self, kind: str, table: str, name: str) -> bool:
        """Whether it announces this object."""
        pairs = ((self.kind, kind), (self.table, table), (self.name, name))
        return all(wanted in (ANY, found) for wanted, found in pairs)

    def as_facts(self) -> dict[str, str]:
        """JSON values that `parse_announced` reads."""
        return asdict(self)


def parse_announced(given: Iterable[Any]) -> tuple[AnnouncedChange, ...]:
    """Changes from a list of ``{kind, table, name}``; raises ValueError that names the entry."""
    found = []
    for number, one in enumerate(given, 1):
        is_valid = isinstance(one, Mapping) and {"kind", "table"} <= set(one) <= {"kind", "table", "name"}
        if not is_valid or not all(isinstance(value, str) and value for value in one.values()):
            raise ValueError(
                f"announced change {number} must look like {{kind: indexes, table: users, name: ix}}"
            )
        found.append(AnnouncedChange(**one))
    return tuple(found)
