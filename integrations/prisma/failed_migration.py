"""What a migration that failed in the middle left in the database: nothing, or some of its changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import errors

from integrations.clients import postgres
from integrations.clients.postgres import Connection
from integrations.errors import Problem, Unreachable
from integrations.prisma.cli import Prisma
from integrations.prisma.cli_locks import PrismaLockTimeout
from integrations.prisma.errors import MigrationProblem, format_rollback_command
from integrations.prisma.migrations import MigrationState, read_migration_state
from integrations.sql_review import review_script
from integrations.sql_review.identifiers import format_table_name, unquote_name
from integrations.sql_review.parser import SqlSyntaxError, parse_script

LOOK_SECONDS = 1.0  # that a look at the rows of a table waits for its lock
#: Statements that change rows, whose traces are looked for in their tables.
CHANGES_ROWS = ("InsertStmt", "UpdateStmt")
#: Statements that leave no trace to look for, as rows that are gone.
LEAVES_NO_TRACE = ("DeleteStmt", "TruncateStmt", "DropStmt")
NOW = "SELECT txid_snapshot_xmax(txid_current_snapshot())::text"
#: The later of the horizon and the end of the last migration that finished: all changes since then are of the
#: one that failed. Transaction numbers are compared by their age, since they start again at 2^32.
SINCE = """
SELECT least(age((%(horizon)s::numeric %% 4294967296)::text::xid) + 1,
             (SELECT min(age(xmin)) FROM _prisma_migrations WHERE finished_at IS NOT NULL))
"""
CHANGED_OBJECTS = """
WITH relation AS (
    SELECT c.oid, c.xmin, c.oid::regclass::text AS name,
           CASE c.relkind WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'view' ELSE 'table' END AS kind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND left(c.relname, 18) <> '_prisma_migrations' AND c.relkind IN ('r', 'p', 'i', 'S', 'v', 'm')
)
SELECT kind || ' ' || name FROM relation r
WHERE age(xmin) < %(since)s
   OR EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = r.oid AND a.attnum > 0 AND age(a.xmin) < %(since)s)
   OR EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = r.oid AND age(d.xmin) < %(since)s)
   OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = r.oid AND age(k.xmin) < %(since)s)
   OR EXISTS (SELECT FROM pg_trigger t
              WHERE t.tgrelid = r.oid AND NOT tgisinternal AND age(t.xmin) < %(since)s)
UNION ALL
SELECT 'type ' || t.oid::regtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND t.typtype IN ('e', 'd')
  AND age(t.xmin) < %(since)s
UNION ALL
SELECT 'function ' || p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND age(p.xmin) < %(since)s
ORDER BY 1
"""


@dataclass(frozen=True)
class Remains:
    """What of a failed migration is in the database.

    ``unknown``: statements whose effect leaves no trace. ``locked``: tables, quoted, whose rows could not be
    looked at. ``horizon``: the first transaction number that can be of the migration.
    """

    objects: list[str]
    rows: list[str]
    unknown: list[str]
    locked: list[str] = field(default_factory=list)
    horizon: str = "3"

    @property
    def found(self) -> list[str]:
        """Everything that is there."""
        return [*self.objects, *(f"changed rows of {table}" for table in self.rows)]


@contextmanager
def explain_remains(prisma: Prisma) -> Iterator[None]:
    """Adds to the `Problem` of a deploy in this block what the migration that failed has left.

    PostgreSQL itself is asked: whether a file runs as one transaction depends on Prisma's engine and on the
    file.
    """
    with postgres.connect(prisma.url, attempt=prisma.attempt, readonly=True) as connection:
        horizon = str((connection.execute(NOW).fetchone() or ("3",))[0])
        known = read_migration_state(prisma.migrations, connection).failed
    try:
        yield
    except Unreachable:
        raise
    except Problem as problem:
        raise _explain(prisma, problem, horizon, known) from problem


def _explain(prisma: Prisma, problem: Problem, horizon: str, known: list[str]) -> Problem:
    try:
        with postgres.connect(
            prisma.url, attempt=prisma.attempt, readonly=True, lock_wait=LOOK_SECONDS
        ) as connection:
            state = read_migration_state(prisma.migrations, connection)
            failed = [name for name in state.failed if name not in known]
            if not failed:
                return _explain_untouched(problem, state)
            sql = next((file.sql for file in state.files if file.name == failed[0]), "")
            remains = find_remains(connection, sql, horizon)
            is_locked = isinstance(problem, PrismaLockTimeout)
            cause = "" if remains.found or is_locked else _find_cause(connection, sql)
    except Unreachable:
        return problem
    rollback = format_rollback_command(failed[0], engine=prisma.engine)
    advice = problem.advice if isinstance(problem, MigrationProblem) else ""
    return Problem(
        f"{problem.what} {cause}".strip(),
        means=f"{_describe_row(state, failed[0])} {_describe(remains)} {_describe_others(state, failed[0])}",
        next=_advise_after_lock(problem, remains, rollback) or _advise(remains, rollback, advice),
    )


def _explain_untouched(problem: Problem, state: MigrationState) -> Problem:
    """The problem of a deploy that left no migration half-way: of a lock timeout, with what is recorded."""
    if not isinstance(problem, PrismaLockTimeout):
        return problem
    return Problem(
        problem.what,
        means=f"No migration was left half-way. In _prisma_migrations: {state.summarize()}.",
        next=problem.next,
    )


def _describe_row(state: MigrationState, failed: str) -> str:
    """The row that a migration which failed has left in Prisma's table."""
    row = next((each for each in state.rows or () if each.name == failed and each.failed), None)
    if row is None:
        return ""
    return (
        f"In _prisma_migrations {failed} began {row.started_at} and has no end ({row.steps} steps applied)."
    )


