"""The old application's one session at its database, kept over requests as its pool does."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Json

Row = dict[str, Any]


def now() -> datetime:
    """As Python's default in the old models writes it: UTC, microseconds, no zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class LegacyDatabase:
    """Raises `psycopg.Error`. A session that was ended is noticed by the request that meets it; the next
    request opens another."""

    def __init__(self, url: str) -> None:
        self.url, self.lock = url, threading.Lock()
        self.connection: psycopg.Connection[Row] | None = None

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a query."""
        with self.lock:
            try:
                return self._connected().execute(query.encode(), values).fetchall()
            except psycopg.OperationalError:
                self._close()
                raise

    def insert(self, table: str, row: Row) -> int:
        """Writes a row in a transaction of its own; returns its id."""
        names = [sql.Identifier(name) for name in row]
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(names),
            sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        )
        return int(self._write(query, row)[0]["id"])

    def update(self, table: str, key: int, row: Row) -> None:
        """Changes columns of one row in a transaction of its own."""
        parts = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in row]
        query = sql.SQL("UPDATE {} SET {} WHERE id = {} RETURNING id").format(
            sql.Identifier(table), sql.SQL(", ").join(parts), sql.Literal(key)
        )
        self._write(query, row)

    def _write(self, query: sql.Composed, row: Row) -> list[Row]:
        values = [Json(value) if isinstance(value, dict | list) else value for value in row.values()]
        with self.lock:
            try:
                return self._connected().execute(query, values).fetchall()
            except psycopg.OperationalError:
                self._close()
                raise

    def _connected(self) -> psycopg.Connection[Row]:
        if self.connection is None:
            self.connection = psycopg.connect(
                self.url,
                autocommit=True,
                connect_timeout=3,
                application_name="covenant-flask",
                row_factory=dict_row,
                prepare_threshold=None,  # as the old driver: a migration changes the results under it
                options="-c statement_timeout=5000",
            )
        return self.connection

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None
