"""Takes a backup of a database, with a fingerprint of what it held in the very same snapshot."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from integrations import programs
from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import archive, fingerprint, pgtools, postgres, retention, scratch_database
from integrations.clients.archive import Archive
from integrations.clients.pgtools import Tools
from integrations.errors import Problem
from integrations.systems import System

FORMATS = [("custom", "one file"), ("directory", "a file a table, dumped in parallel")]
DUMPING = re.compile(r'dumping contents of table "(.+)"')


@register
class BackupTake(Action):
    """``pg_dump`` under an exported snapshot; it is *verified* only by ``backup.verify``."""

    key, title = "backup.take", "Take a backup of the database"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(hours=2)

    class Params(ActionForm):
        """``database``: what to back up. ``format``: custom (default) or directory. ``jobs``: with
        directory, how many tables are dumped at once (default 2)."""

        database = SystemField(kind="postgres")
        format = forms.ChoiceField(choices=FORMATS, required=False)
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)

    def resource(self, params: Values) -> str:
        """One backup of a database at a time: they would only slow each other down."""
        return f"db:{postgres.address(params.database['url'])}:backup"

    def preview(self, params: Values) -> Preview:
        """The command line, the place, and the disk it needs, measured on the live server."""
        target = _place(params)
        with postgres.connect(params.database["url"], readonly=True) as source:
            tools = _tools(params.database, pgtools.major(source))
            needed = _bytes(source)
        free, words = archive.room(params.context.folder, needed)
        command = " ".join(map(str, _command(params, tools, target.partial / "dump", "SNAPSHOT")))
        lines = [
            f"Export a snapshot, and fingerprint every table in it (PostgreSQL {tools.version}).",
            command,
            f"SHA-256 of every file, then the name {target.path}.",
            f"Disk: {words}.",
        ]
        warnings = [] if free > needed else ["There is not enough disk: it would be refused."]
        return Preview(lines, where=postgres.address(params.database["url"]), warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """Where the backup will be."""
        return {"path": str(_place(params).path), "attempt": params.context.attempt}

    def run(self, params: Values, report: Report) -> Outcome:
        """Dumps and fingerprints one snapshot; leaves a whole backup or none."""
        target, url = _place(params), params.database["url"]
        report.secret(postgres.settings(url).get("password", ""))
        _remove_stale(params, report)
        try:
            with postgres.in_words(url), _snapshot(url, params.context.attempt) as snapshot:
                facts = _dump(params, snapshot, target, report)
            report.log("Writing the manifest; bringing everything to the disk.")
            sha256 = target.finish(facts)
        finally:
            target.discard()
        evidence = _evidence(target, facts, sha256)
        report.evidence(backup=evidence)
        report.log(f"{target.path.name}: SHA-256 of the manifest {sha256}")
        what = f"{evidence['tables']} tables with {evidence['rows']:,} rows"
        size = archive.size(evidence["bytes"])
        return Outcome(True, f"{what} in {size}; not yet verified: restore it with backup.verify.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks for the finished folder, its manifest and every SHA-256."""
        target = archive.place(
            params.context.folder, postgres.address(params.database["url"]), before["attempt"]
        )
        if programs.leftovers(before["attempt"]):
            return Finding(Seen.STILL_RUNNING, "The attempt's pg_dump still runs on this host.")
        if not target.path.exists():
            rest = f" An unfinished {target.partial.name} is there." if target.partial.exists() else ""
            return Finding(Seen.NOT_DONE, f"There is no {target.path.name}.{rest}")
        manifest, sha256 = target.manifest()
        damages = target.damages(manifest)
        if damages:
            return Finding(Seen.PARTIAL, f"{target.path.name} is there, but damaged: {' '.join(damages)}")
        evidence = _evidence(target, manifest, sha256)
        return Finding(Seen.DONE, f"{target.path.name} is whole (SHA-256 {sha256}).", {"backup": evidence})


@dataclass
class _Progress:
    """Two passes over the tables: fingerprints first, then the dump."""

    report: Report
    tables: int
    dumped: int = 0
    warnings: list[str] = field(default_factory=list)

    def hashing(self, name: str, done: int, total: int) -> None:
        self.report.raise_if_cancelled()
        self.report.progress(done, 2 * self.tables, f"fingerprint of {name}")

    def line(self, line: str) -> None:
        """A line of pg_dump: all are logged, those that begin a table move the bar."""
        self.report.log(line)
        found = DUMPING.search(line)
        if found:
            self.report.progress(self.tables + self.dumped, 2 * self.tables, f"dump of {found[1]}")
            self.dumped += 1
        if re.match(r"pg_dump: warning:", line):
            self.warnings.append(line)


@dataclass(frozen=True)
class _Snapshot:
    connection: postgres.Connection
    name: str


