"""Applies the rehearsed alignment migration to the live database, byte for byte, and proves the result."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from integrations import actions
from integrations.actions.prisma_drift import DriftFacts
from integrations.actions.rehearsal_run import AlignmentRehearsal, PrismaAlignRehearseEvidence
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.prisma.alignment import Alignment, build_alignment
from integrations.prisma.alignment_file import (
    find_alignment_migration,
    refuse_failing_alignment,
    save_alignment,
)
from integrations.prisma.cli import Prisma
from integrations.prisma.cli_locks import wait_for_script_locks
from integrations.prisma.failed_migration import explain_remains
from integrations.prisma.migrations import (
    MigrationFile,
    probe_deploy,
    read_migration_state,
    record_pre_image,
    refuse_held_lock,
)
from integrations.sql_review import RowImpact, review_script
from integrations.systems import System

LINES_SHOWN = 12  # of a difference between two scripts
STEPS = 4  # of a run, for its progress


@dataclass(frozen=True)
class PrismaAlignParams(actions.ActionParams):
    """The project, and the item that rehearsed the alignment."""

    prisma: System
    rehearsal: actions.EarlierItem[PrismaAlignRehearseEvidence]


class AlignedFacts(TypedDict):
    """The migration as it was applied; only its name where nothing had to be aligned."""

    migration: str
    sha256: NotRequired[str]
    rows: NotRequired[list[dict[str, Any]]]
    checksum_equal: NotRequired[bool]


class PrismaAlignEvidence(TypedDict, total=False):
    """What a run records. ``drift`` has the same form as that of prisma.drift."""

    aligned: AlignedFacts
    drift: DriftFacts


@actions.register
class PrismaAlign(actions.Action[PrismaAlignParams, PrismaAlignEvidence]):
    """Refuses when the live diff no longer gives the SQL that was rehearsed."""

    key, title = "prisma.align", "Align the database with the datamodel"
    effect = actions.Effect.AT_MOST_ONCE
    risky = True

    class Params(actions.ActionForm):
        """``rehearsal``: the item that rehearsed it (prisma.align_rehearse); its decisions apply here."""

        prisma = actions.SystemField(kind="prisma")
        rehearsal = actions.EvidenceField(action="prisma.align_rehearse")

    def resource(self, params: PrismaAlignParams) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: PrismaAlignParams) -> actions.Preview:
        """The rehearsed SQL with its back-fills, the live rows that it affects, and the measured time."""
        prisma = Prisma(params.prisma)
        facts = params.rehearsal.evidence.get("rehearsal")
        if not facts:
            return actions.Preview(
                ["Nothing yet: the rehearsal builds and measures the alignment."],
                where=prisma.where,
                warnings=[f"Run the rehearsal first ({params.rehearsal.key})."],
            )
        sql = _read_rehearsed_sql(params.rehearsal, facts)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            review = review_script(sql, conn)
        lines = [
            f"Write {len(review)} statements ({review.summarize()}) into the project as a migration:",
            *(f"  {each.sql}" for each in review if "SET" in each.sql or each.count_rows(RowImpact.FAILS)),
            prisma.format_command("migrate", "deploy"),
            "Diff again: it has to be empty.",
        ]
        time = f"In the rehearsal it took {facts['seconds']} s; strong locks on {len(facts['locks'])} tables."
        losses = [f"Drops {name}, as accepted." for name in facts["losses"]]
        return actions.Preview(lines, where=prisma.where, warnings=[time, *losses, *facts["backfills"]])

    def before(self, params: PrismaAlignParams) -> dict[str, Any]:
        """The rows and migrations as they are, and the digest of what is to be applied."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            image = record_pre_image(prisma.migrations, conn, params.context.attempt)
        return {**image, "alignment": _read_rehearsal(params)["sha256"]}

    def run(
        self, params: PrismaAlignParams, report: actions.RunReport[PrismaAlignEvidence]
    ) -> actions.Outcome:
        """Builds the alignment again from the live diff, compares, writes, deploys, and proves it."""
        facts, attempt = _read_rehearsal(params), params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        report.progress(0, STEPS, "comparing with what was rehearsed")
        diff = prisma.diff()
        if not diff:
            return _report_aligned_already(prisma, report)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            alignment = _rebuild_alignment(prisma, diff, params.rehearsal, facts, conn)
            refuse_failing_alignment(alignment, conn)
            migration = _save_migration(prisma, alignment, conn)
            review = review_script(alignment.sql, conn)
        lock_wait = params.prisma.seconds("lock_wait", postgres.LOCK_WAIT)
        wait_for_script_locks(prisma.url, [review], report, attempt=attempt, seconds=lock_wait)
        report.progress(1, STEPS, f"migrate deploy: {migration.name}")
        with explain_remains(prisma):
            prisma.run("migrate", "deploy")
        report.progress(3, STEPS, "checking that the diff is empty")
        return _prove(prisma, migration, report)

    def probe(self, params: PrismaAlignParams, before: Mapping[str, Any]) -> actions.Finding:
        """The probe of a deployment, for the one migration that has the rehearsed digest."""
        prisma = Prisma(params.prisma)
        existing = find_alignment_migration(prisma.migrations)
        written = existing is not None and existing.checksum == before.get("alignment")
        name = existing.name if existing and written else "the alignment (not written into the project)"
        release = [*before.get("release", []), {"name": name}]
        with postgres.connect(prisma.url, readonly=True) as conn:
            status, observed, facts = probe_deploy(conn, {**before, "release": release})
        return actions.Finding(actions.ProbeStatus(status), observed, {**facts, "written": written})


