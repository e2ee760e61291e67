"""Applies the rehearsed alignment migration to the live database, byte for byte, and proves the result."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import postgres
from integrations.clients.prisma import Prisma
from integrations.clients.prisma_alignment import Alignment, make
from integrations.clients.prisma_alignment_file import found_in, refuse_failing, write
from integrations.clients.prisma_migrations import (
    Migration,
    pre_image,
    read_state,
    refuse_held_lock,
    what_became,
)
from integrations.clients.sql_review import Weighs, review
from integrations.errors import Problem

LINES = 12  # of a difference that is shown


@register
class PrismaAlign(Action):
    """Refuses when the live diff no longer gives the SQL that was rehearsed."""

    key, title = "prisma.align", "Align the database with the datamodel"
    effect = Effect.AT_MOST_ONCE
    risky = True

    class Params(ActionForm):
        """``rehearsal``: the item that rehearsed it (prisma.align_rehearse); its decisions count here."""

        prisma = SystemField(kind="prisma")
        rehearsal = EvidenceField(action="prisma.align_rehearse")

    def resource(self, params: Values) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: Values) -> Preview:
        """The rehearsed SQL with its back-fills, the live rows that they meet, the measured time."""
        prisma = Prisma(params.prisma)
        facts = params.context.evidence.get(params.rehearsal, {}).get("rehearsal")
        if not facts:
            return Preview(
                ["Nothing yet: the alignment is made and measured by its rehearsal."],
                where=prisma.where,
                warnings=[f"Run the rehearsal first ({params.rehearsal})."],
            )
        sql = Path(facts["file"]).read_text()
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            found = review(sql, conn)
        lines = [
            f"Write {len(found)} statements ({found.in_short()}) into the project as a migration:",
            *(f"  {each.sql}" for each in found if "SET" in each.sql or each.rows(Weighs.FAILS)),
            prisma.shown("migrate", "deploy"),
            "Diff again: it has to be empty.",
        ]
        took = f"In the rehearsal it took {facts['seconds']} s; strong locks on {len(facts['locks'])} tables."
        losses = [f"Drops {name}, as accepted." for name in facts["losses"]]
        return Preview(lines, where=prisma.where, warnings=[took, *losses, *facts["backfills"]])

    def before(self, params: Values) -> dict[str, Any]:
        """The rows and the release as they are, and the digest of what is to be applied."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            image = pre_image(prisma.migrations, conn, params.context.attempt)
        return {**image, "alignment": _rehearsed(params)["sha256"]}

    def run(self, params: Values, report: Report) -> Outcome:
        """Makes it again from the live diff, compares, writes the migration, deploys, proves."""
        facts, attempt = _rehearsed(params), params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        report.progress(0, 4, "comparing with what was rehearsed")
        diff = prisma.diff()
        if not diff:
            return _aligned_already(prisma, report)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            made = _remade(prisma, diff, facts, conn)
            refuse_failing(made, conn)
            migration = _written(prisma, made, conn)
        report.progress(1, 4, f"migrate deploy: {migration.name}")
        prisma.run("migrate", "deploy")
        report.progress(3, 4, "proving that the diff is empty")
        return _proven(prisma, migration, report)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """As for a deploy, of the one migration that has the rehearsed digest."""
        prisma = Prisma(params.prisma)
        there = found_in(prisma.migrations)
        written = there is not None and there.checksum == before.get("alignment")
        name = there.name if there and written else "the alignment (not written into the project)"
        release = [*before.get("release", []), {"name": name}]
        with postgres.connect(prisma.url, readonly=True) as conn:
            seen, saw, facts = what_became(conn, {**before, "release": release})
        return Finding(Seen(seen), saw, {**facts, "written": written})


def _rehearsed(params: Values) -> Mapping[str, Any]:
    facts = params.context.evidence.get(params.rehearsal, {}).get("rehearsal")
    if not facts or not facts.get("aligned"):
        raise Problem(
            f"The alignment was not rehearsed with success ({params.rehearsal}).",
            means="Nobody knows how long it takes, or whether it works. Nothing was changed.",
            next="Run the rehearsal of the alignment on the restored backup first.",
        )
    return dict(facts)


def _remade(prisma: Prisma, diff: str, facts: Mapping[str, Any], conn: postgres.Connection) -> Alignment:
    """The alignment of the live database; raises `Problem` unless it is the rehearsed one."""
    made = make(
        diff,
        conn,
        defaults=facts["defaults"],
        may_lose=facts["may_lose"],
        explicit_transaction=prisma.way == "adapter",
    )
    if made.sha256 == facts["sha256"]:
        return made
    old, new = Path(facts["file"]).read_text().splitlines(), made.sql.splitlines()
    lines = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[:1] in "+-"][2:]
    raise Problem(
        f"The live database asks for other SQL than was rehearsed ({len(lines)} lines differ): "
        f"{' | '.join(lines[:LINES])}",
        means="Database or datamodel changed since the rehearsal, or it ran on another backup. "
        "Nothing was changed.",
        next="Take and verify a new backup, rehearse the alignment on it, then start this item again.",
    )


def _written(prisma: Prisma, made: Alignment, conn: postgres.Connection) -> Migration:
    """The migration in the project, when it alone is pending."""
    state = read_state(prisma.migrations, conn)
    there = found_in(prisma.migrations)
    others = [file.name for file in state.pending if there is None or file.name != there.name]
    if others or state.rows is None:
        raise Problem(
            f"Other migrations are not applied yet: {', '.join(others)}.",
            means="They would be applied along with the alignment, unseen. Nothing was changed.",
            next="Run the Baseline and Deploy items first, then this one.",
        )
    return write(prisma.migrations, made)


def _proven(prisma: Prisma, migration: Migration, report: Report) -> Outcome:
    """The row, its checksum, and the empty diff; leaves ``aligned`` and ``drift`` as evidence."""
    with postgres.connect(prisma.url, attempt=prisma.attempt, readonly=True) as conn:
        state = read_state(prisma.migrations, conn)
    left = review(prisma.diff())
    rows = [row.facts() for row in state.rows or () if row.name == migration.name and row.finished]
    equal = migration.name in state.applied and migration.name not in state.changed
    facts = {"migration": migration.name, "sha256": migration.checksum, "rows": rows, "checksum_equal": equal}
    aligned = not len(left) and not left.unparsable
    report.evidence(aligned=facts, drift={"statements": len(left), "aligned": aligned, "where": prisma.where})
    report.progress(4, 4)
    if not aligned or not equal:
        first = "; ".join(each.summary for each in left.statements[:3]) or state.in_words()
        return Outcome(False, f"{migration.name} was applied, but the database is not aligned: {first}.")
    return Outcome(True, f"{migration.name} applied as rehearsed; the diff to the datamodel is empty.")


def _aligned_already(prisma: Prisma, report: Report) -> Outcome:
    there = found_in(prisma.migrations)
    name = there.name if there else ""
    report.evidence(
        aligned={"migration": name}, drift={"statements": 0, "aligned": True, "where": prisma.where}
    )
    return Outcome(True, "Nothing to do: the diff to the datamodel is empty already.")
