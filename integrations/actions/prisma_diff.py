"""Shows what Prisma would change in the live database, and reads it statement by statement."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django import forms

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
from integrations.clients.sql_review import Review, Weighs, review

FILE = "prisma-diff.sql"


@register
class PrismaDiff(Action):
    """A look: its verdict is always good, its summary says what the runbook did not expect."""

    key, title = "prisma.diff", "Compare the live database with the Prisma datamodel"
    effect = Effect.PURE

    class Params(ActionForm):
        """``prisma``: the project. ``database``: where rows are counted, if not in the project's own
        database (a replica, say). ``seconds``: how long each count may take (default 30)."""

        prisma = SystemField(kind="prisma")
        database = SystemField(kind="postgres", required=False)
        seconds = forms.FloatField(min_value=1, max_value=600, required=False)

    def preview(self, params: Values) -> Preview:
        """The commands, both of which only read."""
        prisma = Prisma(params.prisma)
        lines = [*prisma.diff_commands(), f"Count the rows that each statement meets, in {_counted(params)}."]
        return Preview(lines, where=prisma.where)

    def run(self, params: Values, report: Report) -> Outcome:
        """Diffs, reviews, counts; leaves the SQL in the cutover's folder and ``diff`` as evidence."""
        context = params.context
        prisma = Prisma(params.prisma, attempt=context.attempt, report=report)
        report.secret(*prisma.secrets)
        report.progress(0, 2, "asking Prisma for the diff")
        sql = prisma.diff()
        report.progress(1, 2, "reading its statements and counting rows")
        url = params.database["url"] if params.database else prisma.url
        with postgres.connect(url, attempt=context.attempt, readonly=True) as conn:
            found = review(sql, conn, seconds=params.seconds or 30)
        path = context.folder / FILE
        path.write_text(sql)
        for statement in found:
            report.log(
                f"{statement.number:4} line {statement.line:4} {statement.summary}: {statement.in_short()}"
            )
        digest = hashlib.sha256(sql.encode()).hexdigest()
        facts = {"file": str(path), "sha256": digest, "prisma": prisma.version[1], "where": prisma.where}
        report.evidence(diff={**facts, **found.facts()})
        report.progress(2, 2)
        return Outcome(ok=True, summary=in_one_line(found))

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A look leaves nothing behind."""
        return Finding(Seen.NOT_DONE, "A comparison changes nothing; it can simply be made again.")


def in_one_line(found: Review) -> str:
    """The size of the diff against what the runbook expects."""
    if found.unparsable:
        return f"The diff cannot be read as PostgreSQL's SQL: {found.unparsable}. Look at its file."
    if not found.statements:
        return "The diff is empty: the live database is what the datamodel says."
    words = (
        f"{len(found)} statements; the runbook expects only metadata: {len(found.beyond_metadata)} are not "
        f"({', '.join(f'{kind}: {count}' for kind, count in found.counts.items())})."
    )
    failing = found.rows(Weighs.FAILS)
    return words + (f" {failing} rows that are there would make it fail." if failing else "")


def _counted(params: Values) -> str:
    url = params.database["url"] if params.database else params.prisma["database"]
    return postgres.address(url)
