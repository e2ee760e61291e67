"""Restores a backup into an empty database, and compares the result with the backup's fingerprint."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations import programs
from integrations.backups import fingerprint
from integrations.backups.archive import Archive, Manifest
from integrations.backups.fingerprint import BackupFingerprint
from integrations.backups.progress import ProgressReport
from integrations.backups.requirements import find_lacks
from integrations.backups.restore_failure import FaultOf, RestoreFailure, read_failure
from integrations.clients import pgtools, postgres
from integrations.clients.postgres_errors import mask_program_line
from integrations.clients.program_locks import watch_program
from integrations.errors import Problem
from integrations.systems import System

RESTORING = re.compile(r'processing data for table "(.+)"')
#: A copy of a subscription would have the live one's replication slot: whoever drops the copy, or enables it,
#: takes the slot away from the live database.
LEFT_OUT = ("--no-subscriptions",)

UNKNOWN_CAUSE = (
    "The panel does not know this cause: read pg_restore's lines in the log. Where it lies in the server "
    "that was restored to, start this item again; else take a new backup."
)


@dataclass
class RestoreResult:
    """What a restore showed.

    ``problems`` are sentences (none: the copy is equal), ``remedy`` is what helps against them ("": a new
    backup), ``notes`` are worth knowing without being problems, ``seconds`` is the time of pg_restore (None:
    it did not run).
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remedy: str = ""
    seconds: float | None = None
    digest: str = ""
    tables: int = 0
    rows: int = 0


@dataclass(frozen=True)
class RestoreTarget:
    """The database to restore into: its address, its server's major version, the system it belongs to."""

    url: str
    major: int
    system: System
    attempt: str


def restore_and_compare(
    archive: Archive,
    manifest: Manifest,
    target: RestoreTarget,
    report: ProgressReport,
    *,
    jobs: int = 2,
    options: Sequence[str] = (),
) -> RestoreResult:
    """Runs pg_restore with ``options``, then compares every table with the manifest's fingerprint.

    A pg_restore that fails and a copy that differs are ``problems`` of the result. Raises what
    connections raise, `Problem` when no pg_restore suits or the server cannot take the backup, and what
    ``report`` raises on a cancel.
    """
    refuse_lacks(manifest, target.url, target.attempt)
    progress = _RestoreProgress(report, max(1, len(manifest["fingerprint"]["tables"])))
    started = time.monotonic()
    # The script of pg_restore lifts the lock_timeout of its sessions: only the watch ends a wait.
    with postgres.connect(target.url, attempt=target.attempt) as place:
        env = pgtools.program_environment(target.url, target.attempt, place)
    name, limit = f"cutover:{target.attempt}", target.system.seconds("lock_wait", postgres.LOCK_WAIT)
    with watch_program(target.url, name, report, program="pg_restore", limit=limit) as watched:
        done = programs.run(
            [*_command(manifest, target, options), f"--jobs={jobs}", str(archive.dump)],
            env=env,
            report=watched,
            attempt=target.attempt,
            on_line=progress.on_line,
        )
    result = RestoreResult(seconds=round(time.monotonic() - started, 3))
    if not done.ok:
        failure = read_failure(done.stderr, done.code)
        if failure.fault == FaultOf.PLACE:
            raise _place_problem(target, failure)
        result.problems.append(f"pg_restore failed at {failure}.")
        result.remedy = failure.remedy or UNKNOWN_CAUSE
        return result
    _compare(result, manifest, target, progress)
    return result


@dataclass
class _RestoreProgress:
    """Progress over two passes: each table is restored first, and compared later."""

    report: ProgressReport
    tables: int
    restored: int = 0

    def on_line(self, line: str) -> None:
        """Logs a line of pg_restore; one that begins a table moves the progress bar."""
        self.report.log(mask_program_line(line))
        found = RESTORING.search(line)
        if found:
            self.report.progress(self.restored, 2 * self.tables, f"restoring {found[1]}")
            self.restored += 1

    def on_table_compared(self, name: str, done: int, total: int) -> None:
        self.report.raise_if_cancelled()
        self.report.progress(total + done, 2 * total, f"comparing {name}")


def refuse_lacks(manifest: Manifest, url: str, attempt: str) -> None:
    """Raises `Problem` that names everything at once that this server lacks for the backup."""
    if not (needs := manifest.get("needs")):
        return
    with postgres.connect(url, attempt=attempt) as place:
        missing = find_lacks(needs, place)["missing"]
    if missing:
        raise Problem(
            f"{postgres.address(url).partition('/')[0]} cannot take this backup.",
            means="The cause is that server: the backup is neither verified nor refuted.",
            next=" ".join(missing),
        )


def _place_problem(target: RestoreTarget, failure: RestoreFailure) -> Problem:
    server = postgres.address(target.url).partition("/")[0]
    return Problem(
        f"{server} cannot take this backup. pg_restore failed at {failure}.",
        means="The cause is that server or the login there: the backup is neither verified nor refuted.",
        next=f"{failure.remedy} Then start this item again.",
    )


def _command(manifest: Manifest, target: RestoreTarget, options: Sequence[str]) -> list[str]:
    settings = postgres.connection_settings(target.url)
    tools = pgtools.choose(
        target.major,
        configured=target.system.get("bin"),
        sslmode=settings.get("sslmode", ""),
        archive=manifest["pg_dump_major"],
    )
    fixed = ["--exit-on-error", *LEFT_OUT, "--no-password", "--verbose"]
    return [str(tools.restore), *fixed, f"--dbname={settings['dbname']}", *options]


def _compare(
    result: RestoreResult, manifest: Manifest, target: RestoreTarget, progress: _RestoreProgress
) -> None:
    source = manifest["fingerprint"]
    wait = target.system.seconds("lock_wait", postgres.LOCK_WAIT)
    with postgres.connect(
        target.url, attempt=target.attempt, report=progress.report, lock_wait=wait
    ) as restored:
        fingerprint.pin_session_settings(restored)
        copy = fingerprint.compute_fingerprint(restored, progress.on_table_compared)
        sequences = fingerprint.read_sequences(restored)
    result.problems += fingerprint.describe_differences(source, copy)
    result.problems += fingerprint.describe_sequence_differences(**manifest["sequences"], copy=sequences)
    result.digest = fingerprint.compute_digest(copy)
    result.tables, result.rows = len(copy["tables"]), fingerprint.count_rows(copy)
    result.notes += _collect_notes(manifest, copy)


def _collect_notes(manifest: Manifest, copy: BackupFingerprint) -> list[str]:
    """Returns what does not make the copy unequal and is still worth knowing."""
    notes, source = [], manifest["fingerprint"]
    if subscriptions := manifest.get("needs", {}).get("subscriptions"):
        notes.append(
            f"Subscriptions are not restored: {', '.join(subscriptions)}. A copy would have the live one's "
            "replication slot."
        )
    if source["foreign"]:
        notes.append(f"Rows of foreign tables are in no backup: {', '.join(source['foreign'])}.")
    for name in sorted(set(source["extensions"]) & set(copy["extensions"])):
        if source["extensions"][name] != copy["extensions"][name]:
            versions = f"{copy['extensions'][name]} instead of {source['extensions'][name]}"
            notes.append(f"The extension {name} is restored in version {versions}.")
    return notes
