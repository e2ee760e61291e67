"""No transaction of any role is open for long, prepared, or holds a lock in the way of the migration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from integrations.clients.postgres import Connection
from integrations.preflight.check import CheckScope, preflight_check
from integrations.preflight.database_uses import OF_PRODUCTION, DatabaseUse
from integrations.preflight.databases import PlannedDatabase, ask_databases
from integrations.preflight.load import OWN_BACKENDS
from integrations.preflight.result import CheckResult
from integrations.prisma.migrations import LOCK, find_lock_holders

WAITED = 2.0  # seconds that somebody waits for a lock; shorter waits are daily life
LONG = 60  # seconds that a transaction is open; those of applications end within one
SHOWN = 5  # tables that are named of those that a transaction has locked
#: the locks of a transaction on tables of this database, by the number of its process
_LOCKED = """
  array(select distinct format('%%I.%%I', n.nspname, c.relname) from pg_locks l
          join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
         where {condition} and l.granted and l.locktype = 'relation' and c.relkind in ('r', 'p', 'm', 'v')
           and l.database = (select oid from pg_database where datname = current_database())
           and n.nspname !~ '^(pg_|information_schema$)' order by 1)
"""
#: A prepared transaction has no process. Its locks have one virtual transaction, whose name depends on the
#: version.
_OF_PREPARED = """
  l.pid is null and l.virtualtransaction = (
    select t.virtualtransaction from pg_locks t
     where t.pid is null and t.locktype = 'transactionid' and t.transactionid = p.transaction)
"""
PREPARED = (
    "select gid, quote_ident(owner), database = current_database(), quote_ident(database),"  # noqa: S608 - fixed text
    " extract(epoch from clock_timestamp() - prepared)::int8,"
    + _LOCKED.format(condition=_OF_PREPARED)
    + " from pg_prepared_xacts p where %s::text is not null order by prepared"
)
#: Our own attempts are watched by the reaper: a run while one is under way contradicts nothing.
SESSIONS = (
    "select a.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.state, ''),"  # noqa: S608 - fixed text
    " coalesce(a.backend_type, ''), extract(epoch from clock_timestamp() - a.xact_start)::int8,"
    + _LOCKED.format(condition="l.pid = a.pid")
    + """ from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()
      and coalesce(a.application_name, '') !~ '^cutover:' and a.backend_type = 'client backend'
      and a.xact_start < clock_timestamp() - make_interval(secs => %s) order by a.xact_start"""
)
#: Sessions of other roles, of which a login without pg_read_all_stats sees neither state nor times.
HIDDEN = """
select pid, usename from pg_stat_activity
 where datname = current_database() and query = '<insufficient privilege>' and not pid = any(%s)
"""
LOOKS, PAUSE = 3, 0.2  # a session that is gone at once holds up nobody
#: Who waits for a lock on a table now, and for whom.
WAITING = """
select w.pid, coalesce(w.usename, ''), coalesce(w.application_name, ''),
       format('%%I.%%I', n.nspname, c.relname), l.mode,
       array(select format('%%s (%%s, process %%s)', coalesce(b.usename, '?'),
                           coalesce(nullif(b.application_name, ''), 'unnamed'), b.pid)
               from pg_stat_activity b where b.pid = any(pg_blocking_pids(w.pid)))
  from pg_locks l join pg_stat_activity w on w.pid = l.pid join pg_class c on c.oid = l.relation
  join pg_namespace n on n.oid = c.relnamespace
 where not l.granted and l.locktype = 'relation' and w.datname = current_database()
   -- waitstart came with version 14; the query of a waiting session began not later than its wait
   and coalesce((to_jsonb(l) ->> 'waitstart')::timestamptz, w.query_start)
       < clock_timestamp() - make_interval(secs => %s)
 order by w.pid
