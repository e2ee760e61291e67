"""What the database has now: asked once a table, so that a review can tell change from no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from integrations.clients.sql_review.column_types import ColumnType, from_catalog


@dataclass(frozen=True)
class Column:
    """A column as it is now; ``generated`` when its values are the server's own."""

    type: ColumnType
    not_null: bool


class Catalog:
    """Tables and columns of the connected database; without a connection it knows nothing."""

    def __init__(self, conn: psycopg.Connection[Any] | None = None) -> None:
        self.conn = conn
        self._tables: dict[str, dict[str, Column] | None] = {}
        self._volatile: dict[str, bool] = {}

    @property
    def knows(self) -> bool:
        """Whether there is a database to ask."""
        return self.conn is not None

    def columns(self, table: str) -> dict[str, Column] | None:
        """The columns of a quoted table name; None when it does not exist (or nobody to ask)."""
        if table not in self._tables:
            self._tables[table] = self._look(table)
        return self._tables[table]

    def column(self, table: str, name: str) -> Column | None:
        """One column as it is now."""
        return (self.columns(table) or {}).get(name)

    def _look(self, table: str) -> dict[str, Column] | None:
        if self.conn is None:
            return None
        rows = self.conn.execute(
            "SELECT a.attname, t.typname, a.atttypmod, a.attnotnull FROM pg_attribute a "
            "JOIN pg_type t ON t.oid = a.atttypid "
            "WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped",
            [table],
        ).fetchall()
        return {name: Column(from_catalog(kind, mod), fixed) for name, kind, mod, fixed in rows} or None

    def is_volatile(self, function: str) -> bool:
        """Whether a function may give each row another value; unknown ones are taken to."""
        if function not in self._volatile:
            self._volatile[function] = self._ask_volatile(function)
        return self._volatile[function]

    def _ask_volatile(self, function: str) -> bool:
        if self.conn is None:
            return function not in {"now", "transaction_timestamp", "statement_timestamp"}
        row = self.conn.execute(
            "SELECT coalesce(bool_or(provolatile = 'v'), true) FROM pg_proc WHERE proname = %s", [function]
        ).fetchone()
        return bool(row and row[0])
