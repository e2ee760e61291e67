"""Looks whether the migrations that a runbook counts on are in the project, as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from integrations.actions import register
from integrations.actions.base import (
    Action,
    ActionForm,
    Effect,
    Finding,
    JSONValueField,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients.prisma import Prisma
from integrations.clients.prisma_migrations import read_files


@register
class PrismaPresent(Action):
    """Names alone prove little: the SHA-256 of each file is kept, for the deployment to be compared with."""

    key, title = "prisma.present", "See that the migrations are in the project"
    effect = Effect.PURE

    class Params(ActionForm):
        """``prisma``: the project; ``migrations``: names of folders that must be there; ``exactly``: and no
        others."""

        prisma = SystemField(kind="prisma")
        migrations = JSONValueField(kind=list)
        exactly = forms.BooleanField(required=False)

    def preview(self, params: Values) -> Preview:
        """The folder that is read."""
        folder = Prisma(params.prisma).migrations
        lines = [f"Read {folder}: {', '.join(map(str, params.migrations))}."]
        if params.exactly:
            lines.append("Any other migration there is red: it would be applied, too.")
        return Preview(lines, where=str(folder))

    def run(self, params: Values, report: Report) -> Outcome:
        """Each with its checksum; red for one that is missing, empty, or, where ``exactly``, one more."""
        folder = Prisma(params.prisma).migrations
        files = {file.name: file for file in read_files(folder)}
        wanted = [str(name) for name in params.migrations]
        missing = [name for name in wanted if name not in files]
        more = sorted(files.keys() - set(wanted)) if params.exactly else []
        for name, file in files.items():
            report.log(f"{'✓' if name in wanted else '·'} {name} {file.checksum[:12]}")
        report.evidence(
            present={
                "folder": str(folder),
                "migrations": {name: file.checksum for name, file in files.items()},
                "missing": missing,
                "more": more,
            }
        )
        if missing:
            return Outcome(
                False,
                f"Not in the project: {', '.join(missing)}. Is this the branch that was agreed? Nothing else "
                "may be deployed.",
            )
        if more:
            return Outcome(
                False,
                f"Nobody reviewed {', '.join(more)}, and a deployment would apply it. Review it as the diff "
                "was, and name it in the runbook; or take it out of the release.",
            )
        return Outcome(True, f"{len(wanted)} migration(s) as expected, of {len(files)} in the project.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """A look leaves nothing behind."""
        return Finding(Seen.NOT_DONE, "Looking changes nothing; it can simply be done again.")
