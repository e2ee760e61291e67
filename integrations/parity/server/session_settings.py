"""The settings that a result depends on: set for one transaction alone, and read back.

Behind a connection pooler two statements may come to two sessions of the server, and a session is used by
the application afterwards. So nothing is set outside of a transaction, and nothing is believed to be set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from integrations.parity.errors import ParityError

Connection = psycopg.Connection[tuple[Any, ...]]

#: The text of a value must not depend on the session that reads it. PostgreSQL shows each of these values as
#: it is written here: they are compared with what it shows.
SESSION_SETTINGS = {
    "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "extra_float_digits": "1",
    "bytea_output": "hex", "lc_monetary": "C", "xmloption": "content",
    # Without pg_temp at the end, a temporary table of a shared session would come first: `text` is its type.
    "search_path": "pg_catalog, public, pg_temp",
    "client_encoding": "UTF8", "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "row_security": "off",  # an error instead of rows that are silently left out
    # The planner expects as many buckets as rows and would sort the table on disk.
    "enable_sort": "off",
    "work_mem": "64MB", "hash_mem_multiplier": "2", "lock_timeout": "10s",
    # Compiled only where `fetch_rows` asks for it, and then whatever the planner estimates.
    "jit": "off", "jit_above_cost": "0", "jit_optimize_above_cost": "0",
    "jit_inline_above_cost": "-1",  # takes longer than it saves
    "cursor_tuple_fraction": "1",  # every row of an answer is read
    "max_parallel_workers_per_gather": "0",  # the load is the number of connections, and nothing more
}  # fmt: skip

#: Qualified and without the name of a type: the search_path may still be another one, with a function of the
#: same name in front, or a temporary table of that name.
SNAPSHOT = sql.SQL("pg_catalog.textin(pg_catalog.pg_snapshot_out(pg_catalog.pg_current_snapshot()))")

#: What `begin` has to have brought about.
TRANSACTION = {"transaction_isolation": "repeatable read", "transaction_read_only": "on"}


class SettingsLost(ParityError):
    """The settings that were made for a transaction are not in force, or it is another transaction."""


@dataclass(frozen=True)
class SettingsInForce:
    """Settings of one transaction as the server shows them, and what its snapshot sees.

    ``snapshot`` is the text of pg_current_snapshot(), which is the same for a whole transaction.
    ``backend_pid`` is the process of the server's session.
    """

    address: str
    shown: Mapping[str, str]
    snapshot: str
    backend_pid: int

    @property
    def expression(self) -> sql.Composable:
        """SQL of an array that `require` takes; a query may have it as one of its columns."""
        names = [sql.SQL("pg_catalog.current_setting({})").format(sql.Literal(name)) for name in self.shown]
        return sql.SQL("ARRAY[{}, {}]").format(SNAPSHOT, sql.SQL(", ").join(names))

    def require(self, found: Sequence[str]) -> None:
        """Raises `SettingsLost` unless all are in force, in the same transaction as before."""
        wanted = {"snapshot": self.snapshot, **self.shown}
        lost = [name for name, text in zip(wanted, found, strict=True) if wanted[name] != text]
        if lost:
            raise SettingsLost(
                f"{self.address} does not keep to one transaction: not in force are {', '.join(lost)}.",
                means="Rows may have been hidden, or read at another moment, or written in another format:"
                " what was read proves nothing. A pooler, or a function of the database, changed it.",
                next="Give the comparison the direct address of the PostgreSQL server.",
            )


def apply_settings(connection: Connection, address: str, limits: Mapping[str, str]) -> SettingsInForce:
    """Sets everything until the end of the transaction; raises `SettingsLost` where that has no effect.

    ``limits`` are further settings, which PostgreSQL may show in another unit.
    """
    settings = {**SESSION_SETTINGS, **limits}
    calls = [
        sql.SQL("pg_catalog.set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    ]
    query = sql.SQL("SELECT pg_catalog.pg_backend_pid(), {}, {}").format(SNAPSHOT, sql.SQL(", ").join(calls))
    backend_pid, snapshot, *answers = connection.execute(query).fetchall()[0]
    shown = dict(zip(settings, answers, strict=True))
    in_force = SettingsInForce(address, {**TRANSACTION, **shown, **SESSION_SETTINGS}, snapshot, backend_pid)
    in_force.require(connection.execute(sql.SQL("SELECT {}").format(in_force.expression)).fetchall()[0][0])
    return in_force
