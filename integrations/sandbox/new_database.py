"""The new API's way to its database: sessions of a few seconds, and values as Prisma sends them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

Connection = psycopg.Connection[dict[str, Any]]
Row = dict[str, Any]


class ApiDatabase:
    """Asked anew each time: no pool, no cache."""

    def __init__(self, url: str) -> None:
        self.url = url

    def connect(self) -> Connection:
        """A session that gives up a question after five seconds."""
        return psycopg.connect(
            self.url,
            row_factory=dict_row,
            autocommit=True,
            connect_timeout=3,
            application_name="covenant-api",
            options="-c statement_timeout=5000",
        )

    def read(self, query: str, *values: Any) -> list[Row]:
        """All rows of one query."""
        with self.connect() as connection:
            return connection.execute(query, values or None).fetchall()


def utc() -> datetime:
    """Now, as the columns hold it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def without_nulls(given: Row) -> Row:
    """JavaScript sends no field whose value is undefined, which is what the API makes of many NULLs."""
    return {name: value for name, value in given.items() if value is not None}


def number(value: Decimal) -> float | int:
    """A number as JavaScript writes it: 10 and not 10.0."""
    return int(value) if value == value.to_integral_value() else float(value)
