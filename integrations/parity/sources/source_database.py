"""What a comparison needs of a source of another kind, and how one is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from integrations.parity.errors import ParityError
from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.mariadb_address import kind_of_address
from integrations.parity.sources.mariadb_database import MariaDbDatabase
from integrations.parity.sources.source_tables import Adjustment, MatchedTable, SourceColumn, SourceTable
from integrations.parity.sources.sqlite_database import SqliteDatabase
from integrations.parity.sources.table_diff import TableReader


class SourceDatabase(Protocol):
    """A snapshot of a database; use with ``with``. All of it raises `ServerUnreachable` when it is lost."""

    @property
    def address(self) -> str:
        """Without secrets."""

    @property
    def name(self) -> str:
        """The name of the database, which may be that of a schema of the target."""

    @property
    def engine(self) -> str:
        """What it is, and what this was tested with."""

    @property
    def caution(self) -> str:
        """What is not known of this server, because tests never ran with it; empty otherwise."""

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""

    def __enter__(self) -> SourceDatabase:
        """Takes the snapshot."""

    def __exit__(self, *error: object) -> None:
        """Ends it."""

    def read_tables(self, views: Collection[str]) -> list[SourceTable]:
        """Every table, and the views that are named."""

    def match_column(
        self, source: SourceColumn, target: CatalogColumn
    ) -> tuple[str, tuple[Adjustment, ...], str]:
        """The form of two columns (empty: none), what follows from their types, and a note."""

    def reader(self, match: MatchedTable) -> TableReader:
        """Reads one table. Its calls raise `SourceChanged` where the table cannot be read."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Locks of a table end with the block."""

    def require_same(self, table: SourceTable) -> None:
        """Raises `SourceChanged` when DDL changed the table since the beginning."""

    def count_objects(self) -> Mapping[str, int | None]:
        """Kind → number of objects beside the rows."""

    def read_next_numbers(self) -> dict[tuple[str, str], int]:
        """Table and column → the next number that it would get."""

    def find_standby(self) -> str:
        """Why the source may lack what its primary has; empty where it is none, or where we may not know."""

    def renew(self) -> None:
        """Takes a snapshot of the present."""

    def cancel(self) -> None:
        """Ends the query that runs; safe from any thread."""


def open_source(url: str, longest: int) -> SourceDatabase:
    """The database of an address of another kind, not opened yet. Raises `ParityError`."""
    if kind_of_address(url) == "mariadb":
        return MariaDbDatabase(url, longest)
    if kind_of_address(url) == "sqlite":
        return SqliteDatabase(url)
    raise ParityError(
        "The address of the source is of no known kind: mysql://, mariadb:// and sqlite:/// are."
    )
