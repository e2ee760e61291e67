"""Applies the project's pending migrations with ``migrate deploy``, and proves it with the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from integrations.prisma.cli_locks import describe_time_limits, wait_for_script_locks
from integrations.prisma.failed_migration import explain_remains
from integrations.prisma.migrations import (
    MigrationState,
    find_lock_holders,
    probe_deploy,
    read_migration_state,
    record_pre_image,
    refuse_held_lock,
)
from integrations.sql_review import RowImpact, ScriptReview, review_scripts
from integrations.systems import System


@dataclass(frozen=True)
class PrismaDeployParams(actions.ActionParams):
    """The project and its database."""

    prisma: System


class PrismaDeployEvidence(TypedDict, total=False):
    """What a run records.

    ``migrations``: the finished rows, each with ``equal_to_file``; ``deployed``: names; ``reviews``: the
    review of each in short; ``rows_changed``: at most so many rows; ``where``: the target.
    """

    migrations: list[dict[str, Any]]
    deployed: list[str]
    reviews: dict[str, str]
    rows_changed: int
    where: str


@actions.register
class PrismaDeploy(actions.Action[PrismaDeployParams, PrismaDeployEvidence]):
    """At most once: a probe shows what a killed deployment left, and a person decides."""

    key, title = "prisma.deploy", "Deploy the pending migrations"
    verdict_shown = True
    effect = actions.Effect.AT_MOST_ONCE
    risky = True

    class Params(actions.ActionForm):
        """``prisma``: the project and its database."""

        prisma = actions.SystemField(kind="prisma")

    def resource(self, params: PrismaDeployParams) -> str:
        """The schema of the database."""
        return Prisma(params.prisma).resource

    def preview(self, params: PrismaDeployParams) -> actions.Preview:
        """The command, and each pending migration with its review against the live rows."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, attempt=params.context.attempt, readonly=True) as conn:
            state, holders = read_migration_state(prisma.migrations, conn), find_lock_holders(conn)
            reviews = review_scripts({file.name: file.sql for file in state.pending}, conn)
            limits = describe_time_limits(conn)
        lines = [prisma.format_command("migrate", "deploy"), f"{len(state.pending)} migrations:"]
        lines += [f"  {name} ({review.summarize()})" for name, review in reviews.items()]
        warnings = [f"Prisma's lock is held by {holder}." for holder in holders] + limits + _warnings(state)
        warnings += [
            f"{name} would fail in line {statement.line} ({statement.summary}): "
            f"{statement.describe_failure()}."
            for name, review in reviews.items()
            for statement in review.failing
        ]
        return actions.Preview(lines, where=prisma.where, warnings=warnings)

    def before(self, params: PrismaDeployParams) -> dict[str, Any]:
        """The rows of the migration table, and the migrations of the project with their checksums."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            return record_pre_image(prisma.migrations, conn, params.context.attempt)

    def run(
        self, params: PrismaDeployParams, report: actions.RunReport[PrismaDeployEvidence]
    ) -> actions.Outcome:
        """Deploys, and compares the table with the files. Raises `Problem` when they differ."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            refuse_held_lock(conn)
            before = read_migration_state(prisma.migrations, conn)
            reviews = review_scripts({file.name: file.sql for file in before.pending}, conn)
            for limit in describe_time_limits(conn):
                report.log(limit)
        for name, review in reviews.items():
            report.log(f"pending: {name} ({review.summarize()})")
        lock_wait = params.prisma.seconds("lock_wait", postgres.LOCK_WAIT)
        wait_for_script_locks(prisma.url, reviews.values(), report, attempt=attempt, seconds=lock_wait)
        report.progress(0, len(before.pending), "migrate deploy")
        with explain_remains(prisma):
            prisma.run("migrate", "deploy")
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            after = read_migration_state(prisma.migrations, conn)
        report.progress(len(before.pending), len(before.pending))
        report.evidence(_evidence(prisma, before, after, reviews))
        if not after.complete:
            raise Problem(
                f"Prisma reported success, but the table says otherwise: {after.summarize()}.",
                means="Not every migration of this release is applied as it is in the project.",
                next="Run the Status item, and check out the release that belongs to this database.",
            )
        names = ", ".join(file.name for file in before.pending) or "nothing was pending"
        return actions.Outcome(
            ok=True, summary=f"{len(after.applied)} migrations applied, checksums equal (now: {names})."
        )

    def probe(self, params: PrismaDeployParams, before: Mapping[str, Any]) -> actions.Finding:
        """Looks for sessions and the lock first, then compares the table with its earlier state."""
        prisma = Prisma(params.prisma)
        with postgres.connect(prisma.url, readonly=True) as conn:
            status, observed, facts = probe_deploy(conn, before)
        return actions.Finding(actions.ProbeStatus(status), observed, facts)


def _evidence(
    prisma: Prisma, before: MigrationState, after: MigrationState, reviews: Mapping[str, ScriptReview]
) -> PrismaDeployEvidence:
    different = {*after.changed, *after.missing}
    return {
        "migrations": [
            {**row.as_facts(), "equal_to_file": row.name not in different}
            for row in after.rows or ()
            if row.finished
        ],
        "deployed": [file.name for file in before.pending],
        "reviews": {name: review.summarize() for name, review in reviews.items()},
        "rows_changed": sum(review.count_rows(RowImpact.CHANGED) for review in reviews.values()),
        "where": prisma.where,
    }


def _warnings(state: MigrationState) -> list[str]:
    if state.rows is None and state.files:
        return ["No _prisma_migrations here: if there are tables, Prisma refuses (P3005). Baseline first."]
    if state.failed:
        return [
            f"{', '.join(state.failed)} failed earlier: Prisma will refuse (P3009) until that is resolved."
        ]
    if state.missing or state.changed:
        return [f"Files and table do not belong together: {state.summarize()}."]
    return [] if state.pending else ["Nothing is pending: Prisma will do nothing."]
