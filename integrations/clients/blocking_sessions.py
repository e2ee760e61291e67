"""Finds out who holds the locks that sessions wait for, and says it in words for people.

``pg_blocking_pids`` also names a session that only waits ahead in the queue. A prepared transaction has no
session: it is reported as pid 0, and found by the locks that its transaction number holds
(postgresql.org/docs/current/functions-info.html, view-pg-locks.html, view-pg-prepared-xacts.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import postgast
import psycopg

LONGEST_QUERY = 80  # characters of a query's beginning
IDLE_IN_TRANSACTION = ("idle in transaction", "idle in transaction (aborted)")
#: Table locks, each with those that it conflicts with (postgresql.org/docs/current/explicit-locking.html).
CONFLICTS = {
    "AccessShareLock": {"AccessExclusiveLock"},
    "RowShareLock": {"ExclusiveLock", "AccessExclusiveLock"},
    "RowExclusiveLock": {"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"},
    "ShareUpdateExclusiveLock": {
        *("ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"),
        "AccessExclusiveLock",
    },
    "ShareLock": {
        *("RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "ExclusiveLock"),
        "AccessExclusiveLock",
    },
    "ShareRowExclusiveLock": {
        *("RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock"),
        *("ExclusiveLock", "AccessExclusiveLock"),
    },
    "ExclusiveLock": {
        *("RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"),
        *("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
    },
    "AccessExclusiveLock": {
        *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"),
        *("ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
    },
}
#: What waits: the session itself by its pid, or every session with that application name.
WAITING = """
select a.pid, w.mode, case w.locktype when 'relation' then w.relation::regclass::text
    when 'transactionid' then 'a row that another transaction changed' when 'advisory' then 'an advisory lock'
    when 'tuple' then 'a row of ' || w.relation::regclass::text else 'an object of the catalog' end
from pg_stat_activity a left join pg_locks w on w.pid = a.pid and not w.granted
where a.wait_event_type = 'Lock' and (a.pid = %(pid)s or a.application_name = %(application)s)
"""
ABOUT_SESSION = """
    coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.datname, ''),
    coalesce(a.state, ''), coalesce(a.backend_type, ''),
    extract(epoch from clock_timestamp() - a.xact_start)::float8,
    extract(epoch from clock_timestamp() - a.query_start)::float8, coalesce(a.query, '')
"""
BLOCKING = f"""
select distinct b.pid, {ABOUT_SESSION}
from unnest(%(waiting)s::int[]) w(pid), lateral unnest(pg_blocking_pids(w.pid)) b(pid)
left join pg_stat_activity a on a.pid = b.pid
where not b.pid = any(%(waiting)s) and (b.pid = 0 or a.application_name is distinct from %(application)s)
order by 1
"""  # noqa: S608 - constants
PREPARED = """
select distinct w.mode, h.mode, w.locktype, p.gid, p.owner, p.database,
    extract(epoch from clock_timestamp() - p.prepared)::float8
from pg_locks w join pg_locks h on h.granted and h.pid is null and h.locktype = w.locktype
    and row(h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid,
        h.objsubid) is not distinct from row(w.database, w.relation, w.page, w.tuple, w.virtualxid,
        w.transactionid, w.classid, w.objid, w.objsubid)
join pg_locks x on x.locktype = 'transactionid' and x.granted and x.pid is null
    and x.virtualtransaction = h.virtualtransaction
