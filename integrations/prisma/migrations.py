"""Migrations of a release: its files, the rows of ``_prisma_migrations``, and Prisma's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from integrations.clients.postgres import Connection
from integrations.errors import Problem

LOCK = 72707369  # the advisory lock that every Prisma CLI takes before it changes a database
TABLE = "_prisma_migrations"


@dataclass(frozen=True)
class MigrationFile:
    """A migration of the project: its folder's name, its SQL and the checksum that Prisma keeps of it."""

    name: str
    sql: str
    checksum: str


@dataclass(frozen=True)
class MigrationRow:
    """One row of ``_prisma_migrations``; times are ISO 8601, None where there is none."""

    name: str
    checksum: str
    started_at: str | None
    finished_at: str | None
    rolled_back_at: str | None
    steps: int
    logs: str

    @property
    def finished(self) -> bool:
        """Whether it is applied and not rolled back."""
        return self.finished_at is not None and self.rolled_back_at is None

    @property
    def failed(self) -> bool:
        """Whether it started and neither finished nor was marked as rolled back."""
        return self.finished_at is None and self.rolled_back_at is None

    def as_facts(self) -> dict[str, Any]:
        """Returns the row as JSON values, without its log."""
        return {
            "name": self.name,
            "checksum": self.checksum,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "rolled_back_at": self.rolled_back_at,
            "steps": self.steps,
        }


@dataclass(frozen=True)
class LockHolder:
    """The session that holds Prisma's lock."""

    pid: int
    application: str
    user: str
    state: str
    seconds: int  # since it connected; -1 where our role may not see it

    def __str__(self) -> str:
        since = f"connected for {self.seconds // 60} min {self.seconds % 60} s" if self.seconds >= 0 else ""
        known = [self.application or "without a visible name", f"user {self.user}", self.state, since]
        return f"pid {self.pid} ({', '.join(filter(None, known))})"


@dataclass(frozen=True)
class MigrationState:
    """The files of the project and the rows of the database. ``rows`` is None without the table."""

    files: tuple[MigrationFile, ...]
    rows: tuple[MigrationRow, ...] | None

    @property
    def applied(self) -> list[str]:
        """Names of the finished migrations."""
        return [row.name for row in self.rows or () if row.finished]

    @property
    def failed(self) -> list[str]:
        """Names of migrations that started and never finished."""
        return [row.name for row in self.rows or () if row.failed]

    @property
    def pending(self) -> list[MigrationFile]:
        """Migrations of the project that are not applied, in the order Prisma would take them."""
        return [file for file in self.files if file.name not in self.applied]

    @property
    def missing(self) -> list[str]:
        """Applied in the database, but not in the project: of another release."""
        known = {file.name for file in self.files}
        return [name for name in self.applied if name not in known]

    @property
    def changed(self) -> list[str]:
        """Applied migrations whose file is no longer the one that was applied."""
        files = {file.name: file for file in self.files}
        rows = [row for row in self.rows or () if row.finished and row.name in files]
        return [row.name for row in rows if not has_same_checksum(row, files[row.name])]

    @property
    def complete(self) -> bool:
        """Whether all migrations of the project are applied, none failed, none changed."""
        return self.rows is not None and not (self.pending or self.failed or self.missing or self.changed)

    def as_facts(self) -> dict[str, Any]:
        """Returns both as JSON values."""
        return {
            "table": self.rows is not None,
            "applied": self.applied,
            "pending": [file.name for file in self.pending],
            "failed": self.failed,
            "missing": self.missing,
            "changed": self.changed,
            "rows": [row.as_facts() for row in self.rows or ()],
        }

    def summarize(self) -> str:
        """Returns one line for a person."""
        if self.rows is None:
            return f"the database has no {TABLE}: no migration was ever recorded here"
        parts = [f"{len(self.applied)} of {len(self.files)} applied"]
        for title, names in (
            ("pending", [file.name for file in self.pending]),
            ("FAILED", self.failed),
            ("not in the project", self.missing),
            ("changed since it was applied", self.changed),
        ):
            if names:
                parts.append(f"{title}: {', '.join(names)}")
        return "; ".join(parts)


def has_same_checksum(row: MigrationRow, file: MigrationFile) -> bool:
    """Whether the row is of this file. As in Prisma, LF and CRLF line ends count as the same."""
    unix = file.sql.replace("\r\n", "\n").encode()
    both = (unix, unix.replace(b"\n", b"\r\n"))
    return row.checksum in {file.checksum, *(hashlib.sha256(text).hexdigest() for text in both)}


def read_migration_files(folder: Path) -> tuple[MigrationFile, ...]:
    """Returns the migrations of a project in their order. Raises `Problem` for a missing folder or file."""
    if not folder.is_dir():
        raise Problem(
            f"The project has no migrations in {folder}.",
            means="There is nothing that Prisma could apply. Nothing was changed.",
            next="Check out the release's Prisma project completely.",
        )
    return tuple(_read_file(each) for each in sorted(folder.iterdir()) if each.is_dir())


