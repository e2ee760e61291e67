"""Applies the project's pending migrations with ``migrate deploy``, and proves from the table that it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from integrations.clients import postgres
from integrations.clients.prisma import Prisma
from integrations.clients.prisma_migrations import (
    State,
    lock_holders,
    pre_image,
    read_state,
    refuse_held_lock,
    what_became,
)
from integrations.clients.sql_review import Review, Weighs, review_in_turn
from integrations.errors import Problem


@register
class PrismaDeploy(Action):
    """At most once: what a killed deploy left is looked at, and a person decides."""

    key, title = "prisma.deploy", "Deploy the pending migrations"
    effect = Effect.AT_MOST_ONCE
    risky = True

    class Params(ActionForm):
        """``prisma``: the project and its database."""

        prisma = SystemField(kind="prisma")

    def resource(self, params: Values) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: Values) -> Preview:
        """The command, and each pending migration with its review against the live rows."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            state, holders = read_state(prisma.migrations, conn), lock_holders(conn)
            reviews = review_in_turn({file.name: file.sql for file in state.pending}, conn)
        lines = [prisma.shown("migrate", "deploy"), f"{len(state.pending)} migrations:"]
        lines += [f"  {name} ({found.in_short()})" for name, found in reviews.items()]
        warnings = [f"Prisma's lock is held by {holder}." for holder in holders] + _warnings(state)
        warnings += [
            f"{name} would fail: {each.summary} meets {each.count} rows that it cannot pass."
            for name, found in reviews.items()
            for each in found.failing
        ]
        return Preview(lines, where=prisma.where, warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """The rows of the migration table, and the names and checksums of the release."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            return pre_image(prisma.migrations, conn, params.context.attempt)

    def run(self, params: Values, report: Report) -> Outcome:
        """Deploys; leaves ``migrations`` (name, checksum, finished_at, equal to the file) as evidence."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            was = read_state(prisma.migrations, conn)
            reviews = review_in_turn({file.name: file.sql for file in was.pending}, conn)
        for name, found in reviews.items():
            report.log(f"pending: {name} ({found.in_short()})")
        report.progress(0, len(was.pending), "migrate deploy")
        prisma.run("migrate", "deploy")
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            now = read_state(prisma.migrations, conn)
        report.progress(len(was.pending), len(was.pending))
        report.evidence(**_evidence(prisma, was, now, reviews))
        if not now.complete:
            raise Problem(
                f"Prisma ended well, but the table says otherwise: {now.in_words()}.",
                means="Not everything of this release is applied as it stands in the project.",
                next="Run the Status item, and check out the release that belongs to this database.",
            )
        names = ", ".join(file.name for file in was.pending) or "nothing was pending"
        return Outcome(
            ok=True, summary=f"{len(now.applied)} migrations applied, checksums equal (now: {names})."
        )

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Living sessions and the lock first, then the table against what it was before."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            seen, saw, facts = what_became(conn, before)
        return Finding(Seen(seen), saw, facts)


def _evidence(prisma: Prisma, was: State, now: State, reviews: Mapping[str, Review]) -> dict[str, Any]:
    changed = set(now.changed)
    rows = [
        {**row.facts(), "equal_to_file": row.name not in changed and row.name not in now.missing}
        for row in now.rows or ()
        if row.finished
    ]
    return {
        "migrations": rows,
        "deployed": [file.name for file in was.pending],
        "reviews": {name: found.in_short() for name, found in reviews.items()},
        "rows_changed": sum(found.rows(Weighs.CHANGED) for found in reviews.values()),
        "where": prisma.where,
    }


def _warnings(state: State) -> list[str]:
    if state.rows is None and state.files:
        return ["No _prisma_migrations here: if there are tables, Prisma refuses (P3005). Baseline first."]
    if state.failed:
        return [
            f"{', '.join(state.failed)} failed earlier: Prisma will refuse (P3009) until that is resolved."
        ]
    if state.missing or state.changed:
        return [f"Files and table do not belong together: {state.in_words()}."]
    return [] if state.pending else ["Nothing is pending: Prisma will do nothing."]