@contextmanager
def _snapshot(url: str, attempt: str) -> Iterator[_Snapshot]:
    """A snapshot that lives as long as this block: others may read exactly what it sees."""
    with postgres.connect(url, attempt=attempt) as connection:
        fingerprint.pin(connection)
        connection.execute("begin isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        yield _Snapshot(connection, row[0])
        connection.execute("commit")  # fails when the snapshot was lost on the way


def _dump(params: Values, snapshot: _Snapshot, target: Archive, report: Report) -> dict[str, Any]:
    source, attempt, url = snapshot.connection, params.context.attempt, params.database["url"]
    tools = _tools(params.database, pgtools.major(source))
    _check_room(params, source, report)
    tables = source.execute(fingerprint.RELATIONS, [["r"]]).fetchall()
    progress = _Progress(report, max(1, len(tables)))
    taken_at = datetime.now(UTC).isoformat()
    report.log(f"Snapshot {snapshot.name}; {len(tables)} tables; pg_dump {tools.version} ({tools.found}).")
    contents = fingerprint.take(source, progress.hashing)
    before = fingerprint.sequences(source)
    command = _command(params, tools, target.begin(), snapshot.name)
    env = pgtools.program_environment(url, attempt)
    done = programs.run(command, env=env, report=report, attempt=attempt, on_line=progress.line)
    if not done.ok:
        raise _failed(done)
    return {
        "attempt": attempt,
        "format": params.format or "custom",
        "taken_at": taken_at,
        "snapshot": snapshot.name,
        "source": {**postgres.identity(source), "address": postgres.address(url)},
        "locale": scratch_database.locale_of(source),
        "position": _position(source),
        "pg_dump": tools.version,
        "pg_dump_major": tools.major,
        "seconds": round(done.seconds, 3),
        "warnings": progress.warnings,
        "fingerprint": contents,
        "digest": fingerprint.digest(contents),
        "sequences": {"before": before, "after": fingerprint.sequences(source)},
    }


def _command(params: Values, tools: Tools, target: Any, snapshot: str) -> list[str]:
    directory = params.format == "directory"
    how = ["--format=directory", f"--jobs={params.jobs or 2}"] if directory else ["--format=custom"]
    fixed = ["--no-password", "--verbose", "--lock-wait-timeout=10s", "--compress=5"]
    return [str(tools.dump), *how, *fixed, f"--snapshot={snapshot}", f"--file={target}"]


def _failed(done: programs.Finished) -> Problem:
    said = [line for line in done.stderr.splitlines() if re.search(r"error:|fatal|FATAL", line)]
    return Problem(
        f"pg_dump ended with code {done.code}: {' '.join(said[-2:]) or 'it gave no reason'}",
        means="There is no backup of this attempt; what was written of it is removed.",
        next="Remove the cause that pg_dump names, then start the item again.",
    )


def _tools(database: System, server: int) -> Tools:
    sslmode = postgres.settings(database["url"]).get("sslmode", "")
    return pgtools.choose(server, configured=database.get("bin"), sslmode=sslmode)


def _place(params: Values) -> Archive:
    address = postgres.address(params.database["url"])
    return archive.place(params.context.folder, address, params.context.attempt or "preview")


def _remove_stale(params: Values, report: Report) -> None:
    """The resource of this action is ours, so whoever wrote these is dead."""
    for path in archive.stale(params.context.folder, postgres.address(params.database["url"])):
        retention.refuse_held(path)
        report.log(f"Removing {path.name}, which an earlier attempt did not finish.")
        shutil.rmtree(path)


def _check_room(params: Values, source: postgres.Connection, report: Report) -> None:
    needed = _bytes(source)
    free, words = archive.room(params.context.folder, needed)
    report.log(f"Disk: {words}.")
    if free <= needed:
        raise Problem(
            f"The disk has not enough room for the backup: {words}.",
            means="Nothing was written.",
            next=f"Free some, or keep the panel's data elsewhere than {params.context.folder}.",
        )


def _bytes(source: postgres.Connection) -> int:
    """Bytes of all tables without their indexes, and 16 MB: compressed, a dump stays well below."""
    row = source.execute(
        "select coalesce(sum(pg_table_size(c.oid)), 0) from pg_class c"
        " join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'm')"
        " and (nspname !~ '^(pg_|information_schema$)' or relname = 'pg_largeobject')"
    ).fetchone()
    assert row is not None
    return int(row[0]) + 16_000_000


def _position(source: postgres.Connection) -> str:
    row = source.execute(
        "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()::text"
        " else pg_current_wal_lsn()::text end"
    ).fetchone()
    return str(row[0]) if row else ""


def _evidence(target: Archive, facts: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    tables = facts["fingerprint"]["tables"]
    return {
        "path": str(target.path),
        "bytes": sum(f.stat().st_size for f in archive.files(target.path)),
        "sha256": sha256,
        "format": facts["format"],
        "taken_at": facts["taken_at"],
        "digest": facts["digest"],
        "fingerprint": facts["digest"],
        "tables": len(tables),
        "rows": fingerprint.rows(facts["fingerprint"]),
        "counts": dict(list({name: t["rows"] for name, t in tables.items()}.items())[:1000]),
        "source": facts["source"],
        "pg_dump": facts["pg_dump"],
        "seconds": facts["seconds"],
        "warnings": facts["warnings"],
    }
