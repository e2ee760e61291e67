"""One read-only snapshot of a MariaDB or MySQL database, with settings that are set and read back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.sources.mariadb_address import MariaDbAddress

#: Setting → what it has to be; those that a server does not have are left out. The first ones decide how a
#: value is written, the others end a session that waits while the other side still reads.
SETTINGS: dict[str, str] = {
    "time_zone": "+00:00",
    "character_set_client": "utf8mb4", "character_set_results": "utf8mb4",
    "collation_connection": "utf8mb4_bin",
    "sql_select_limit": "18446744073709551615", "max_join_size": "18446744073709551615",
    "information_schema_stats_expiry": "0",
    "net_read_timeout": "3600", "net_write_timeout": "3600", "wait_timeout": "86400",
    "idle_transaction_timeout": "0", "idle_readonly_transaction_timeout": "0",
    "lock_wait_timeout": "10",
}  # fmt: skip
#: The modes that a session has, and no others: with PAD_CHAR_TO_FULL_LENGTH or ANSI_QUOTES a query would mean
#: something else. MariaDB cuts digits of a second off unless it is told to round, as PostgreSQL does.
MARIADB_MODES, MYSQL_MODES = "TIME_ROUND_FRACTIONAL", ""
ISOLATION = "REPEATABLE-READ"
LOST = frozenset({2006, 2013, 1053, 1927, 4031, 1317})
TABLE_CHANGED = 1412  # “Table definition has changed, please retry transaction”
SAVEPOINT = "savepoint before_table"

Rows = list[tuple[Any, ...]]


class SourceChanged(Exception):
    """A table is not the one that the snapshot knows, or could not be read; the message says why."""


class MariaDbSnapshot:
    """A consistent snapshot; nothing can be written through it. Use with ``with``.

    ``longest`` is the limit of one statement, in seconds.
    """

    def __init__(self, address: MariaDbAddress, longest: int) -> None:
        self.address, self.longest = address, longest
        self._driver = load_driver()
        self.version = ""
        self.is_mariadb = True

    def __enter__(self) -> MariaDbSnapshot:
        self.connection = self._connect()
        try:
            self._begin()
        except BaseException:
            self.connection.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(Exception):  # a connection that is lost is closed already
            self.connection.close()

    def _connect(self) -> Any:
        limit = self.longest + 60 if self.longest else None
        try:
            return self._driver.connect(
                **self.address.connection_options(),
                charset="utf8mb4", connect_timeout=10, read_timeout=limit,
                autocommit=True, program_name="parity",
                auth_plugin_map=dict.fromkeys((b"mysql_clear_password", b"dialog"), _NoClearText),
            )  # fmt: skip
        except (self._driver.MySQLError, OSError) as error:
            raise ServerUnreachable(
                f"The database {self.address} cannot be reached.", means=self.explain(error)
            ) from None

    def _begin(self) -> None:
        # A low limit of the server would cut off what is asked now.
        self.execute(f"set session sql_select_limit = {SETTINGS['sql_select_limit']}")
        self.version = str(self.fetch_rows("select version()")[0][0])
        self.is_mariadb = "mariadb" in self.version.lower()
        limit = {"max_statement_time": str(self.longest), "max_execution_time": str(self.longest * 1000)}
        modes = {"sql_mode": MARIADB_MODES if self.is_mariadb else MYSQL_MODES}
        isolation = dict.fromkeys(("tx_isolation", "transaction_isolation"), ISOLATION)
        known = self._read_settings({**SETTINGS, **limit, **isolation})
        self.settings = {**modes, **{name: (SETTINGS | limit | isolation)[name] for name in known}}
        texts = (value if value.isdigit() else f"'{value}'" for value in self.settings.values())
        assignments = (f"{name} = {text}" for name, text in zip(self.settings, texts, strict=True))
        self.execute(f"set session {', '.join(assignments)}")
        self.execute("set session transaction read only")
        self.execute("start transaction with consistent snapshot, read only")
        self.began = time.monotonic()
        self._number = self.fetch_rows("select connection_id()")[0][0]
        self.require_settings()

    def _read_settings(self, wanted: dict[str, str]) -> dict[str, str]:
        names = ", ".join(f"'{name}'" for name in wanted)
        return dict(self.fetch_rows(f"show session variables where variable_name in ({names})"))

    def require_settings(self) -> None:
        """Raises `ParityError` unless this is still the session and the transaction of the beginning."""
        found = self._read_settings(self.settings)
        lost = [name for name, value in self.settings.items() if not _is_same(found.get(name, ""), value)]
        if self.fetch_rows("select connection_id()")[0][0] != self._number:
            lost.append("the session itself")
        if self.is_mariadb and self.fetch_rows("select @@in_transaction")[0][0] != 1:
            lost.append("the transaction")
        if lost:
            raise ParityError(
                f"{self.address} does not keep to one transaction: not in force are {', '.join(lost)}.",
                means="A proxy may have given another session: what was read proves nothing.",
                next="Give the comparison the direct address of the server.",
            )

    def find_standby(self) -> str:
        """What this replica follows; empty for a primary, and where the login may not ask."""
        for question in ("show replica status", "show slave status"):
            with suppress(SourceChanged):
                return "a replica: it lacks what it has not applied yet" if self.fetch_rows(question) else ""
        return ""

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""
        return time.monotonic() - self.began

    def renew(self) -> None:
        """Takes a snapshot of the present, in a new session."""
        self.__exit__()
        self.__enter__()

    def execute(self, statement: str) -> None:
        """A statement without rows."""
        self.fetch_rows(statement)

    def fetch_rows(self, query: str) -> Rows:
        """All rows of the answer; the query holds its values."""
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        except (self._driver.MySQLError, OSError) as error:
            raise self._failure(error) from None

    def stream_rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of the answer as they come, so that memory stays flat."""
        try:
            with closing(self.connection.cursor(self._driver.cursors.SSCursor)) as cursor:
                cursor.execute(query)
                yield from cursor
        except (self._driver.MySQLError, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> Exception:
        number = error.args[0] if error.args else 0
        if number in LOST or isinstance(error, OSError):
            return ServerUnreachable(f"The connection to {self.address} was lost: {self.explain(error)}.")
        if number == TABLE_CHANGED:
            return SourceChanged("it changed while the comparison ran (ALTER TABLE, TRUNCATE); compare again")
        return SourceChanged(self.explain(error))

    def explain(self, error: Exception) -> str:
        """Number and text of an error, without the password."""
        words = " ".join(str(part) for part in error.args).strip().rstrip(".") or type(error).__name__
        return words.replace(self.address.password or "\0", "•••")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Locks on tables that were read inside the block end with it: DDL of others waits no longer."""
        self.execute(SAVEPOINT)
        try:
            yield
        finally:
            with suppress(SourceChanged):
                self.execute("rollback to savepoint before_table")

    def cancel(self) -> None:
        """Ends the query that the server runs for this session; safe from any thread."""
        # whoever cancels has an error of their own to tell
        with suppress(Exception), closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"kill query {int(self._number)}")


class _NoClearText:
    """Any server may ask for the password as it is, also one that only pretends to be ours."""

    def __init__(self, connection: object) -> None:
        raise OSError("the server asks for the password in clear text")


def _is_same(found: str, wanted: str) -> bool:
    """“0.000000” is the 0 that was asked for."""
    if wanted.isdigit():
        return bool(found) and float(found) == float(wanted)
    return found == wanted


def load_driver() -> Any:
    """The module pymysql; raises `ParityError` where it is not installed."""
    try:
        import pymysql  # only a comparison with MariaDB needs it
        import pymysql.cursors  # as above
    except ImportError:
        raise ParityError(
            "PyMySQL is not installed, and a source of MariaDB or MySQL is read with it.",
            next="Install it with: pip install pymysql",
        ) from None
    return pymysql
