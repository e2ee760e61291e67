"""Names of tables and columns: from PostgreSQL's parse tree, in quotes and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


def quote_identifier(name: str) -> str:
    """Returns an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Returns a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, order=True)
class TableName:
    """A table by its schema and its name, as PostgreSQL stores them."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """The name for a statement."""
        return f"{quote_identifier(self.schema)}.{quote_identifier(self.name)}"

    def is_called(self, text: str, default_schema: str) -> bool:
        """Whether a person who writes this text means the table: with its schema, or without the default."""
        return text in (f"{self.schema}.{self.name}", self.shorten(default_schema))

    def shorten(self, default_schema: str = "public") -> str:
        """The name as people write it, without the schema that is searched anyway."""
        return self.name if self.schema == default_schema else f"{self.schema}.{self.name}"


def format_table_name(relation: dict[str, Any]) -> str:
    """Returns the quoted name of a ``RangeVar``, with its schema where it gives one."""
    schema = f"{quote_identifier(relation['schemaname'])}." if relation.get("schemaname") else ""
    return schema + quote_identifier(relation["relname"])


def format_dotted_name(parts: list[dict[str, Any]]) -> str:
    """Returns the quoted name in a list of String nodes, e.g. of DROP TABLE."""
    return ".".join(quote_identifier(part["String"]["sval"]) for part in parts)


def unquote_name(table: str) -> str:
    """Returns a quoted name as people write it."""
    return table.replace('"', "")


def read_names(parts: list[dict[str, Any]] | None) -> list[str]:
    """Returns the plain names in a list of String nodes, e.g. the columns of a key."""
    return [part["String"]["sval"] for part in parts or []]


def shorten_name(table: str) -> str:
    """Returns a quoted name as people write it: without quotes, and without the schema public."""
    return unquote_name(table.removeprefix('"public".'))
