"""Locks that the Prisma CLI needs: free before it starts, watched while it runs, explained when it gives up.

The CLI is never run again by the machine: only a person may decide what a migration that failed needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from psycopg import errors, sql

from integrations.clients import lock_waits, postgres
from integrations.clients.lock_waits import LockNotFree
from integrations.clients.postgres_errors import describe_error
from integrations.clients.program_locks import WatchedReport, watch_program
from integrations.clients.watched_connection import LockReport
from integrations.errors import Problem
from integrations.prisma.cli_environment import LOCK_TIMEOUT
from integrations.prisma.migrations import TABLE
from integrations.sql_review import ScriptReview
from integrations.sql_review.assessment import LOCKS

#: PostgreSQL's code as the native engine prints it, and its message as a driver adapter does.
LOCK_TIMED_OUT = re.compile(r"\b55P03\b|canceling statement due to lock timeout")
STATEMENT_TIMED_OUT = re.compile(r"canceling statement due to statement timeout")
#: The tables behind names of a review, which have their schema where it is not the default one.
TABLES = """
select n.nspname, c.relname, named.mode
from unnest(%s::text[], %s::text[]) named(name, mode)
join pg_class c on c.relkind in ('r', 'p')
join pg_namespace n on n.oid = c.relnamespace
    and (c.relname = named.name and n.nspname = any(current_schemas(false))
         or n.nspname || '.' || c.relname = named.name)
order by 1, 2
"""
TIME_LIMITS = """
select name, current_setting(name) from pg_settings
where name in ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')
    and setting <> '0' order by name
"""


class PrismaLockTimeout(Problem):
    """PostgreSQL ended a statement of the CLI because it waited too long for a lock. ``advice``: about who
    held it."""

    def __init__(self, what: str, *, means: str, next: str, advice: str) -> None:
        super().__init__(what, means=means, next=next)
        self.advice = advice


@contextmanager
def watch_cli(url: str, application: str, report: LockReport | None) -> Iterator[WatchedReport | None]:
    """Looks, while the block runs, who blocks the sessions of that name; None without a report."""
    if report is None:
        yield None
        return
    cause = "The lock_timeout in its address is not in force: its project drops the options of DATABASE_URL."
    with watch_program(
        url, application, report, program="Prisma", limit=LOCK_TIMEOUT, cause=cause
    ) as watched:
        yield watched


def explain_timeout(problem: Problem, output: str, url: str, locks: WatchedReport | None) -> Problem:
    """Returns the problem of a CLI that a time limit of its session ended, with what it waited for.

    A problem with another cause is returned as it is.
    """
    if STATEMENT_TIMED_OUT.search(output):
        return _explain_statement_timeout(problem, url)
    if not LOCK_TIMED_OUT.search(output):
        return problem
    blockage = locks.watch.last if locks else None
    held = f"It waited for {blockage}." if blockage else "Who held the lock was not seen."
    advice = blockage.advice if blockage else "Look in pg_stat_activity for a transaction that stays open."
    return PrismaLockTimeout(
        f"{problem.what} (55P03: {LOCK_TIMEOUT:g} s in vain.) {held}",
        means="PostgreSQL ended the statement that waited, and rolled it back.",
        next=f"{advice} When the lock is free, start this item again.",
        advice=advice,
    )


def _explain_statement_timeout(problem: Problem, url: str) -> Problem:
    with postgres.connect(url, readonly=True) as connection:
        limits = " ".join(describe_time_limits(connection))
    return Problem(
        problem.what,
        means=f"{problem.means} {limits}".strip(),
        next="ALTER ROLE … SET statement_timeout = 0 for the role that migrates, or add options=-c "
        f"statement_timeout=0 to the address. {problem.next}",
    )


def wait_for_script_locks(
    url: str, reviews: Iterable[ScriptReview], report: LockReport, *, attempt: str, seconds: float
) -> None:
    """Returns when every table lock that the scripts take could be had at one moment; holds none of them.

    Raises `Problem`, which names who holds one, after ``seconds``. Where our role may not lock a table, the
    log says so, and the CLI's own lock_timeout has to do.
    """
    wanted = strongest_locks(reviews)
    with postgres.connect(url, attempt=attempt, report=report, lock_wait=seconds) as connection:
        tables = connection.execute(TABLES, [list(wanted), list(wanted.values())]).fetchall()

        def lock_all() -> None:
            for schema, name, mode in tables:
                statement = sql.SQL("lock table only {} in {} mode")
                connection.execute(statement.format(sql.Identifier(schema, name), sql.SQL(mode)))

        try:
            lock_waits.change(connection, lock_all)
        except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
            report.log(f"Not tried whether the locks are free: {describe_error(error)}.")
            return
        except LockNotFree as problem:
            raise LockNotFree(
                problem.what,
                means=f"Prisma was not started: {TABLE} and all tables are as they were.",
                next=problem.next,
            ) from problem
    report.log(f"The locks of the migrations could be had: {len(tables)} tables.")


def strongest_locks(reviews: Iterable[ScriptReview]) -> Mapping[str, str]:
    """Table → the strongest lock that one of the scripts takes on it, with Prisma's own table."""
    found = {TABLE: "ROW EXCLUSIVE"}
    for statement in (each for review in reviews for each in review):
        for table, lock in statement.locks.items():
            found[table] = max(found.get(table, ""), lock, key=LOCKS.index)
    return {table: lock for table, lock in found.items() if lock}


def describe_time_limits(connection: postgres.Connection) -> list[str]:
    """A sentence for each other time limit that the role or the database sets for the CLI's session."""
    return [
        f"{name} is {value} for this role: PostgreSQL ends what takes longer, also a migration."
        for name, value in connection.execute(TIME_LIMITS).fetchall()
    ]
