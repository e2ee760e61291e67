"""What is known while a script is read: the live catalog, and what the script itself has done so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.clients.sql_review.catalog import Catalog, Column


@dataclass
class Script:
    """The state of a reading. Names of tables are quoted, as `table_name` makes them.

    ``made`` are tables that the script creates, ``added`` its new columns and whether each has a
    value in every row, ``filled`` the columns it fills and with which statement; a filling is
    *sure* when afterwards no row can be NULL there.
    """

    catalog: Catalog
    made: set[str] = field(default_factory=set)
    added: dict[tuple[str, str], bool] = field(default_factory=dict)
    filled: dict[tuple[str, str], tuple[int, bool]] = field(default_factory=dict)

    def column(self, table: str, name: str) -> Column | None:
        """The live column, unless the script made it."""
        return None if (table, name) in self.added else self.catalog.column(table, name)


def quoted(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def table_name(relation: dict[str, Any]) -> str:
    """The quoted name of a ``RangeVar``, with its schema where it gives one."""
    schema = f"{quoted(relation['schemaname'])}." if relation.get("schemaname") else ""
    return schema + quoted(relation["relname"])


def dotted(parts: list[dict[str, Any]]) -> str:
    """The quoted name in a list of String nodes, e.g. of DROP TABLE."""
    return ".".join(quoted(part["String"]["sval"]) for part in parts)


def bare(table: str) -> str:
    """A quoted name as people write it."""
    return table.replace('"', "")


def names(parts: list[dict[str, Any]] | None) -> list[str]:
    """The plain names in a list of String nodes, e.g. the columns of a key."""
    return [part["String"]["sval"] for part in parts or []]
