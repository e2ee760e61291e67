"""Every sequence of a column is ahead of the column's values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from integrations.clients.postgres import Connection
from integrations.parity.beyond_rows.sequences import SequenceBehind, find_sequences_behind
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION
from integrations.preflight.databases import PlannedDatabase, ask_databases
from integrations.preflight.result import CheckResult

ASKED = "whether the next value of each sequence is above the highest value of its column"
#: Sequences that belong to no column, and that no default names: what takes values from them is not known.
UNATTACHED = """
select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'S' and n.nspname !~ '^(pg_|information_schema$)' and c.relpersistence <> 't'
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                    and d.deptype in ('a', 'i', 'e'))
   and not exists (select from pg_depend d where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                    and d.classid = 'pg_attrdef'::regclass)
 order by 1
"""
#: the statement that corrects a sequence, its name in the quotes that it needs
SET_VALUE = """
select format('SELECT setval(%%L, %%s);', format('%%I.%%I', n.nspname, c.relname), %s::bigint)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'S' and n.nspname || '.' || c.relname = %s limit 1
"""


@dataclass(frozen=True)
class _TransactionReader:
    """A connection in a transaction, as `find_sequences_behind` needs it."""

    connection: Connection

    def fetch_rows(self, query: sql.Composable) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql.Composed([query])).fetchall()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        with self.connection.transaction():
            yield


@preflight_check("postgres.sequences", "Every sequence is ahead of its column", seconds=30, texts_shown=True)
def check_sequences(scope: CheckScope) -> Iterator[CheckResult]:
    """The highest value of each indexed column that has a sequence; no table is read from end to end."""
    yield from ask_databases(scope, "sequences", _check, *OF_PRODUCTION)


def _check(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    with connection.transaction():
        # Rows that a policy hides would make a sequence look right: then the query has to fail.
        connection.execute("select set_config('row_security', 'off', true)")
        behind = find_sequences_behind(_TransactionReader(connection), only_indexed=True)
    yield from (_result(connection, database, each) for each in behind)
    loose = [row[0] for row in connection.execute(UNATTACHED)]
    if loose:
        question = database.question("sequences of no column", ASKED)
        yield question.amber(
            f"Nothing tells which column these belong to, so they were not checked: {', '.join(loose)}.",
            "Compare last_value of each with the keys that it gives, and set OWNED BY where a column has it.",
        )
    if not behind:
        yield database.question("sequences", ASKED).green("Each is ahead of its column.")


def _result(connection: Connection, database: PlannedDatabase, found: SequenceBehind) -> CheckResult:
    question = database.question(f"sequence {found.sequence}", ASKED)
    if found.next is None:
        change = f"Grant SELECT on it and on {found.table}, or compare it with max({found.column}) by hand."
        return question.unknown(
            f"It was not compared with {found.table}.{found.column}: {found.reason}.", change
        )
    seen = (
        f"Its next value is {found.next}, and {found.table}.{found.column} goes up to {found.highest}: "
        "the next insert fails, or takes the key of a row that was deleted."
    )
    row = connection.execute(SET_VALUE, [found.highest, found.sequence]).fetchone()
    return question.red(seen, row[0] if row else "Set it with setval to the highest value.")
