"""The database that a rollback restores into, beside the live one whose place it takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from integrations.backups import database_swap, scratch_database
from integrations.backups.archive import Archive, Manifest
from integrations.backups.progress import ProgressReport
from integrations.backups.restore import RestoreResult, RestoreTarget, restore_and_compare
from integrations.clients import lock_waits, pgtools, postgres
from integrations.errors import Problem, Unreachable
from integrations.systems import System


def refuse_small_disk(archive: Archive) -> None:
    """Raises `Problem` when this host's disk has less room than the backup has bytes."""
    # PostgreSQL does not tell how much room the server's disk has. An embedded server uses this host's disk.
    need = archive.measure_size()
    free = shutil.disk_usage(archive.path).free
    if free < need:
        raise Problem(
            f"The disk has {free:,} bytes free, and the backup alone is {need:,}.",
            means="The restore would run out of disk space; nothing was done.",
            next="Make room on the database server, then start it again.",
        )


@contextmanager
def create_incoming_database(
    admin: postgres.Connection, name: str, manifest: Manifest, report: ProgressReport
) -> Iterator[None]:
    """Creates the database with the locale of the backup.

    At the end it is dropped, unless it was renamed: then it has taken the place of the live one.
    """
    for note in scratch_database.create_database(admin, name, manifest["locale"]):
        report.log(note)
    report.log(f"Created {name}.")
    try:
        yield
    finally:
        if database_swap.find_database(admin, name):
            scratch_database.drop_database(admin, name)
            report.log(f"Dropped {name}; the live database was not changed.")


def restore_incoming_database(
    admin: postgres.Connection,
    live: System,
    name: str,
    archive: Archive,
    manifest: Manifest,
    report: ProgressReport,
    *,
    attempt: str,
    jobs: int,
) -> RestoreResult:
    """Restores into the database, compares, and gathers statistics for the planner."""
    url = postgres.with_database(live["url"], name)
    target = RestoreTarget(url, pgtools.server_major_version(admin), live, attempt)
    with database_swap.grant_create_to_owners(live["url"], url, attempt):
        try:
            result = restore_and_compare(archive, manifest, target, report, jobs=jobs)
        except Unreachable:
            raise
        except Problem as problem:
            raise Problem(
                problem.what, means=f"{problem.means} The live database was not changed.", next=problem.next
            ) from problem
    if not result.problems:
        with postgres.connect(url, attempt=attempt, report=report) as inside:
            lock_waits.execute_alone(inside, "analyze")
    return result
