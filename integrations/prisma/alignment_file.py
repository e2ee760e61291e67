"""Saves the alignment migration in the project; finds it again on every run and never overwrites it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from integrations.clients.postgres import Connection
from integrations.errors import Problem
from integrations.prisma.alignment import Alignment
from integrations.prisma.migrations import MigrationFile, read_migration_files
from integrations.sql_review import review_script

SUFFIX = "_align_with_datamodel"


def find_alignment_migration(folder: Path) -> MigrationFile | None:
    """Returns the alignment migration that the project has already (the newest of several), or None."""
    found = [each for each in read_migration_files(folder) if each.name.endswith(SUFFIX)]
    return found[-1] if found else None


def save_alignment(folder: Path, alignment: Alignment) -> MigrationFile:
    """Writes the migration into the project, or returns the one that is there with the very same SQL.

    The folder appears whole or not at all. Raises `Problem` when the one that is there has other SQL.
    """
    existing = find_alignment_migration(folder)
    if existing and existing.sql == alignment.sql:
        return existing
    if existing:
        raise Problem(
            f"The project has an alignment migration already ({existing.name}), with other SQL.",
            means="It was made from a database that differed from this one, or with other defaults. "
            "Nothing was changed.",
            next=f"If it was applied nowhere, remove {folder / existing.name} and start again; "
            "else find out with the Drift item how the two databases differ.",
        )
    name = f"{datetime.now(UTC):%Y%m%d%H%M%S}{SUFFIX}"
    partial = folder.parent / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    (partial / "migration.sql").write_bytes(alignment.sql.encode())
    partial.rename(folder / name)
    return MigrationFile(name, alignment.sql, alignment.sha256)


def refuse_failing_alignment(alignment: Alignment, conn: Connection) -> None:
    """Raises `Problem` when the live rows, counted now, would stop the alignment."""
    found = review_script(alignment.sql, conn)
    if found.failing:
        first = found.failing[0]
        raise Problem(
            f"The alignment would fail at statement {first.number} ({first.summary}): "
            f"{first.describe_failure()}.",
            means=f"{len(found.failing)} statements meet rows that they cannot pass. Nothing was changed.",
            next="Correct those rows on the old side, or give values under defaults: of this item.",
        )
