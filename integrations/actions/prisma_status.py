"""Checks which migrations are applied, according to Prisma, to the table and to the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from integrations import actions
from integrations.clients import postgres
from integrations.prisma.cli import Prisma
from integrations.prisma.errors import explain_failure, find_error_code
from integrations.prisma.migrations import MigrationState, find_lock_holders, read_migration_state
from integrations.systems import System

#: A text that `migrate status` prints → its meaning in the evidence. Its exit code has five meanings.
STATUS_TEXTS = {
    "Database schema is up to date": "up to date",
    "have failed": "failed",
    "have not yet been applied": "pending",
    "and your local": "diverged",
    "No migration found": "no migrations",
}
COMPLETE = ("up to date", "no migrations")
DOUBT = (
    "The table is complete, and Prisma does not agree (exit code {code}): run the log's command by hand, "
    "and find out whether what answers is Prisma itself."
)


@dataclass(frozen=True)
class PrismaStatusParams(actions.ActionParams):
    """The project and its database."""

    prisma: System


class PrismaStatusEvidence(TypedDict, total=False):
    """``migrations``: `MigrationState.as_facts` with what Prisma says and the target; ``lock``: the sessions
    that hold Prisma's migration lock."""

    migrations: dict[str, Any]
    lock: list[str]


@actions.register
class PrismaStatus(actions.ReadOnlyAction[PrismaStatusParams, PrismaStatusEvidence]):
    """Succeeds only when every migration of the project is applied unchanged, and none failed."""

    key, title = "prisma.status", "Check which migrations are applied"

    class Params(actions.ActionForm):
        """``prisma``: the project and its database."""

        prisma = actions.SystemField(kind="prisma")

    def preview(self, params: PrismaStatusParams) -> actions.Preview:
        """The command, and the table that is read as well."""
        prisma = Prisma(params.prisma)
        lines = [
            prisma.format_command("migrate", "status"),
            "Read _prisma_migrations, and compare its checksums with the project's files.",
            "Find out which session holds Prisma's migration lock.",
        ]
        return actions.Preview(lines, where=prisma.where)

    def run(
        self, params: PrismaStatusParams, report: actions.RunReport[PrismaStatusEvidence]
    ) -> actions.Outcome:
        """Asks Prisma, reads the table and compares; a migration that is not applied is a verdict."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        done = prisma.try_run("migrate", "status")
        output = prisma.mask(f"{done.stdout}\n{done.stderr}")
        status = next((meaning for text, meaning in STATUS_TEXTS.items() if text in output), "")
        if not status and (not done.ok or find_error_code(output)):
            raise explain_failure(
                output, command="prisma migrate status", exit_code=done.code, engine=prisma.engine
            )
        status = status or "nothing known"
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            state, holders = read_migration_state(prisma.migrations, conn), find_lock_holders(conn)
        report.evidence(
            {
                "migrations": {**state.as_facts(), "prisma_says": status, "where": prisma.where},
                "lock": [str(holder) for holder in holders],
            }
        )
        held = f" Prisma's lock is held by {holders[0]}." if holders else ""
        # Both have to say it: the table does not know what the CLI's own version makes of the project.
        agreed = status in COMPLETE and done.ok
        doubt = "" if agreed else f" {DOUBT.format(code=done.code)}"
        remedy = doubt if state.complete else f" {_remedy(state)}"
        summary = f"{state.summarize()}. Prisma says: {status}.{held}{remedy}"
        return actions.Outcome(state.complete and agreed, summary.replace("..", "."))


def _remedy(state: MigrationState) -> str:
    if state.rows is None:
        return "Run the Baseline item first, then Deploy."
    if state.failed:
        return "Resolve the failed migration before anything else (see the Deploy item's error)."
    if state.changed or state.missing:
        return "Check out the release that was applied here: files and table do not belong together."
    return "Run the Deploy item."
