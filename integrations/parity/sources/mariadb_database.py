"""A MariaDB or MySQL database as the source of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager

from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.mariadb_address import MariaDbAddress
from integrations.parity.sources.mariadb_catalog import (
    count_source_objects,
    read_auto_increments,
    read_source_tables,
    require_same_table,
)
from integrations.parity.sources.mariadb_forms import choose_common_form, describe_types, follow_from_types
from integrations.parity.sources.mariadb_reader import MariaDbReader
from integrations.parity.sources.mariadb_session import MariaDbSnapshot
from integrations.parity.sources.source_tables import Adjustment, MatchedTable, SourceColumn, SourceTable

TESTED = "tested with MariaDB 10.11"


class MariaDbDatabase:
    """Opens a snapshot; use with ``with``. ``longest`` is the limit of one statement, in seconds."""

    def __init__(self, url: str, longest: int) -> None:
        self.snapshot = MariaDbSnapshot(MariaDbAddress.parse(url), longest)

    def __enter__(self) -> MariaDbDatabase:
        self.snapshot.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.snapshot.__exit__(*error)

    @property
    def address(self) -> str:
        """Without secrets."""
        return str(self.snapshot.address)

    @property
    def name(self) -> str:
        """The name of the database, which may be that of a schema of the target."""
        return self.snapshot.address.database

    @property
    def engine(self) -> str:
        """What it is, and what this was tested with."""
        kind = "MariaDB" if self.snapshot.is_mariadb else "MySQL"
        return f"{kind} {self.snapshot.version.partition('-')[0]} ({TESTED})"

    @property
    def caution(self) -> str:
        """What is not known of this server, because tests never ran with it; empty otherwise."""
        if self.snapshot.is_mariadb:
            return ""
        return f"the source is MySQL {self.snapshot.version}, and the comparison was only {TESTED}"

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""
        return self.snapshot.age

    def read_tables(self, views: Collection[str]) -> list[SourceTable]:
        """Every table, and the views that are named."""
        return read_source_tables(self.snapshot, views)

    def match_column(
        self, source: SourceColumn, target: CatalogColumn
    ) -> tuple[str, tuple[Adjustment, ...], str]:
        """The form of two columns (empty: none), what follows from their types, and a note."""
        form = choose_common_form(source, target)
        if not form:
            return "", (), ""
        return form, follow_from_types(source, target, form), describe_types(source, target, form)

    def reader(self, match: MatchedTable) -> MariaDbReader:
        """Reads one table."""
        return MariaDbReader(self.snapshot, match)

    def savepoint(self) -> AbstractContextManager[None]:
        """Locks of a table end with the block."""
        return self.snapshot.savepoint()

    def require_same(self, table: SourceTable) -> None:
        """Raises `SourceChanged` when DDL changed the table since the beginning."""
        require_same_table(self.snapshot, table)

    def count_objects(self) -> Mapping[str, int | None]:
        """Kind → number of objects beside the rows."""
        return count_source_objects(self.snapshot)

    def read_next_numbers(self) -> dict[tuple[str, str], int]:
        """Table and column → the next number that it would get."""
        return read_auto_increments(self.snapshot)

    def find_standby(self) -> str:
        """Why the source may lack what its primary has; empty where it is none, or where we may not know."""
        return self.snapshot.find_standby()

    def renew(self) -> None:
        """A snapshot of the present."""
        self.snapshot.renew()

    def cancel(self) -> None:
        """Ends the query that runs; safe from any thread."""
        self.snapshot.cancel()
