"""Shows what Prisma would change in the live database, and reviews it statement by statement."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypedDict

from django import forms

from integrations import actions
from integrations.clients import postgres
from integrations.prisma.cli import Prisma
from integrations.sql_review import ReviewFacts, RowImpact, ScriptReview, review_script
from integrations.systems import System

DEFAULT_SECONDS = 30.0  # that one count of rows may take


@dataclass(frozen=True)
class PrismaDiffParams(actions.ActionParams):
    """The project, and where and how long rows are counted."""

    prisma: System
    database: System | None
    seconds: float | None

    @property
    def count_url(self) -> str:
        """The database in which the affected rows are counted."""
        return self.database["url"] if self.database else self.prisma["database"]


class DiffFacts(ReviewFacts):
    """The review, with the file of the SQL, its SHA-256, Prisma's version and the database."""

    file: str
    sha256: str
    prisma: str
    where: str


class PrismaDiffEvidence(TypedDict, total=False):
    """The diff and its review."""

    diff: DiffFacts


@actions.register
class PrismaDiff(actions.ReadOnlyAction[PrismaDiffParams, PrismaDiffEvidence]):
    """Always succeeds: its summary says what the runbook did not expect."""

    key, title = "prisma.diff", "Compare the live database with the Prisma datamodel"
    is_check = False  # it lists and counts, and judges nothing

    class Params(actions.ActionForm):
        """``prisma``: the project. ``database``: where rows are counted, if not in the project's own
        database (a replica, for example). ``seconds``: how long each count may take (default 30)."""

        prisma = actions.SystemField(kind="prisma")
        database = actions.SystemField(kind="postgres", required=False)
        seconds = forms.FloatField(min_value=1, max_value=600, required=False)

    def preview(self, params: PrismaDiffParams) -> actions.Preview:
        """The commands, both of which only read."""
        prisma = Prisma(params.prisma)
        counted = postgres.address(params.count_url)
        lines = [*prisma.list_diff_commands(), f"Count the rows that each statement affects, in {counted}."]
        return actions.Preview(lines, where=prisma.where)

    def run(self, params: PrismaDiffParams, report: actions.RunReport[PrismaDiffEvidence]) -> actions.Outcome:
        """Diffs, reviews and counts; keeps the SQL in the cutover's folder."""
        context = params.context
        prisma = Prisma(params.prisma, attempt=context.attempt, report=report)
        report.secret(*prisma.secrets)
        report.progress(0, 2, "asking Prisma for the diff")
        sql = prisma.diff()
        report.progress(1, 2, "reviewing its statements and counting rows")
        url = params.database["url"] if params.database else prisma.url
        with postgres.connect(url, attempt=context.attempt, readonly=True) as conn:
            review = review_script(sql, conn, seconds=params.seconds or DEFAULT_SECONDS)
        path = context.folder / f"prisma-diff-{context.attempt}.sql"
        path.write_text(sql)
        context.artefacts.publish(path)
        for statement in review:
            report.log(
                f"{statement.number:4} line {statement.line:4} {statement.summary}: {statement.summarize()}"
            )
        digest = hashlib.sha256(sql.encode()).hexdigest()
        facts: DiffFacts = {
            **review.as_facts(),
            "file": str(path),
            "sha256": digest,
            "prisma": prisma.version[1],
            "where": prisma.where,
        }
        report.evidence({"diff": facts})
        report.progress(2, 2)
        return actions.Outcome(ok=True, summary=summarize_review(review))


def summarize_review(review: ScriptReview) -> str:
    """One line about the size of the diff, compared with what the runbook expects."""
    if review.unparsable:
        return f"The diff cannot be parsed as PostgreSQL's SQL: {review.unparsable}. Read its file."
    if not review.statements:
        return "The diff is empty: the live database matches the datamodel."
    counts = ", ".join(f"{kind}: {count}" for kind, count in review.counts.items())
    summary = (
        f"{len(review)} statements; the runbook expects only metadata: {len(review.beyond_metadata)} are not "
        f"({counts})."
    )
    failing = review.count_rows(RowImpact.FAILS)
    summary += f" {failing} existing rows would make it fail." if failing else ""
    kept = review.count_rows(RowImpact.JSON_NULL)
    return summary + (
        f" {kept} values are JSON null in columns that become NOT NULL: they pass, and no back-fill replaces "
        "them; check that the new code can read them."
        if kept
        else ""
    )
