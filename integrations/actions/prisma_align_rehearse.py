"""Makes the alignment migration and applies it to a copy of the restored backup: duration, locks, proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    EvidenceField,
    Finding,
    JSONValueField,
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
from integrations.clients.prisma_alignment_file import found_in
from integrations.clients.prisma_migrations import read_files, read_state
from integrations.clients.prisma_rehearsal import Measured, apply_measured, copy_name, copy_of
from integrations.clients.sql_review import review
from integrations.errors import Problem

FILE = "alignment.sql"


@register
class PrismaAlignRehearse(Action):
    """Touches nothing but a copy on the scratch server, which it drops again."""

    key, title = "prisma.align_rehearse", "Rehearse the alignment on the restored backup"
    effect = Effect.IDEMPOTENT

    class Params(ActionForm):
        """``scratch``: the server on which ``verified`` (a backup.verify with keep) left its database.
        ``defaults``: “table.column” → SQL value for NULLs that the schema gives no default for.
        ``may_lose``: tables and “table.column”s that the datamodel does not know and may be dropped."""

        prisma = SystemField(kind="prisma")
        scratch = SystemField(kind="postgres")
        verified = EvidenceField(action="backup.verify")
        defaults = JSONValueField(kind=dict, required=False)
        may_lose = JSONValueField(kind=list, required=False)

    def resource(self, params: Values) -> str:
        """The scratch server: restores and rehearsals would falsify each other's times."""
        return f"db:{postgres.address(params.scratch['url'])}:scratch"

    def preview(self, params: Values) -> Preview:
        """The steps; those on the copy are the ones of the night."""
        prisma = Prisma(params.prisma)
        restored = params.context.evidence.get(params.verified, {}).get("verified", {}).get("database")
        name = restored or "(the restored backup)"
        lines = [
            f"Copy {name} to {copy_name(str(name))}; all else happens in that copy.",
            prisma.shown("migrate", "resolve", "--applied", read_files(prisma.migrations)[0].name),
            prisma.shown("migrate", "deploy"),
            *prisma.diff_commands(),
            "Write back-fills before that diff; apply both in one transaction; read its time and locks.",
            "Diff again: it has to be empty. Drop the copy.",
        ]
        warnings = (
            [] if restored else ["No restored backup is kept yet: run the item that verifies the backup."]
        )
        return Preview(lines, where=postgres.address(params.scratch["url"]), warnings=warnings)

    def run(self, params: Values, report: Report) -> Outcome:
        """Copies, brings the copy to where the deploy will be, aligns it, proves it; leaves ``rehearsal``."""
        attempt, context = params.context.attempt, params.context
        report.secret(
            postgres.settings(params.scratch["url"]).get("password", ""), *Prisma(params.prisma).secrets
        )
        with copy_of(params.scratch["url"], _restored(params), attempt=attempt) as url:
            prisma = Prisma(params.prisma, attempt=attempt, report=report, database=url)
            _bring_to_deployed(prisma, report)
            alignment = _alignment(prisma, params)
            measured = _apply(prisma, alignment, report)
            left = review(prisma.diff())
        path = context.folder / FILE
        path.write_bytes(alignment.sql.encode())
        report.evidence(rehearsal=_facts(params, alignment, measured, str(path), len(left)))
        if len(left) or left.unparsable:
            return Outcome(
                False, f"After the alignment the diff still has {len(left)} statements: {_first(left)}."
            )
        if not alignment.sql:
            return Outcome(True, "Nothing to align: after the deploy the diff is empty already.")
        longest = measured.locks[0] if measured.locks else {"table": "no table", "seconds": 0}
        return Outcome(
            True,
            f"{measured.statements} statements in {measured.seconds:.2f} s, then the diff was empty. "
            f"Longest lock: {longest['table']}, {longest['seconds']:.2f} s.",
        )

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Whether a copy is left: it is replaced by the next rehearsal."""
        restored = params.context.evidence.get(params.verified, {}).get("verified", {}).get("database") or ""
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            row = admin.execute(
                "SELECT (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname) "
                "FROM pg_database d WHERE datname = %s",
                [copy_name(restored)],
            ).fetchone()
        if row and row[0]:
            return Finding(Seen.STILL_RUNNING, f"{row[0]} sessions work in {copy_name(restored)}.")
        left = f"{copy_name(restored)} is left and will be replaced" if row else "no copy is left"
        return Finding(Seen.NOT_DONE, f"The rehearsal did not end: {left}.")


def _restored(params: Values) -> str:
    facts = params.context.evidence.get(params.verified, {}).get("verified", {})
    if not facts.get("database"):
        raise Problem(
            f"The item {params.verified} has kept no restored database.",
            means="There is nothing to rehearse the alignment on. Nothing was changed.",
            next="Run that item (its parameter keep has to be true), then this one again.",
        )
    return str(facts["database"])


def _bring_to_deployed(prisma: Prisma, report: Report) -> None:
    """Baseline and deploy on the copy, as they will be (or were) on the live database.

    An alignment that the project has already is only marked there, so that it is made and measured anew.
    """
    with postgres.connect(prisma.url, readonly=True) as conn:
        state = read_state(prisma.migrations, conn)
    if state.rows is None:
        report.progress(1, 6, "baseline on the copy")
        prisma.run("migrate", "resolve", "--applied", state.files[0].name)
    there = found_in(prisma.migrations)
    if there and there.name not in state.applied:
        prisma.run("migrate", "resolve", "--applied", there.name)
    report.progress(2, 6, "deploy on the copy")
    prisma.run("migrate", "deploy")
    report.progress(3, 6, "asking Prisma for the diff")


def _alignment(prisma: Prisma, params: Values) -> Alignment:
    with postgres.connect(prisma.url, readonly=True) as conn:
        return make(
            prisma.diff(),
            conn,
            defaults=params.defaults,
            may_lose=params.may_lose,
            explicit_transaction=prisma.way == "adapter",
        )


def _apply(prisma: Prisma, alignment: Alignment, report: Report) -> Measured:
    def tick(number: int, total: int, what: str) -> None:
        report.raise_if_cancelled()
        report.log(f"{number}: {what}")
        report.progress(3 + number / (total + 1), 6, what)

    measured = apply_measured(prisma.url, alignment.sql, attempt=prisma.attempt, tick=tick)
    report.progress(5, 6, "proving that the diff is empty")
    return measured


def _facts(params: Values, made: Alignment, measured: Measured, path: str, left: int) -> dict[str, Any]:
    return {
        "sha256": made.sha256,
        "file": path,
        "aligned": left == 0,
        "statements": measured.statements,
        "seconds": measured.seconds,
        "slowest": measured.slowest,
        "locks": measured.locks,
        "backfills": [each.in_words for each in made.backfills],
        "losses": list(made.losses),
        "defaults": params.defaults,
        "may_lose": params.may_lose,
        "database": _restored(params),
        "left": left,
    }


def _first(left: Any) -> str:
    return "; ".join(each.summary for each in left.statements[:3]) or left.unparsable
