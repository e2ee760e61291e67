"""Checks for drift: the live database matches the datamodel only when the diff between them is empty."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from integrations import actions
from integrations.prisma.cli import Prisma
from integrations.sql_review import StatementFacts, review_script
from integrations.systems import System

STATEMENTS_KEPT = 5


@dataclass(frozen=True)
class PrismaDriftParams(actions.ActionParams):
    """The project and its database."""

    prisma: System


class DriftFacts(TypedDict):
    """Whether the diff is empty, its number of statements, and the first of them.

    `prisma.align` records the first three only.
    """

    aligned: bool
    statements: int
    where: str
    sha256: NotRequired[str]
    schema_sha256: NotRequired[str]
    prisma: NotRequired[str]
    first: NotRequired[list[StatementFacts]]
    unparsable: NotRequired[str]


class PrismaDriftEvidence(TypedDict, total=False):
    """The drift between database and datamodel."""

    drift: DriftFacts


@actions.register
class PrismaDrift(actions.ReadOnlyAction[PrismaDriftParams, PrismaDriftEvidence]):
    """``migrate status`` can be green while the tables are wrong; this compares the tables themselves."""

    key, title = "prisma.drift", "Check that the database matches the datamodel"
    verdict_shown = True

    class Params(actions.ActionForm):
        """``prisma``: the project and its database."""

        prisma = actions.SystemField(kind="prisma")

    def preview(self, params: PrismaDriftParams) -> actions.Preview:
        """The commands; the diff that they print has to be empty."""
        prisma = Prisma(params.prisma)
        return actions.Preview(
            [*prisma.list_diff_commands(), "Aligned only if that prints no statement."], where=prisma.where
        )

    def run(
        self, params: PrismaDriftParams, report: actions.RunReport[PrismaDriftEvidence]
    ) -> actions.Outcome:
        """A diff that is not empty is a verdict."""
        prisma = Prisma(params.prisma, attempt=params.context.attempt, report=report)
        report.secret(*prisma.secrets)
        sql = prisma.diff()
        review = review_script(sql)
        aligned = sql == ""
        report.evidence(
            {
                "drift": {
                    "aligned": aligned,
                    "statements": len(review),
                    "sha256": hashlib.sha256(sql.encode()).hexdigest(),
                    "schema_sha256": prisma.hash_schema(),
                    "where": prisma.where,
                    "prisma": prisma.version[1],
                    "first": [statement.as_facts() for statement in review.statements[:STATEMENTS_KEPT]],
                    "unparsable": review.unparsable,
                }
            }
        )
        for statement in review:
            report.log(f"{statement.summary}: {statement.summarize()}")
        if aligned:
            return actions.Outcome(ok=True, summary="Aligned: the diff to the datamodel is empty.")
        first = "; ".join(statement.summary for statement in review.statements[:STATEMENTS_KEPT])
        count = f"{len(review)} statements" if not review.unparsable else "an unparsable diff"
        return actions.Outcome(
            ok=False,
            summary=f"Not aligned: {count} between database and datamodel ({first or review.unparsable} …). "
            "Run the Align item, or undo what changed the database since.",
        )