"""


@preflight_check("postgres.prepared", "No prepared transaction waits in a database")
def check_prepared(scope: CheckScope) -> Iterator[CheckResult]:
    """pg_prepared_xacts, of all roles."""
    yield from ask_databases(scope, "prepared transactions", _check_prepared, *OF_PRODUCTION)


def _check_prepared(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    found = connection.execute(PREPARED, [""]).fetchall()
    for gid, owner, is_here, where, age, tables in found:
        literal = sql.Literal(gid).as_string(connection)
        question = database.question(f"prepared transaction {gid} of {owner}", "what it locks")
        seen = f"{owner} prepared it {_ago(age)} in {where}"
        change = (
            f"Ask the program of {owner}; then, connected to {where}: ROLLBACK PREPARED {literal}; "
            f"or COMMIT PREPARED {literal};"
        )
        if is_here:
            seen += f". It survives a freeze and a restart, and holds {_tables(tables)}."
            yield question.red(seen, change)
        else:
            yield question.amber(f"{seen}: in another database it only keeps old rows.", change)
    if not found:
        yield database.question("prepared transactions", "those of every role").green("There is none.")


@preflight_check("postgres.sessions", "No session of any role has a transaction open for long")
def check_sessions(scope: CheckScope) -> Iterator[CheckResult]:
    """pg_stat_activity and pg_locks, of all roles."""
    yield from ask_databases(scope, "sessions", _check_sessions, *OF_PRODUCTION)


@dataclass(frozen=True)
class _OpenTransaction:
    """A session whose transaction is open for long; ``seconds``: since it began."""

    pid: int
    role: str
    application: str
    state: str
    kind: str
    seconds: int
    tables: list[str]

    @property
    def who(self) -> str:
        return f"{self.role} ({self.application or 'without application_name'})"

    def describe(self) -> str:
        return (
            f"process {self.pid} is {self.state}, its transaction began {_ago(self.seconds)}, "
            f"it holds {_tables(self.tables)}"
        )


def _check_sessions(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    rows = connection.execute(SESSIONS, [LONG]).fetchall()
    by_who: dict[str, list[_OpenTransaction]] = {}
    for each in (_OpenTransaction(*row) for row in rows):
        by_who.setdefault(each.who, []).append(each)
    yield from (_judge_sessions(database, who, found) for who, found in by_who.items())
    yield from _hidden_sessions(connection, database)
    if not rows:
        seen = f"None that may be seen is in a transaction for more than {LONG} s."
        yield database.question("sessions", "transactions that are open for long").green(seen)


def _judge_sessions(database: PlannedDatabase, who: str, found: list[_OpenTransaction]) -> CheckResult:
    question = database.question(f"sessions of {who}", "transactions that are open for long")
    seen = f"{who}: {'; '.join(each.describe() for each in found)}."
    pids = ", ".join(f"pg_terminate_backend({each.pid})" for each in found)
    change = f"Find out what the program does, and end its transaction there; otherwise SELECT {pids};"
    if any(each.tables for each in found):
        return question.red(
            f"{seen} A migration would wait for it, and everybody behind the migration.", change
        )
    return question.amber(seen, change)


def _hidden_sessions(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    hidden = _find_hidden(connection)
    if not hidden:
        return
    question = database.question("sessions of other roles", "transactions that are open for long")
    login = connection.info.user
    yield question.unknown(
        f"{len(hidden)} sessions of {', '.join(sorted(set(hidden.values())))} hide their state from {login}.",
        f"GRANT pg_read_all_stats TO {sql.Identifier(login).as_string(connection)};",
    )


def _find_hidden(connection: Connection) -> dict[int, str]:
    """Process → role of the sessions that stay hidden for several looks; without those of the preflight."""
    left: dict[int, str] | None = None
    for look in range(LOOKS):
        time.sleep(PAUSE if look else 0)
        now: dict[int, str] = dict(connection.execute(HIDDEN, [sorted(OWN_BACKENDS)]).fetchall())
        left = {pid: role for pid, role in now.items() if left is None or pid in left}
        if not left:
            break
    return left or {}


@preflight_check("postgres.locks", "Nobody waits for a lock, and nobody holds Prisma's")
def check_locks(scope: CheckScope) -> Iterator[CheckResult]:
    """pg_locks at this moment."""
    yield from ask_databases(scope, "locks", _check_locks, *OF_PRODUCTION)


def _check_locks(connection: Connection, database: PlannedDatabase) -> Iterator[CheckResult]:
    waiting = connection.execute(WAITING, [WAITED]).fetchall()
    for pid, role, application, table, mode, blockers in waiting:
        question = database.question(f"lock on {table}, for {role}", "who waits for a lock on a table now")
        yield question.amber(
            f"{role} ({application or 'unnamed'}, process {pid}) waits for {mode} on {table}, held by "
            f"{', '.join(blockers) or 'a prepared transaction'}: a migration would stand in the same queue.",
            "See that the holder ends its transaction: its program, or pg_terminate_backend of its process.",
        )
    if database.needs(DatabaseUse.MIGRATE):
        for holder in find_lock_holders(connection):
            question = database.question("Prisma's lock of migrations", f"who holds the advisory lock {LOCK}")
            change = f"If no deploy runs there: SELECT pg_terminate_backend({holder.pid});"
            yield question.red(f"It is held by {holder}: a deploy would give up (P1002).", change)
    if not waiting:
        yield database.question("locks", "who waits for a lock on a table now").green("Nobody waits.")


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "at a time that is not shown"
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"


def _tables(names: list[str]) -> str:
    if not names:
        return "no lock on a table"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"locks on {', '.join(names[:SHOWN])}{more}"