def _read_rehearsed_sql(
    rehearsal: actions.EarlierItem[PrismaAlignRehearseEvidence], facts: AlignmentRehearsal
) -> str:
    store = rehearsal.context.artefacts
    return store.fetch(facts["file"], host=rehearsal.host, sha256=facts["sha256"]).read_text()


def _read_rehearsal(params: PrismaAlignParams) -> AlignmentRehearsal:
    facts = params.rehearsal.evidence.get("rehearsal")
    if not facts or not facts.get("aligned"):
        raise Problem(
            f"The alignment was not rehearsed successfully ({params.rehearsal.key}).",
            means="It is not known how long it takes, or whether it works. Nothing was changed.",
            next="Run the rehearsal of the alignment on the restored backup first.",
        )
    return facts


def _rebuild_alignment(
    prisma: Prisma,
    diff: str,
    rehearsal: actions.EarlierItem[PrismaAlignRehearseEvidence],
    facts: AlignmentRehearsal,
    conn: postgres.Connection,
) -> Alignment:
    """The alignment of the live database. Raises `Problem` unless it is the rehearsed one."""
    alignment = build_alignment(
        diff,
        conn,
        defaults=facts["defaults"],
        may_lose=facts["may_lose"],
        explicit_transaction=prisma.engine == "adapter",
    )
    if alignment.sha256 == facts["sha256"]:
        return alignment
    old, new = _read_rehearsed_sql(rehearsal, facts).splitlines(), alignment.sql.splitlines()
    lines = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[:1] in "+-"][2:]
    raise Problem(
        f"The live database needs other SQL than was rehearsed ({len(lines)} lines differ): "
        f"{' | '.join(lines[:LINES_SHOWN])}",
        means="Database or datamodel changed since the rehearsal, or it ran on another backup. "
        "Nothing was changed.",
        next="Take and verify a new backup, rehearse the alignment on it, then start this item again.",
    )


def _save_migration(prisma: Prisma, alignment: Alignment, conn: postgres.Connection) -> MigrationFile:
    """Writes the migration into the project. Raises `Problem` when another one is pending."""
    state = read_migration_state(prisma.migrations, conn)
    existing = find_alignment_migration(prisma.migrations)
    others = [file.name for file in state.pending if existing is None or file.name != existing.name]
    if others or state.rows is None:
        raise Problem(
            f"Other migrations are not applied yet: {', '.join(others)}.",
            means="They would be applied along with the alignment, unreviewed. Nothing was changed.",
            next="Run the Baseline and Deploy items first, then this one.",
        )
    return save_alignment(prisma.migrations, alignment)


def _prove(
    prisma: Prisma, migration: MigrationFile, report: actions.RunReport[PrismaAlignEvidence]
) -> actions.Outcome:
    """Reads the row, compares its checksum, and diffs again."""
    with postgres.connect(prisma.url, attempt=prisma.attempt, readonly=True) as conn:
        state = read_migration_state(prisma.migrations, conn)
    remaining = review_script(prisma.diff())
    rows = [row.as_facts() for row in state.rows or () if row.name == migration.name and row.finished]
    equal = migration.name in state.applied and migration.name not in state.changed
    aligned = not len(remaining) and not remaining.unparsable
    report.evidence(
        {
            "aligned": {
                "migration": migration.name,
                "sha256": migration.checksum,
                "rows": rows,
                "checksum_equal": equal,
            },
            "drift": {"statements": len(remaining), "aligned": aligned, "where": prisma.where},
        }
    )
    report.progress(STEPS, STEPS)
    if not aligned or not equal:
        first = "; ".join(each.summary for each in remaining.statements[:3]) or state.summarize()
        return actions.Outcome(
            False, f"{migration.name} was applied, but the database is not aligned: {first}."
        )
    return actions.Outcome(
        True, f"{migration.name} applied as rehearsed; the diff to the datamodel is empty."
    )


def _report_aligned_already(
    prisma: Prisma, report: actions.RunReport[PrismaAlignEvidence]
) -> actions.Outcome:
    existing = find_alignment_migration(prisma.migrations)
    report.evidence(
        {
            "aligned": {"migration": existing.name if existing else ""},
            "drift": {"statements": 0, "aligned": True, "where": prisma.where},
        }
    )
    return actions.Outcome(True, "Nothing to do: the diff to the datamodel is empty already.")
