"""Says which migrations are applied, as Prisma sees it and as the table and the files say."""

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
from integrations.clients.prisma_errors import code_of, explain
from integrations.clients.prisma_migrations import lock_holders, read_state

#: What `migrate status` prints → the word that we keep of it. Its exit code means five different things.
SAYS = {
    "Database schema is up to date": "up to date",
    "have failed": "failed",
    "have not yet been applied": "pending",
    "and your local": "diverged",
    "No migration found": "no migrations",
}


@register
class PrismaStatus(Action):
    """Good only when every migration of the project is applied as it stands, and none failed."""

    key, title = "prisma.status", "See which migrations are applied"
    effect = Effect.PURE

    class Params(ActionForm):
        """``prisma``: the project and its database."""

        prisma = SystemField(kind="prisma")

    def preview(self, params: Values) -> Preview:
        """The command, and the table that is read beside it."""
        prisma = Prisma(params.prisma)
        lines = [
            prisma.shown("migrate", "status"),
            "Read _prisma_migrations, and compare its checksums with the project's files.",
            "Look who holds Prisma's migration lock.",
        ]
        return Preview(lines, where=prisma.where)

    def run(self, params: Values, report: Report) -> Outcome:
        """Asks Prisma, reads the table, compares; leaves ``migrations`` as evidence."""
        attempt = params.context.attempt
        prisma = Prisma(params.prisma, attempt=attempt, report=report)
        report.secret(*prisma.secrets)
        done = prisma.try_run("migrate", "status")
        output = prisma.masked(f"{done.stdout}\n{done.stderr}")
        said = next((word for text, word in SAYS.items() if text in output), "")
        if not said and (not done.ok or code_of(output)):
            raise explain(output, command="prisma migrate status", exit_code=done.code, way=prisma.way)
        with postgres.connect(prisma.url, attempt=attempt, readonly=True) as conn:
            state, holders = read_state(prisma.migrations, conn), lock_holders(conn)
        report.evidence(
            migrations={**state.facts(), "prisma_says": said or "nothing known", "where": prisma.where},
            lock=[str(holder) for holder in holders],
        )
        held = f" Prisma's lock is held by {holders[0]}." if holders else ""
        remedy = "" if state.complete else f" {_remedy(state)}"
        says = f"Prisma says: {said or 'nothing known'}."
        return Outcome(state.complete, f"{state.in_words()}. {says}{held}{remedy}".replace("..", "."))

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A look leaves nothing behind."""
        return Finding(Seen.NOT_DONE, "Looking changes nothing; it can simply be done again.")


def _remedy(state: Any) -> str:
    if state.rows is None:
        return "Run the Baseline item first, then Deploy."
    if state.failed:
        return "Resolve the failed migration before anything else (see the Deploy item's error)."
    if state.changed or state.missing:
        return "Check out the release that was applied here: files and table do not belong together."
    return "Run the Deploy item."