join pg_prepared_xacts p on p.transaction = x.transactionid
where not w.granted and w.pid = any(%(waiting)s)
order by p.gid
"""

PlainConnection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class BlockingSession:
    """A session, or a prepared transaction (``gid``), that others wait for.

    ``transaction`` and ``query_age`` are seconds since its transaction and its latest query began, None where
    they are not known. What our role may not see is empty.
    """

    pid: int
    role: str = ""
    application: str = ""
    database: str = ""
    state: str = ""
    backend: str = ""
    transaction: float | None = None
    query_age: float | None = None
    query: str = ""
    gid: str = ""

    def __str__(self) -> str:
        if self.gid:
            where = f"role {self.role}, database {self.database}"
            age = format_age(self.transaction)
            return f"the prepared transaction “{self.gid}” ({where}, prepared {age} ago)"
        if not self.pid:
            return "a prepared transaction that could not be found"
        return f"pid {self.pid} ({'; '.join(self._list_facts())})"

    def _list_facts(self) -> list[str]:
        if self.is_hidden:
            return [f"role {self.role or 'unknown'}", "our role may not see what it does"]
        name = f"application “{self.application}”" if self.application else "no application name"
        facts = [f"role {self.role}" if self.role else self.backend, name, self.state]
        if self.transaction is not None:
            facts.append(f"transaction open for {format_age(self.transaction)}")
        if self.query_age is not None and self.query:
            latest = "query" if self.state == "active" else "last query"
            facts.append(f"{latest} began {format_age(self.query_age)} ago: {mask_query(self.query)}")
        return [fact for fact in facts if fact]

    @property
    def is_hidden(self) -> bool:
        """Whether PostgreSQL hides from our role what this session does."""
        return bool(self.pid) and not self.state and not self.backend

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.gid:
            name = self.gid.replace("'", "''")
            return (
                f"In database {self.database}, as {self.role} or a superuser: COMMIT PREPARED '{name}' or "
                f"ROLLBACK PREPARED '{name}'; ask whose it is first."
            )
        if not self.pid:
            return "Look in pg_prepared_xacts for it, then COMMIT PREPARED or ROLLBACK PREPARED."
        if self.backend == "autovacuum worker":
            return (
                f"pid {self.pid} is autovacuum: it gives way after deadlock_timeout, unless it prevents a "
                "wraparound; then wait for it."
            )
        end = f"SELECT pg_terminate_backend({self.pid})"
        if self.is_hidden:
            return f"Find out whose session pid {self.pid} is (GRANT pg_read_all_stats shows it), or {end}."
        if self.state in IDLE_IN_TRANSACTION:
            return f"Have the owner of pid {self.pid} commit or roll back, or {end}."
        if self.state == "idle":
            return f"Have the owner of pid {self.pid} disconnect, or {end}."
        return f"Wait for the query of pid {self.pid}, or SELECT pg_cancel_backend({self.pid})."


@dataclass(frozen=True)
class LockBlockage:
    """What some sessions wait for, each as “MODE on OBJECT”, and who blocks them."""

    wanted: tuple[str, ...]
    sessions: tuple[BlockingSession, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.wanted) or 'a lock'}, held by {join_sessions(self.sessions)}"

    @property
    def advice(self) -> str:
        """What a person can do about the sessions."""
        return " ".join(dict.fromkeys(session.advice for session in self.sessions))


def join_sessions(sessions: Iterable[BlockingSession]) -> str:
    """Returns the sessions in one line."""
    return ", ".join(map(str, sessions)) or "nobody who can be seen"


def format_age(seconds: float | None) -> str:
    """Returns “3 s”, “4 min 10 s” or “2 h 5 min”."""
    if seconds is None:
        return "an unknown time"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min {whole % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def mask_query(query: str) -> str:
    """Returns the beginning of a query with ``$1`` for every value: rows and passwords may be in it.

    The server keeps only the first kilobyte of a query. Of one that cannot be parsed two words are shown.
    """
    try:
        text = str(postgast.normalize(query))
    except postgast.PgQueryError:
        text = " ".join([*query.split()[:2], "…"])
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUERY else f"{line[:LONGEST_QUERY]}…"


def find_blockage(connection: PlainConnection, *, pid: int = 0, application: str = "") -> LockBlockage | None:
    """Returns who blocks the session ``pid``, or all sessions of that application; None when nobody does.

    Needs no privilege; without pg_read_all_stats, other roles' sessions show little.
    """
    named = {"pid": pid, "application": application or None}
    waiting = connection.execute(WAITING, named).fetchall()
    if not waiting:
        return None
    given = {"waiting": [row[0] for row in waiting], "application": application or None}
    sessions = [BlockingSession(*row) for row in connection.execute(BLOCKING, given).fetchall()]
    if any(session.pid == 0 for session in sessions):
        prepared = _find_prepared(connection, given)
        sessions = [session for session in sessions if session.pid] + (prepared or [BlockingSession(0)])
    wanted = tuple(dict.fromkeys(f"{_words(mode)} on {what}" for _, mode, what in waiting if mode))
    return LockBlockage(wanted, tuple(sessions)) if sessions else None


def _find_prepared(connection: PlainConnection, waiting: dict[str, Any]) -> list[BlockingSession]:
    found = {}
    for wanted, held, kind, gid, owner, database, seconds in connection.execute(PREPARED, waiting).fetchall():
        # Locks of other kinds than tables are exclusive, or the waiting session would not wait for them.
        if kind != "relation" or held in CONFLICTS[wanted]:
            found[gid] = BlockingSession(0, owner, database=database, transaction=seconds, gid=gid)
    return list(found.values())


def _words(mode: str) -> str:
    """“ACCESS EXCLUSIVE” of ``AccessExclusiveLock``."""
    letters = "".join(f" {each}" if each.isupper() else each for each in mode.removesuffix("Lock"))
    return letters.strip().upper()
