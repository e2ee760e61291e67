"""Proves that the live database is what the datamodel says: only an empty diff does."""

from __future__ import annotations

import hashlib
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
from integrations.clients.prisma import Prisma
from integrations.clients.sql_review import review

SHOWN = 5


@register
class PrismaDrift(Action):
    """``migrate status`` can be green while the tables are wrong; this looks at the tables."""

    key, title = "prisma.drift", "Prove that the database is aligned with the datamodel"
    effect = Effect.PURE

    class Params(ActionForm):
        """``prisma``: the project and its database."""

        prisma = SystemField(kind="prisma")

    def preview(self, params: Values) -> Preview:
        """The commands; the diff they print has to be empty."""
        prisma = Prisma(params.prisma)
        return Preview(
            [*prisma.diff_commands(), "Aligned only if that prints no statement."], where=prisma.where
        )

    def run(self, params: Values, report: Report) -> Outcome:
        """Diffs and judges; leaves ``drift`` as evidence."""
        prisma = Prisma(params.prisma, attempt=params.context.attempt, report=report)
        report.secret(*prisma.secrets)
        sql = prisma.diff()
        found = review(sql)
        aligned = sql == ""
        report.evidence(
            drift={
                "aligned": aligned,
                "statements": len(found),
                "sha256": hashlib.sha256(sql.encode()).hexdigest(),
                "schema_sha256": prisma.schema_digest(),
                "where": prisma.where,
                "prisma": prisma.version[1],
                "first": [each.facts() for each in found.statements[:SHOWN]],
                "unparsable": found.unparsable,
            }
        )
        for statement in found:
            report.log(f"{statement.summary}: {statement.in_short()}")
        if aligned:
            return Outcome(ok=True, summary="Aligned: the diff to the datamodel is empty.")
        first = "; ".join(each.summary for each in found.statements[:SHOWN]) or found.unparsable
        count = f"{len(found)} statements" if not found.unparsable else "an unreadable diff"
        return Outcome(
            ok=False,
            summary=f"Not aligned: {count} between database and datamodel ({first} …). "
            "Run the Align item, or undo what changed the database since.",
        )

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A look leaves nothing behind."""
        return Finding(Seen.NOT_DONE, "A comparison changes nothing; it can simply be made again.")
