"""Reads every model with the project's own Prisma client, which finds what SQL and a diff do not show."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict, cast

from django import forms

from integrations import actions, programs
from integrations.actions.item_rehearsal import (
    find_copy,
    lead_project_to_copy,
    refuse_absent_project,
)
from integrations.actions.prisma_aggregates import (
    Aggregate,
    Aggregates,
    find_differences,
    make_group,
    read_aggregates,
)
from integrations.actions.rehearsal_run import PrismaAlignRehearseEvidence
from integrations.errors import Problem
from integrations.json_answer import JsonAnswer, reading_answer
from integrations.json_values import parse_json
from integrations.prisma import cli
from integrations.prisma.cli import Prisma
from integrations.systems import System

SCRIPT = Path(cli.__file__).with_name("sanity.js")
UNREAD = "Whether every model can be read is not known."
REPORT = "Read the log; the client may print other things among its answers."
MODELS_NAMED = 8  # unreadable models in the summary
LONGEST_MESSAGE = 300  # characters of what the client said
#: What a client says whose native engine is missing, or is a file of another kind.
NO_ENGINE = re.compile(r"query engine|libquery_engine|invalid ELF header|ERR_DLOPEN_FAILED", re.I)


@dataclass(frozen=True)
class PrismaSanityParams(actions.ActionParams):
    """The project, the module of its client, and the rehearsal whose copy is read; None for production."""

    prisma: System
    client: str
    copy: actions.EarlierItem[PrismaAlignRehearseEvidence] | None
    totals: list[Aggregate]

    @property
    def module(self) -> str:
        """The module of the client, as Node.js imports it."""
        return self.client or "@prisma/client"

    @property
    def target(self) -> System:
        """The project with the database that is read. Raises `Problem` when the rehearsal left no copy."""
        if not self.copy:
            return self.prisma
        target = find_copy(self.copy)
        refuse_absent_project(self.copy, target)
        return lead_project_to_copy(self.prisma, target)


class ModelFacts(TypedDict, total=False):
    """One line of the script's output: a model, whether it could be read, and if not Prisma's code."""

    model: str
    ok: bool
    empty: bool
    relations: int
    table: str
    rows: int
    code: str
    message: str


class PrismaSanityEvidence(TypedDict, total=False):
    """The models that were read, with their rows as the client counts them; ``totals``: the sums that the
    client made; ``apart``: what is another in PostgreSQL."""

    models: list[ModelFacts]
    totals: list[dict[str, Any]]
    apart: list[str]


@actions.register
class PrismaSanity(actions.ReadOnlyAction[PrismaSanityParams, PrismaSanityEvidence]):
    """A column that is missing (P2022), or NULL where it must not be (P2032), makes the API answer 400."""

    key, title = "prisma.sanity", "Read one row of every model with the Prisma client"
    public_params = frozenset({"client", "totals"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``prisma``: the project, whose client is generated, and the database; ``client``: the module of the
        client (default @prisma/client); ``copy``: an item that rehearsed the migration: the database that is
        read is the copy that it left, with the client that it generated; ``totals``: [{table, sum, by}] that
        the client adds up, too, beside the rows of every model; both are compared with PostgreSQL's."""

        prisma = actions.SystemField(kind="prisma")
        client = forms.RegexField(r"^[@./\w-]+$", max_length=200, required=False)
        copy = actions.EvidenceField(action="prisma.align_rehearse", required=False)
        totals = actions.JSONValueField(kind=list, required=False)

        def clean_totals(self) -> list[Aggregate]:
            """The parsed totals."""
            try:
                return [Aggregate.parse(one) for one in self.cleaned_data["totals"]]
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

    def preview(self, params: PrismaSanityParams) -> actions.Preview:
        """The command."""
        prisma = Prisma(params.target)
        lines = [f"node {SCRIPT.name} {params.module}", "findFirst of every model, with its relations."]
        lines.append("count of every model, compared with PostgreSQL's.")
        lines += [f"{one.table}: sum of {one.sum} by {', '.join(one.by)}, too." for one in params.totals]
        return actions.Preview(lines, where=prisma.where, warnings=["Its session can only read."])

    def run(
        self, params: PrismaSanityParams, report: actions.RunReport[PrismaSanityEvidence]
    ) -> actions.Outcome:
        """A model that cannot be read is a verdict; a client that does not start is an error."""
        prisma = Prisma(params.target, attempt=params.context.attempt, report=report)
        report.secret(*prisma.secrets)
        prisma.check_project()
        totals = json.dumps([one.as_json() for one in params.totals])
        before = read_aggregates(prisma.url, params.context.attempt, params.totals)
        done = programs.run(
            [programs.find_program("node"), str(SCRIPT), params.module, totals],
            # Without the file that stands for an engine: a client with a native engine would load it.
            env=prisma.environment.build(without_engines=False),
            cwd=prisma.folder,
            report=report,
            capture=True,
            timeout=self.deadline.total_seconds(),
        )
        if not done.ok:
            raise _explain_start(prisma.mask(done.stderr).strip())
        with reading_answer("the Prisma client", means=UNREAD, next=REPORT):
            models, sums = _read_output(done.stdout)
            _refuse_other_totals(sums, params.totals)
            for model in models:
                model["message"] = prisma.mask(str(model.get("message", "")))
                report.log(_describe(model))
            report.evidence({"models": models, "totals": sums})
            client = _aggregates(models, sums, before)
        after = read_aggregates(prisma.url, params.context.attempt, params.totals)
        apart = [f"{one['total']['table']}: {one['error']}." for one in sums if one["error"]]
        apart += find_differences(before, client, after)
        report.evidence({"apart": apart})
        return _verdict(models, apart, len(sums))


