"""Takes a backup: pg_dump, and a fingerprint of the same snapshot to compare a restore with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from integrations import programs
from integrations.backups import fingerprint, scratch_database
from integrations.backups.archive import Archive, BackupContents, measure_disk_space
from integrations.backups.parallel_fingerprint import ParallelFingerprint
from integrations.backups.progress import ProgressReport
from integrations.backups.requirements import read_needs
from integrations.backups.restore_failure import read_failure
from integrations.backups.standby import refuse_standby
from integrations.clients import pgtools, postgres
from integrations.clients.pgtools import Tools
from integrations.clients.postgres_errors import mask_program_line
from integrations.clients.program_locks import watch_program
from integrations.clients.watched_connection import MainThreadReport
from integrations.errors import Problem
from integrations.systems import System

DUMPING = re.compile(r'dumping contents of table "(.+)"')
#: pg_dump limits its wait for a lock by a statement_timeout (its option --lock-wait-timeout).
TIMED_OUT = re.compile(r"canceling statement due to (lock|statement) timeout")
MARGIN = 16_000_000  # bytes that a backup may need beside the tables: definitions, manifest


@dataclass(frozen=True)
class DumpOptions:
    """What to dump and how. ``format`` is ``custom`` or ``directory``; only the latter uses ``jobs``."""

    database: System
    attempt: str
    format: str
    jobs: int

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database["url"]

    @property
    def lock_wait(self) -> float:
        """Seconds that it may wait for the lock of a table."""
        return self.database.seconds("lock_wait", postgres.LOCK_WAIT)


@dataclass(frozen=True)
class DumpPlan:
    """What a backup would do: pg_dump's version and command line, and the bytes that it needs at most."""

    version: str
    command: list[str]
    needed: int


def plan_dump(options: DumpOptions, archive: Archive) -> DumpPlan:
    """Asks the live server what a backup would need; changes nothing. Raises `Problem`, `Unreachable`."""
    with postgres.connect(options.url, readonly=True) as source:
        refuse_standby(source, options.url, "backup")
        tools = _choose_tools(options, source)
        command = _command(options, tools, archive.partial_dump, "SNAPSHOT")
        return DumpPlan(tools.version, command, estimate_size(source))


def take_backup(options: DumpOptions, archive: Archive, report: ProgressReport) -> None:
    """Writes a whole backup into ``archive``, or none.

    Raises `Problem` when the disk is too small, when pg_dump fails or when the server refuses; what
    connections and a cancel raise passes through. In all cases the partial folder is removed.
    """
    try:
        with postgres.explain_errors(options.url), _export_snapshot(options, report) as snapshot:
            facts = _dump_snapshot(options, snapshot, archive, report)
        report.log("Writing the manifest and flushing all files to the disk.")
        archive.finish(facts)
    finally:
        archive.discard()


@dataclass(frozen=True)
class _Snapshot:
    """An exported snapshot: its name for other sessions, and the connection that keeps it alive."""

    connection: postgres.Connection
    name: str
    taken_at: datetime  # by the clock of the database
    clock_ahead: float  # seconds by which that clock was ahead of this host's


@contextmanager
def _export_snapshot(options: DumpOptions, report: ProgressReport) -> Iterator[_Snapshot]:
    """Exports a snapshot that lives as long as this block; other sessions can read exactly what it sees.

    Raises `Problem` on a standby: its snapshot is older than its primary by a lag that grows unseen.
    """
    # The thread of the fingerprint waits on this connection: what it sees there must not be reported.
    own = MainThreadReport(report)
    with postgres.connect_to(options.database, attempt=options.attempt, report=own) as connection:
        refuse_standby(connection, options.url, "backup")
        fingerprint.pin_session_settings(connection)
        connection.execute("begin isolation level repeatable read read only")
        # The snapshot is of this statement, and so is the time. Only the database's own clock dates what is
        # in it: the panel's clock may be a minute away from the one by which its rows are dated.
        row = connection.execute("select pg_export_snapshot(), statement_timestamp()").fetchone()
        assert row is not None
        ahead = (row[1] - datetime.now(UTC)).total_seconds()
        yield _Snapshot(connection, row[0], row[1].astimezone(UTC), round(ahead, 1))
        connection.execute("commit")  # fails when the snapshot was lost on the way


def _dump_snapshot(
    options: DumpOptions, snapshot: _Snapshot, archive: Archive, report: ProgressReport
) -> BackupContents:
    """Fingerprints and dumps the snapshot; returns what the manifest says about it."""
    source, tools = snapshot.connection, _choose_tools(options, snapshot.connection)
    _refuse_small_disk(archive, estimate_size(source), report)
    tables = fingerprint.list_tables(source)
    progress = _DumpProgress(report, max(1, len(tables)))
    report.log(f"Snapshot {snapshot.name}; {len(tables)} tables; pg_dump {tools.version} ({tools.found}).")
    # Sequences are in no snapshot: reading them before and after the dump bounds what it can hold.
    before = fingerprint.read_sequences(source)
    # Before the fingerprint begins, which has the connection to itself from then on.
    env = pgtools.program_environment(options.url, options.attempt, source)
    archive.begin()
    # pg_dump reads this snapshot, too (--snapshot): fingerprint and dump see the same rows.
    with ParallelFingerprint(source, progress.on_table_hashed) as hashing:
        progress.hashing = hashing
        command = _command(options, tools, archive.partial_dump, snapshot.name)
        done = _run_pg_dump(options, command, env, progress)
        if not archive.has_partial_dump:
            raise _no_archive(done)
        contents = hashing.result(progress.raise_if_cancelled)
    return {
        "attempt": options.attempt,
        "format": options.format,
        "taken_at": snapshot.taken_at.isoformat(),
        "clock_ahead": snapshot.clock_ahead,
        "snapshot": snapshot.name,
        "source": {**postgres.read_identity(source), "address": postgres.address(options.url)},
        "locale": scratch_database.read_locale(source),
        "position": _read_wal_position(source),
        "pg_dump": tools.version,
        "pg_dump_major": tools.major,
        "seconds": round(done.seconds, 3),
        "warnings": progress.warnings,
        "fingerprint": contents,
        "digest": fingerprint.compute_digest(contents),
        "needs": read_needs(source),
        "sequences": {"before": before, "after": fingerprint.read_sequences(source)},
    }