def _advise_after_lock(problem: Problem, remains: Remains, rollback: str) -> str:
    """What to do when only a lock was in the way, and nothing of the migration is there; else empty."""
    if not isinstance(problem, PrismaLockTimeout) or remains.found or remains.unknown:
        return ""
    if remains.locked:
        xid = int(remains.horizon) % 2**32
        counts = "; ".join(
            f"`SELECT count(*) FROM {table} WHERE age(xmin) <= age('{xid}'::xid)`"  # noqa: S608 - words
            for table in remains.locked
        )
        return (
            f"{problem.advice} Then look whether it changed rows: {counts}. If that is 0: {rollback}, and "
            "start this item again; else order the rollback."
        )
    return (
        f"{problem.advice} Then {rollback}, and start this item again: the migration itself needs no "
        "correction. The panel does not do this by itself."
    )


def find_remains(connection: Connection, sql: str, horizon: str) -> Remains:
    """Returns what was changed since ``horizon``, a transaction number, by a migration with this SQL."""
    row = connection.execute(SINCE, {"horizon": horizon}).fetchone()
    since = {"since": row[0] if row else 0}
    objects = [str(each[0]) for each in connection.execute(CHANGED_OBJECTS, since).fetchall()]
    try:
        statements = parse_script(sql)
    except SqlSyntaxError:
        return Remains(objects, [], ["statements that cannot be parsed"])
    changed = [format_table_name(each.node["relation"]) for each in statements if each.kind in CHANGES_ROWS]
    unknown = [" ".join(each.sql.split())[:60] for each in statements if each.kind in LEAVES_NO_TRACE]
    rows, locked = [], []
    for table in dict.fromkeys(changed):
        try:
            rows += [unquote_name(table)] if _has_changed_rows(connection, table, since) else []
        except errors.LockNotAvailable:  # whoever stopped the migration may still be there
            locked.append(table)
    return Remains(objects, rows, unknown, locked, horizon)


def _find_cause(connection: Connection, sql: str) -> str:
    """The first statement that the rows there do not pass, as a sentence; empty when none is known."""
    for statement in review_script(sql, connection).failing:
        reasons = "; ".join(f"{check.count} {check.description}" for check in statement.checks if check.count)
        return (
            f"Statement {statement.number} ({statement.summary}) meets rows that it cannot pass: {reasons}."
        )
    return ""


def _has_changed_rows(connection: Connection, table: str, since: dict[str, int]) -> bool:
    there = connection.execute("SELECT to_regclass(%s)", [table]).fetchone()
    if not there or there[0] is None:
        return False
    query = f"SELECT EXISTS (SELECT FROM {table} WHERE age(xmin) < %(since)s)"  # noqa: S608 - quoted
    row = connection.execute(query.encode(), since).fetchone()
    return bool(row and row[0])


def _describe(remains: Remains) -> str:
    if remains.found:
        return f"It did not run as one transaction: of it are in the database {', '.join(remains.found)}."
    if remains.locked:
        return (
            "No object of it is in the database; whether it changed rows of "
            f"{', '.join(map(unquote_name, remains.locked))} could not be looked at, because of a lock."
        )
    if remains.unknown:
        return (
            "No change of it is to be seen in the database; that these statements did nothing cannot be "
            f"seen: {'; '.join(remains.unknown)}."
        )
    return "PostgreSQL rolled its transaction back: nothing of it is in the database."


def _describe_others(state: MigrationState, failed: str) -> str:
    waiting = [file.name for file in state.pending if file.name != failed]
    rest = f"; not applied: {', '.join(waiting)}" if waiting else ""
    applied = ", ".join(state.applied) or "none"
    return f"Applied are {applied}{rest}. Prisma applies no other until it is resolved."


def _advise(remains: Remains, rollback: str, advice: str) -> str:
    """``advice`` is that of the cause; it holds where the migration left nothing."""
    if remains.found or remains.unknown or remains.locked:
        return (
            "Order the rollback: its item restores the backup. Only when the rest is known and undone by "
            f"hand: {rollback}, correct the cause, and start this item again."
        )
    if advice:
        return advice
    return (
        f"Correct the cause (the rows, or the migration in a new release). Then {rollback}, and start this "
        "item again. If the cause is not clear, order the rollback."
    )
