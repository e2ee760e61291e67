"""Lets the project's own Prisma client read every model: it sees what neither SQL nor a diff does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms

from integrations import programs
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
from integrations.clients import prisma as client
from integrations.clients.prisma import Prisma
from integrations.errors import Problem

SCRIPT = Path(client.__file__).with_name("prisma_sanity.js")


@register
class PrismaSanity(Action):
    """A column that is missing (P2022) or NULL where it must not be (P2032) makes the API answer 400."""

    key, title = "prisma.sanity", "Let the Prisma client read one row of every model"
    effect = Effect.PURE
    deadline = timedelta(minutes=5)

    class Params(ActionForm):
        """``prisma``: the project, whose client is generated, and the database; ``client``: the module of the
        client (default @prisma/client)."""

        prisma = SystemField(kind="prisma")
        client = forms.RegexField(r"^[@./\w-]+$", max_length=200, required=False)

    def preview(self, params: Values) -> Preview:
        """The command."""
        prisma = Prisma(params.prisma)
        lines = [f"node {SCRIPT.name} {_module(params)}", "findFirst of every model, with its relations."]
        return Preview(lines, where=prisma.where, warnings=["Its session can only read."])

    def run(self, params: Values, report: Report) -> Outcome:
        """A model that cannot be read is a verdict; a client that does not start is an error."""
        prisma = Prisma(params.prisma, attempt=params.context.attempt, report=report)
        report.secret(*prisma.secrets)
        prisma.check_project()
        done = programs.run(
            [programs.find("node"), str(SCRIPT), _module(params)],
            env=prisma.environment(),
            cwd=prisma.project,
            report=report,
            capture=True,
            timeout=self.deadline.total_seconds(),
        )
        if not done.ok:
            raise Problem(
                f"The Prisma client did not start: {prisma.masked(done.stderr).strip()[:300]}",
                means="Nothing was read.",
                next="Generate the client first (prisma.generate); client: names another module.",
            )
        models = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return _verdict(models, prisma, report)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """It only reads."""
        return Finding(Seen.NOT_DONE, "Reading changes nothing; it can simply be done again.")


def _module(params: Values) -> str:
    return params.client or "@prisma/client"


def _verdict(models: list[dict[str, Any]], prisma: Prisma, report: Report) -> Outcome:
    for one in models:
        one["message"] = prisma.masked(str(one.get("message", "")))
        said = "empty" if one.get("empty") else f"{one['relations']} relation(s)"
        report.log(f"{'✓' if one['ok'] else '✗'} {one['model']}: {said if one['ok'] else one['message']}")
    report.evidence(models=models)
    wrong = [one for one in models if not one["ok"]]
    if not models:
        return Outcome(False, "The client knows no model: it was generated from another schema.")
    if wrong:
        named = "; ".join(f"{one['model']} ({one['code']})" for one in wrong[:8])
        more = f" and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        return Outcome(
            False,
            f"{len(wrong)} of {len(models)} models cannot be read: {named}{more}. The API would answer 400: "
            "schema and data are not those of the client.",
        )
    read = sum(not one["empty"] for one in models)
    return Outcome(True, f"{len(models)} models read with their relations, {read} of them with rows.")
