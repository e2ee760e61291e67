"""Tests with a write that is rolled back whether a database login can write."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from integrations.clients import postgres
from integrations.clients.lock_waits import LockNotFree
from integrations.clients.postgres_errors import describe_error
from integrations.clients.watched_connection import LockReport, describe_holder


@dataclass(frozen=True)
class WriteProof:
    """What PostgreSQL answered to a test write: ``sqlstate`` is empty when it was accepted (and rolled
    back), 25006 when a freeze refused it."""

    accepted: bool
    statement: str
    sqlstate: str
    message: str

    @property
    def frozen(self) -> bool:
        """Whether it was refused because transactions are read-only."""
        return self.sqlstate == errors.ReadOnlySqlTransaction.sqlstate


# A small table with rows first: the write then changes one row, and finds it quickly.
CANDIDATE_COLUMN = """
select n.nspname, c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^(pg_|information_schema$)'
and has_schema_privilege(n.oid, 'usage')
and has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'update')
and a.attgenerated = '' and a.attidentity <> 'a'
order by c.reltuples <= 0, c.relpages, n.nspname, c.relname, a.attnum limit 1
"""


def _build_self_update(schema: str, name: str, attribute: str) -> sql.Composed:
    table, column = sql.Identifier(schema, name), sql.Identifier(attribute)
    command = sql.SQL("update {} set {} = {} where ctid = (select ctid from {} limit 1)")
    return command.format(table, column, column, table)


def try_write(
    application_url: str, attempt: str, report: LockReport | None = None, lock_wait: float | None = None
) -> WriteProof:
    """Tries a write with the login of this address and rolls it back: it sets one row to itself. In a
    database without a table for this it creates a temporary table.

    Raises `Unreachable`, and `LockNotFree` when a lock of others did not let it come to an answer.
    """
    with postgres.connect(
        application_url, attempt=attempt, autocommit=False, report=report, lock_wait=lock_wait
    ) as application:
        column = application.execute(CANDIDATE_COLUMN).fetchone()
        command = (
            _build_self_update(*column) if column else sql.SQL("create temp table cutover_test ()").format()
        )
        text = command.as_string(application)
        try:
            application.execute(command)
        except errors.LockNotAvailable as error:
            # Neither accepted nor refused: PostgreSQL locks the table before it asks whether it may write.
            raise LockNotFree(
                f"A test write as {application.info.user} waited in vain for a lock "
                f"({error.sqlstate}). {describe_holder(error)}",
                means="Whether this login can write is not known. The test write changed nothing.",
                next="When the lock is free, start the item again.",
            ) from error
        except psycopg.Error as error:
            return WriteProof(False, text, error.sqlstate or "", describe_error(error))
        finally:
            application.rollback()
        return WriteProof(True, text, "", "accepted, and rolled back")