def _read_file(folder: Path) -> MigrationFile:
    path = folder / "migration.sql"
    if not path.is_file():
        raise Problem(
            f"The migration {folder.name} has no migration.sql.",
            means="Prisma would stop at it (P3015). Nothing was changed.",
            next="Restore the file from the release, or remove the empty folder.",
        )
    content = path.read_bytes()
    return MigrationFile(folder.name, content.decode(), hashlib.sha256(content).hexdigest())


def read_migration_rows(conn: Connection) -> tuple[MigrationRow, ...] | None:
    """Returns the rows of the migration table in the order they started; None without that table."""
    if not (conn.execute("SELECT to_regclass(%s)", [TABLE]).fetchone() or [None])[0]:
        return None
    rows = conn.execute(
        "SELECT migration_name, checksum, started_at, finished_at, rolled_back_at, applied_steps_count, "
        "coalesce(logs, '') FROM _prisma_migrations ORDER BY started_at, migration_name"
    ).fetchall()
    return tuple(
        MigrationRow(
            name, checksum, _format_time(started), _format_time(finished), _format_time(back), steps, logs
        )
        for name, checksum, started, finished, back, steps, logs in rows
    )


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def read_migration_state(folder: Path, conn: Connection) -> MigrationState:
    """Returns files and rows as they are now."""
    return MigrationState(read_migration_files(folder), read_migration_rows(conn))


def find_lock_holders(conn: Connection) -> list[LockHolder]:
    """Returns the sessions that hold Prisma's lock in this database, except our own."""
    rows = conn.execute(
        "SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''), "
        # Another role's session shows neither name nor times to one without pg_read_all_stats.
        "coalesce(extract(epoch FROM clock_timestamp() - a.backend_start)::int, -1) "
        "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = 0 "
        "AND l.objid::bigint = %s AND a.pid <> pg_backend_pid() "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        [LOCK],
    ).fetchall()
    return [LockHolder(*row) for row in rows]


def find_sessions(conn: Connection, application: str) -> list[int]:
    """Returns the process ids of other sessions with that application name in this database."""
    rows = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid() "
        "AND datname = current_database()",
        [application],
    ).fetchall()
    return [row[0] for row in rows]


def refuse_held_lock(conn: Connection) -> None:
    """Raises `Problem` when another session holds Prisma's lock; names the session."""
    holders = find_lock_holders(conn)
    if holders:
        raise Problem(
            f"Another session holds Prisma's migration lock ({LOCK}): {', '.join(map(str, holders))}.",
            means="A deploy runs there now, or one that was killed left its connection behind. "
            "Prisma would wait 10 seconds and give up (P1002). Nothing was started.",
            next="Find out whose session it is. If it is not in use: "
            f"SELECT pg_terminate_backend({holders[0].pid}); then start this item again.",
        )


def record_pre_image(folder: Path, conn: Connection, attempt: str) -> dict[str, Any]:
    """Returns what a probe needs later: the rows and the release's files as they are before the effect."""
    state = read_migration_state(folder, conn)
    return {
        "application": f"cutover:{attempt}" if attempt else "",
        "rows": None if state.rows is None else [row.as_facts() for row in state.rows],
        "release": [{"name": file.name, "checksum": file.checksum} for file in state.files],
    }


def probe_deploy(conn: Connection, before: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Probes what an earlier deploy did. Returns a name of `ProbeStatus`, an observation and the facts.

    Checks first for a living session (by its name, or by the lock), then for a row without an end, then
    whether all or none of the release's migrations are applied. ``before`` is from `record_pre_image`.
    """
    alive = find_sessions(conn, before["application"]) if before.get("application") else []
    holders = find_lock_holders(conn)
    rows = read_migration_rows(conn)
    facts = {
        "sessions": alive,
        "lock": [str(holder) for holder in holders],
        "rows": None if rows is None else [row.as_facts() for row in rows],
    }
    if alive or holders:
        who = ", ".join([*(f"session {pid}" for pid in alive), *(f"lock: {h}" for h in holders)])
        return "STILL_RUNNING", f"Something still works in the database: {who}.", facts
    return (*_probe_rows(rows, before), facts)


def _probe_rows(rows: tuple[MigrationRow, ...] | None, before: Mapping[str, Any]) -> tuple[str, str]:
    stuck = [row.name for row in rows or () if row.failed]
    if stuck:
        return "PARTIAL", (
            f"{', '.join(stuck)} began and has no end; the next deploy would stop with P3009. "
            f"See with the Drift item whether its changes are there, then mark it as applied or rolled back."
        )
    release = [each["name"] for each in before.get("release", [])]
    done = [row.name for row in rows or () if row.finished]
    if release and set(release) <= set(done):
        return "DONE", f"All {len(release)} migrations of the release are applied and finished."
    if _row_identities([row.as_facts() for row in rows or ()]) == _row_identities(before.get("rows") or []):
        return "NOT_DONE", f"{TABLE} is as it was before: {len(done)} applied, nothing added."
    left = [name for name in release if name not in done]
    return "PARTIAL", f"Some were applied, these were not: {', '.join(left)}."


def _row_identities(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    names = ("name", "checksum", "finished_at", "rolled_back_at")
    return {tuple(row[name] for name in names) for row in rows}
