"""Carries out the migration's items on a copy of the restored backup, and measures the alignment there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from integrations import actions
from integrations.actions.item_rehearsal import REHEARSABLE, CopyTarget
from integrations.actions.rehearsal_run import (
    ALIGN,
    PrismaAlignRehearseEvidence,
    PrismaAlignRehearseParams,
    RehearsalRun,
)
from integrations.backups.kept_copies import create_copy, make_copy_name
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.prisma.cli import Prisma
from integrations.prisma.project_copy import copy_project

SESSIONS_IN_DATABASE = """
SELECT (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname AND application_name = %s)
FROM pg_database d WHERE datname = %s
"""


@actions.register
class PrismaAlignRehearse(actions.Action[PrismaAlignRehearseParams, PrismaAlignRehearseEvidence]):
    """Changes only a copy on the scratch server and a private copy of the Prisma project. Both stay until
    copies.drop, or until the next rehearsal of that backup replaces them."""

    key, title = "prisma.align_rehearse", "Rehearse the migration on the restored backup"
    public_params = frozenset({"defaults", "may_lose"})
    is_check = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(hours=2)  # two passes over every row, beside the migration itself

    class Params(actions.ActionForm):
        """``scratch``: the server on which ``verified`` (a backup.verify with keep) left its database.
        ``defaults``: “table.column” → SQL value for NULLs that the schema gives no default for.
        ``may_lose``: tables and “table.column”s that the datamodel does not know and may be dropped.
        ``items``: the items that are carried out on the copy, with their own parameters and in this order
        (default: the runbook's baseline, deploy, align and drift). On the copy every system of kind postgres
        but ``scratch`` is the copy. ``api``: how the panel starts the API on the copy, for items that sign in
        there; without it, or where its command is empty, they are left out, which is a difference."""

        prisma = actions.SystemField(kind="prisma")
        scratch = actions.SystemField(kind="postgres")
        verified = actions.EvidenceField(action="backup.verify")
        defaults = actions.JSONValueField(kind=dict, required=False)
        may_lose = actions.JSONValueField(kind=list, required=False)
        items = actions.ItemsField(actions=REHEARSABLE)
        api = actions.SystemField(kind="api_process", required=False)

    def resource(self, params: PrismaAlignRehearseParams) -> str:
        """The scratch server: a restore at the same time would falsify the measured times."""
        return f"db:{postgres.address(params.scratch['url'])}:scratch"

    def preview(self, params: PrismaAlignRehearseParams) -> actions.Preview:
        """The steps; those on the copy are the same as in the production cutover."""
        name = params.restored_database or "(the restored backup)"
        known = params.context.items
        lines = [
            f"Copy {name} to {make_copy_name(name)}; all other steps happen in that copy, which stays.",
            f"Copy the Prisma project {Prisma(params.prisma).project}: nothing in it is changed.",
            *(f"Carry out “{key}” ({known[key].action}) on the copy." for key in params.steps),
            f"Before {ALIGN}: build its SQL from the diff, and measure its time and locks in a transaction "
            "that is rolled back.",
        ]
        warnings = []
        if params.restored_database and params.project_copy.exists():
            warnings.append("The copy of the last rehearsal on this backup is replaced.")
        if not params.restored_database:
            warnings.append("No restored backup is kept yet: run the item that verifies the backup.")
        return actions.Preview(lines, where=postgres.address(params.scratch["url"]), warnings=warnings)

    def before(self, params: PrismaAlignRehearseParams) -> dict[str, Any]:
        """The attempt, whose name its sessions have."""
        return {"attempt": params.context.attempt}

    def run(
        self, params: PrismaAlignRehearseParams, report: actions.RunReport[PrismaAlignRehearseEvidence]
    ) -> actions.Outcome:
        """Copies, deploys, aligns and diffs the copy; statements that the diff still has are a verdict."""
        scratch = params.scratch["url"]
        password = postgres.connection_settings(scratch).get("password", "")
        report.secret(password, *Prisma(params.prisma).secrets)
        _refuse_without_align(params)
        url = create_copy(
            scratch,
            _restored_database(params),
            attempt=params.context.attempt,
            report=report,
            lock_wait=params.scratch.seconds("lock_wait", postgres.LOCK_WAIT),
        )
        target = CopyTarget(url, str(copy_project(Prisma(params.prisma).project, params.project_copy)))
        report.evidence({"copy": make_copy_name(params.restored_database), "project": target.project})
        with ExitStack() as running:
            return RehearsalRun(params, target, running, report).carry_out()

    def probe(self, params: PrismaAlignRehearseParams, before: Mapping[str, Any]) -> actions.Finding:
        """Whether a copy is left; the next rehearsal replaces it."""
        copy = make_copy_name(params.restored_database)
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            application = f"cutover:{before.get('attempt', '')}"
            row = admin.execute(SESSIONS_IN_DATABASE, [application, copy]).fetchone()
        if row and row[0]:
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING,
                f"{row[0]} sessions of the attempt are connected to {copy}.",
            )
        left = f"{copy} is left and will be replaced" if row else "no copy is left"
        return actions.Finding(actions.ProbeStatus.NOT_DONE, f"The rehearsal did not finish: {left}.")


def _refuse_without_align(params: PrismaAlignRehearseParams) -> None:
    if ALIGN not in (params.context.items[key].action for key in params.steps):
        raise Problem(
            f"No item of this rehearsal does {ALIGN}.",
            means="Without it the alignment is neither built nor measured. Nothing was changed.",
            next="Name the item that aligns production under items: of this item.",
        )


def _restored_database(params: PrismaAlignRehearseParams) -> str:
    if not params.restored_database:
        raise Problem(
            f"The item {params.verified.key} has kept no restored database.",
            means="There is nothing to rehearse the alignment on. Nothing was changed.",
            next="Run that item (its parameter keep has to be true), then this one again.",
        )
    return params.restored_database
