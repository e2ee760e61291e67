"""Keeps the alignment migration in the project: found again on every run, never written over."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from integrations.clients.postgres import Connection
from integrations.clients.prisma_alignment import Alignment
from integrations.clients.prisma_migrations import Migration, read_files
from integrations.clients.sql_review import Change, review
from integrations.errors import Problem

SUFFIX = "_align_with_datamodel"


def found_in(folder: Path) -> Migration | None:
    """The alignment migration that the project has already, the newest if there are several."""
    found = [each for each in read_files(folder) if each.name.endswith(SUFFIX)]
    return found[-1] if found else None


def write(folder: Path, alignment: Alignment) -> Migration:
    """Puts the migration into the project, or finds it there with the very same SQL.

    The folder appears whole or not at all. Raises `Problem` when one of that name has other SQL.
    """
    there = found_in(folder)
    if there and there.sql == alignment.sql:
        return there
    if there:
        raise Problem(
            f"The project has an alignment migration already ({there.name}), with other SQL.",
            means="It was made from a database that differed from this one, or with other defaults. "
            "Nothing was changed.",
            next=f"If it was applied nowhere, remove {folder / there.name} and start again; "
            "else find out with the Drift item how the two databases differ.",
        )
    name = f"{datetime.now(UTC):%Y%m%d%H%M%S}{SUFFIX}"
    partial = folder.parent / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    (partial / "migration.sql").write_bytes(alignment.sql.encode())
    partial.rename(folder / name)
    return Migration(name, alignment.sql, alignment.sha256)


def refuse_failing(alignment: Alignment, conn: Connection) -> None:
    """Raises `Problem` when the live rows, counted now, would stop the alignment."""
    found = review(alignment.sql, conn)
    if found.failing:
        first = found.failing[0]
        reasons = "; ".join(f"{check.count} {check.words}" for check in first.checks if check.count)
        raise Problem(
            f"The alignment would fail at statement {first.number} ({first.summary}): {reasons}.",
            means=f"{len(found.failing)} statements meet rows that they cannot pass. Nothing was changed.",
            next="Correct those rows on the old side, or give values under defaults: of this item.",
        )


def notes(alignment: Alignment) -> list[str]:
    """What a person should weigh, one sentence each."""
    counts = review(alignment.sql).counts
    said = [f"{count} statements: {kind}" for kind, count in counts.items() if kind != Change.METADATA.value]
    return [*said, *(f"back-fill: {each.in_words}" for each in alignment.backfills)]