def _read_output(output: str) -> tuple[list[ModelFacts], list[dict[str, Any]]]:
    """The models and the totals, one JSON object a line; other lines are the client's own words.

    Raises ValueError for an object of another shape: a model that is not understood is not readable. So does
    an answer without its last line, which counts both: models that were not named would pass as read.
    """
    said = [JsonAnswer(parse_json(line)) for line in output.splitlines() if line.startswith("{")]
    for one in said:
        if "model" in one.object():
            one.at("model").text()
            if one.at("ok").flag():
                one.at("empty").flag()
                one.at("relations").whole(0)
                one.at("table").text()
                one.at("rows").whole(0)
    models = [cast("ModelFacts", dict(one.object())) for one in said if "model" in one.object()]
    sums = [dict(one.object()) for one in said if "total" in one.object()]
    ends = [one.at("end") for one in said if "end" in one.object()]
    if [(end.at("models").whole(0), end.at("totals").whole(0)) for end in ends] != [(len(models), len(sums))]:
        raise ValueError(f"it is not whole: {len(models)} model(s) and {len(sums)} total(s) were named")
    return models, sums


def _refuse_other_totals(sums: list[dict[str, Any]], asked: list[Aggregate]) -> None:
    """Raises ValueError unless exactly the totals were added up that were asked for."""
    if [one["total"] for one in sums] != [one.as_json() for one in asked]:
        raise ValueError("it has other totals than those that were asked for")


def _aggregates(models: list[ModelFacts], sums: list[dict[str, Any]], before: Aggregates) -> Aggregates:
    """What the client counted and added up, of the tables that PostgreSQL has."""
    rows = {one["table"]: one["rows"] for one in models if one["ok"] and one["table"] in before.rows}
    totals = {
        Aggregate.parse(one["total"]): frozenset(make_group(*group) for group in one["groups"])
        for one in sums
        if not one["error"]
    }
    return Aggregates(rows, totals)


def _explain_start(said: str) -> Problem:
    if NO_ENGINE.search(said):
        return Problem(
            f"The Prisma client has no native engine on this machine: {said[:LONGEST_MESSAGE]}",
            means="The client was generated for a native engine, and the worker has none. Nothing was read; "
            "this says nothing about the database.",
            next="Let the worker download Prisma's engines when the packages are installed, or name one in "
            'PRISMA_QUERY_ENGINE_LIBRARY; or generate a client that needs none (engineType = "client", with '
            "a driver adapter).",
        )
    return Problem(
        f"The Prisma client did not start: {said[:LONGEST_MESSAGE]}",
        means="Nothing was read.",
        next="Generate the client first (prisma.generate); client: names another module.",
    )


def _describe(model: ModelFacts) -> str:
    if not model["ok"]:
        return f"✗ {model['model']}: {model['message']}"
    found = "empty" if model.get("empty") else f"{model['relations']} relation(s)"
    return f"✓ {model['model']}: {found}"


def _verdict(models: list[ModelFacts], apart: list[str], sums: int) -> actions.Outcome:
    if not models:
        return actions.Outcome(False, "The client knows no model: it was generated from another schema.")
    unreadable = [model for model in models if not model["ok"]]
    if unreadable:
        names = "; ".join(f"{model['model']} ({model['code']})" for model in unreadable[:MODELS_NAMED])
        more = f" and {len(unreadable) - MODELS_NAMED} more" if len(unreadable) > MODELS_NAMED else ""
        return actions.Outcome(
            False,
            f"{len(unreadable)} of {len(models)} models cannot be read: {names}{more}. The API would answer "
            "400: schema and data do not fit the client.",
        )
    if apart:
        return actions.Outcome(
            False,
            f"The client and PostgreSQL disagree: {' '.join(apart[:MODELS_NAMED])} The client reads another "
            "table or database, or something writes.",
        )
    with_rows = sum(not model["empty"] for model in models)
    more = f"; {sums} total(s) as well" if sums else ""
    return actions.Outcome(
        True,
        f"{len(models)} models read with their relations, {with_rows} of them with rows; the client counts "
        f"as many as PostgreSQL{more}.",
    )
