"""A file of SQLite as the source of a comparison: read in one read-only transaction, and hashed here."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote, unquote

from integrations.parity.errors import ParityError
from integrations.parity.server.catalog import CatalogColumn
from integrations.parity.sources.mariadb_forms import target_digits
from integrations.parity.sources.mariadb_session import SourceChanged
from integrations.parity.sources.source_tables import Adjustment, MatchedTable, SourceColumn, SourceTable
from integrations.parity.sources.sqlite_reader import SqliteReader
from integrations.parity.sources.sqlite_values import choose_sqlite_form

TABLES = """
select name, type from sqlite_master where type in ('table', 'view') and substr(name, 1, 7) <> 'sqlite_'
   and coalesce(sql, '') not like 'create virtual table%' order by name"""
COUNTS = {
    "views": "select count(*) from sqlite_master where type = 'view'",
    "triggers": "select count(*) from sqlite_master where type = 'trigger'",
    "indexes": "select count(*) from sqlite_master where type = 'index'",
    "virtual tables": "select count(*) from sqlite_master where sql like 'create virtual table%'",
    "columns": "select count(*) from sqlite_master m join pragma_table_xinfo(m.name) where m.type = 'table'",
    "constraints": "select count(*) from sqlite_master m join pragma_foreign_key_list(m.name)"
    " where m.type = 'table'",
}
SUFFIXES = ("_data", "_idx", "_content", "_docsize", "_config", "_node", "_parent", "_rowid")


class SqliteDatabase:
    """Opens the file read-only; use with ``with``. While it is read, nobody else can write to it."""

    def __init__(self, url: str) -> None:
        self.path = Path(unquote(url.partition("://")[2].partition("?")[0].removeprefix("/")))
        self.caution = ""

    def __enter__(self) -> SqliteDatabase:
        if not self.path.is_file():
            raise ParityError(
                f"There is no file {self.path} to compare.",
                next="Write the source as sqlite:///relative/path or sqlite:////absolute/path.",
            )
        place = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        try:
            self.connection = sqlite3.connect(
                place, uri=True, isolation_level=None, check_same_thread=False, timeout=10
            )
            self._begin()
        except sqlite3.Error as error:
            raise ParityError(f"The file {self.path} cannot be read as SQLite: {error}.") from None
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()

    def _begin(self) -> None:
        # Bytes that are no UTF-8 become letters that no text of PostgreSQL can hold.
        self.connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        self.connection.execute("begin")
        self.connection.execute("select count(*) from sqlite_master").fetchall()  # takes the snapshot
        self.began = monotonic()

    @property
    def address(self) -> str:
        """The path of the file."""
        return str(self.path)

    @property
    def name(self) -> str:
        """The name of the file without its ending."""
        return self.path.stem

    @property
    def engine(self) -> str:
        """The version of the library that reads it."""
        return f"SQLite {sqlite3.sqlite_version}"

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""
        return monotonic() - self.began

    def _fetch(self, query: str, *values: object) -> list[Any]:
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise SourceChanged(str(error)) from None

    def read_tables(self, views: Collection[str]) -> list[SourceTable]:
        """Every table but the virtual ones, and the views that are named."""
        found = []
        hidden = self._shadows()
        for name, kind in self._fetch(TABLES):
            if name in hidden or (kind == "view" and name not in views):
                continue
            rows = self._fetch(
                'select name, type, "notnull", pk from pragma_table_xinfo(?) where hidden <> 1', name
            )
            columns = tuple(
                SourceColumn(column, written, written.lower(), bool(no)) for column, written, no, _ in rows
            )
            key = tuple(row[0] for row in sorted(rows, key=lambda row: row[3]) if row[3])
            found.append(SourceTable(name, columns, key, kind == "view"))
        return found

    def _shadows(self) -> set[str]:
        """Tables in which a virtual table keeps what it has."""
        virtual = self._fetch("select name from sqlite_master where sql like 'create virtual table%'")
        return {f"{name}{suffix}" for (name,) in virtual for suffix in SUFFIXES}

    def match_column(
        self, source: SourceColumn, target: CatalogColumn
    ) -> tuple[str, tuple[Adjustment, ...], str]:
        """The form of two columns (empty: none), what follows from their types, and a note."""
        form = choose_sqlite_form(target)
        adjustments = []
        if form in ("timestamp", "time") and (held := target_digits(target)) < 6:
            text = f"{target.name}: rounded to {held} digits of a second (by its type)"
            adjustments.append(Adjustment("rounded", text, digits=held))
        if form == "padded":
            adjustments.append(
                Adjustment("padding", f"{target.name}: blanks at the end are padding (by its type)")
            )
        notes = {
            "boolean": "0 is false, 1 is true, and nothing else is equal",
            "numeric": "numbers with a binary fraction are compared by their shortest decimal text",
            "timestamp": "times without a zone were taken as UTC",
            "uuid": "compared by its 32 hex digits, in lower case",
            "json": "compared by the meaning of its JSON",
            "float4": "compared with the digits that a number of 32 bits has",
        }
        return form, tuple(adjustments), notes.get(form, "")

    def reader(self, match: MatchedTable) -> SqliteReader:
        """Reads one table."""
        return SqliteReader(self.connection, match)

    def savepoint(self) -> AbstractContextManager[None]:
        """Errors of SQLite become reasons; there are no locks of single tables."""
        return _reasons()

    def require_same(self, table: SourceTable) -> None:
        """Nobody can change a table while it is read in a transaction."""

    def count_objects(self) -> Mapping[str, int | None]:
        """Kind → number of objects beside the rows."""
        return {kind: int(self._fetch(query)[0][0]) for kind, query in COUNTS.items()}

    def read_next_numbers(self) -> dict[tuple[str, str], int]:
        """Table and column → the next number, for columns with AUTOINCREMENT."""
        if not self._fetch("select 1 from sqlite_master where name = 'sqlite_sequence'"):
            return {}
        rows = self._fetch(
            "select s.name, c.name, s.seq + 1 from sqlite_sequence s"
            " join pragma_table_xinfo(s.name) c on c.pk = 1"
        )
        return {(table, column): int(number) for table, column, number in rows}

    def find_standby(self) -> str:
        """A file has no primary."""
        return ""

    def renew(self) -> None:
        """Takes a snapshot of the present."""
        self.connection.execute("rollback")
        self._begin()

    def cancel(self) -> None:
        """Ends the query that runs; safe from any thread."""
        self.connection.interrupt()


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise SourceChanged(str(error)) from None