@dataclass
class _DumpProgress:
    """Progress over two passes at the same time: each table is hashed once, and dumped once.

    It is the report of the running pg_dump, which ends when the fingerprint fails.
    """

    report: ProgressReport
    tables: int
    hashing: ParallelFingerprint | None = None
    hashed: int = 0
    dumped: int = 0
    warnings: list[str] = field(default_factory=list)

    def on_table_hashed(self, name: str, done: int, total: int) -> None:
        """Counts only: it is called in the fingerprint's thread, and reports come from the main thread."""
        self.hashed = done

    def log(self, line: str, *, stream: str = "", more: bool = False) -> None:
        """Adds the line."""
        self.report.log(line, stream=stream, more=more)

    def progress(self, done: float, total: float, what: str = "") -> None:
        """Shows the progress."""
        self.report.progress(done, total, what)

    def raise_if_cancelled(self) -> None:
        """Raises what the report does, and what the fingerprint met."""
        self.report.raise_if_cancelled()
        if self.hashing is not None:
            self.hashing.raise_if_failed()

    def on_line(self, line: str) -> None:
        """Logs a line of pg_dump; one that begins a table moves the progress bar."""
        self.report.log(mask_program_line(line))
        found = DUMPING.search(line)
        if found:
            self.report.progress(self.hashed + self.dumped, 2 * self.tables, f"dump of {found[1]}")
            self.dumped += 1
        if line.startswith("pg_dump: warning:"):
            self.warnings.append(line)


def _run_pg_dump(
    options: DumpOptions, command: list[str], env: dict[str, str], progress: _DumpProgress
) -> programs.CompletedProgram:
    """Runs pg_dump. Raises `Problem` with what it said when it fails."""
    name = f"cutover:{options.attempt}"
    with watch_program(options.url, name, progress, program="pg_dump", limit=options.lock_wait) as watched:
        done = programs.run(
            command,
            env=env,
            report=watched,
            attempt=options.attempt,
            on_line=progress.on_line,
        )
    if not done.ok:
        failure = read_failure(done.stderr, done.code)
        held = watched.holder if TIMED_OUT.search(done.stderr) else ""
        remedy = "" if held else failure.remedy or "Remove the cause that pg_dump names."
        raise Problem(
            f"pg_dump failed: {failure}. {held}".strip(),
            means="There is no backup of this attempt; what was written of it is removed.",
            next=f"{remedy} Then start the item again.".strip(),
        )
    return done


def _no_archive(done: programs.CompletedProgram) -> Problem:
    """A program in the place of pg_dump that does nothing, or a wrapper that lost its exit code."""
    return Problem(
        f"{done.argv[0]} ended without an error and has written no archive.",
        means="There is no backup of this attempt. What answers there may not be pg_dump itself.",
        next="Run it by hand with --version, read the log for what it said, then start the item again.",
    )


def _command(options: DumpOptions, tools: Tools, target: Path, snapshot: str) -> list[str]:
    directory = options.format == "directory"
    layout = ["--format=directory", f"--jobs={options.jobs}"] if directory else ["--format=custom"]
    fixed = ["--no-password", "--verbose", f"--lock-wait-timeout={options.lock_wait:g}s", "--compress=5"]
    return [str(tools.dump), *layout, *fixed, f"--snapshot={snapshot}", f"--file={target}"]


def _choose_tools(options: DumpOptions, source: postgres.Connection) -> Tools:
    sslmode = postgres.connection_settings(options.url).get("sslmode", "")
    return pgtools.choose(
        pgtools.server_major_version(source), configured=options.database.get("bin"), sslmode=sslmode
    )


def _refuse_small_disk(archive: Archive, needed: int, report: ProgressReport) -> None:
    folder = archive.path.parent
    space = measure_disk_space(folder, needed)
    report.log(f"Disk: {space}.")
    if not space.suffices:
        raise Problem(
            f"The disk has not enough room for the backup: {space}.",
            means="Nothing was written.",
            next=f"Free some, or keep the panel's data elsewhere than {folder.parent}.",
        )


def estimate_size(source: postgres.Connection) -> int:
    """Returns an upper bound of a backup's bytes: all tables without their indexes, uncompressed."""
    row = source.execute(
        "select coalesce(sum(pg_table_size(c.oid)), 0) from pg_class c"
        " join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'm')"
        " and (nspname !~ '^(pg_|information_schema$)' or relname = 'pg_largeobject')"
    ).fetchone()
    assert row is not None
    return int(row[0]) + MARGIN


def _read_wal_position(source: postgres.Connection) -> str:
    row = source.execute("select pg_current_wal_lsn()::text").fetchone()  # standbys are refused before
    return str(row[0]) if row else ""
