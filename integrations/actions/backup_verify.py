"""Verifies a backup: restores it, and compares every table with the backup's fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms

from integrations import actions, processes
from integrations.actions.backup_take import BackupFacts, BackupTakeEvidence, fetch_archive
from integrations.backups.archive import MANIFEST, Archive, Manifest
from integrations.backups.kept_copies import mark_kept
from integrations.backups.requirements import find_lacks
from integrations.backups.restore import LEFT_OUT, RestoreResult, RestoreTarget, restore_and_compare
from integrations.backups.scratch_database import make_scratch_name, open_scratch_database
from integrations.clients import postgres
from integrations.errors import Problem
from integrations.systems import System

BARE = ("--no-owner", "--no-privileges")  # roles of the source need not exist on a scratch server


@dataclass(frozen=True)
class BackupVerifyParams(actions.ActionParams):
    """Which backup to restore, and where."""

    backup: actions.EarlierItem[BackupTakeEvidence]
    scratch: System
    jobs: int | None
    keep: bool


class VerifiedBackup(TypedDict):
    """The result of a restore. ``sha256`` and ``path`` are those of the backup. ``database`` is the name of
    the restored database if it was kept, else empty. ``seconds`` is None when nothing was restored."""

    sha256: str
    path: str
    equal: bool
    seconds: float | None
    digest: str
    tables: int
    rows: int
    problems: list[str]
    notes: list[str]
    database: str


class BackupVerifyEvidence(TypedDict, total=False):
    """What a run records."""

    verified: VerifiedBackup


@actions.register
class BackupVerify(actions.Action[BackupVerifyParams, BackupVerifyEvidence]):
    """Checks every SHA-256, restores into a new database, and compares table by table."""

    key, title = "backup.verify", "Verify the backup by restoring it"
    is_check = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(hours=2)

    class Params(actions.ActionForm):
        """``backup``: the item that took it. ``scratch``: a login that may create databases, on another
        server. ``jobs``: how many tables are restored at once (default 2). ``keep``: keep the restored
        database for later items; its name is in the evidence."""

        backup = actions.EvidenceField(action="backup.take")
        scratch = actions.SystemField(kind="postgres")
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)
        keep = forms.BooleanField(required=False)

    def resource(self, params: BackupVerifyParams) -> str:
        """One restore at a time on the scratch server, so that its duration means something."""
        return f"db:{postgres.address(params.scratch['url'])}:scratch"

    def preview(self, params: BackupVerifyParams) -> actions.Preview:
        """What would be restored, and where."""
        name = make_scratch_name(params.context.attempt or "preview")
        facts = params.backup.evidence.get("backup")
        what = (
            f"backup {Path(facts['path']).name}" if facts else f"backup that “{params.backup.key}” will take"
        )
        lines = [
            f"Check the SHA-256 of every file of the {what}.",
            f"Create the database {name} from template0.",
            f"pg_restore --exit-on-error {' '.join([*LEFT_OUT, *BARE])} --jobs={params.jobs or 2} into it.",
            "Compare the fingerprint of every table with the one taken in the backup's snapshot.",
            f"Keep {name} for later items." if params.keep else f"Drop {name}.",
        ]
        warnings = []
        if facts and facts["source"]["address"].partition("/")[0] == _server_address(params):
            warnings.append(
                "The scratch server is also the server of the backup: the restore will put load on it."
            )
        warnings += _find_lacks(params) if facts else []
        return actions.Preview(lines, where=postgres.address(params.scratch["url"]), warnings=warnings)

    def before(self, params: BackupVerifyParams) -> dict[str, Any]:
        """The name of the database that will be created."""
        return {
            "database": make_scratch_name(params.context.attempt),
            "attempt": params.context.attempt,
        }

    def run(
        self, params: BackupVerifyParams, report: actions.RunReport[BackupVerifyEvidence]
    ) -> actions.Outcome:
        """Restores and compares. A backup that is damaged or differs is a verdict, not an error."""
        facts = _read_backup_evidence(params)
        report.secret(postgres.connection_settings(params.scratch["url"]).get("password", ""))
        archive = fetch_archive(params.backup, facts, report.raise_if_cancelled)
        report.log(f"Checking the SHA-256 of every file in {archive.path.name}.")
        manifest, problems = archive.check(facts["sha256"])
        if problems:
            return _verdict(report, facts, RestoreResult(problems=problems), kept_as="")
        result, kept_as = _restore_into_scratch(params, archive, manifest, report)
        return _verdict(report, facts, result, kept_as)

    def probe(self, params: BackupVerifyParams, before: Mapping[str, Any]) -> actions.Finding:
        """Looks for the scratch database and for programs of the attempt. Removes nothing."""
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            there = admin.execute(
                "select from pg_database where datname = %s", [before["database"]]
            ).fetchone()
            busy = admin.execute(
                "select from pg_stat_activity where application_name = %s and pid <> pg_backend_pid()",
                [f"cutover:{before['attempt']}"],
            ).fetchone()
        if busy is not None or processes.find_leftovers(before["attempt"]):
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING, f"The restore into {before['database']} still runs."
            )
        if there is None:
            return actions.Finding(
                actions.ProbeStatus.NOT_DONE,
                f"{before['database']} does not exist: the attempt left nothing behind.",
            )
        observed = f"{before['database']} was left on the scratch server. When nobody needs it: "
        return actions.Finding(
            actions.ProbeStatus.PARTIAL, f"{observed}DROP DATABASE {before['database']} WITH (FORCE);"
        )


def _read_backup_evidence(params: BackupVerifyParams) -> BackupFacts:
    facts = params.backup.evidence.get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup.key}” has taken no backup yet.",
            means="There is nothing to verify.",
            next=f"Run “{params.backup.key}” first.",
        )
    return facts


def _find_lacks(params: BackupVerifyParams) -> list[str]:
    """What the scratch server lacks, or that it does not answer; nothing where the backup cannot be read from
    here, as on a host without the panel's data."""
    facts = _read_backup_evidence(params)
    try:
        manifest = params.context.artefacts.read(facts["path"], MANIFEST)
        needs = json.loads(manifest).get("needs") if manifest else None
    except (Problem, ValueError):
        return []
    url = params.scratch["url"]
    try:
        with postgres.explain_errors(url), postgres.connect(url, readonly=True) as place:
            lacks = find_lacks(needs, place) if needs else None
    except Problem as problem:
        return [str(problem)]
    said = [*lacks["missing"], *lacks["may_lack"]] if lacks else []
    return [f"The scratch server: {sentence}" for sentence in said]


def _server_address(params: BackupVerifyParams) -> str:
    return postgres.address(params.scratch["url"]).partition("/")[0]


def _restore_into_scratch(
    params: BackupVerifyParams, archive: Archive, manifest: Manifest, report: actions.Report
) -> tuple[RestoreResult, str]:
    """Restores and compares; returns the result, and the database's name if it is kept (else empty)."""
    url, attempt = params.scratch["url"], params.context.attempt
    with (
        postgres.explain_errors(url),
        open_scratch_database(url, attempt, manifest["locale"], report.log) as scratch,
    ):
        target = RestoreTarget(scratch.url, scratch.major, params.scratch, attempt)
        result = restore_and_compare(archive, manifest, target, report, jobs=params.jobs or 2, options=BARE)
        result.notes[:0] = scratch.notes
        scratch.keep = params.keep and not result.problems
        if scratch.keep:
            with postgres.connect(url, attempt=attempt) as admin:
                mark_kept(admin, scratch.name, params.backup.evidence["backup"]["sha256"])
    return result, scratch.name if scratch.keep else ""


def _verdict(
    report: actions.RunReport[BackupVerifyEvidence], facts: BackupFacts, result: RestoreResult, kept_as: str
) -> actions.Outcome:
    for line in [*result.notes, *result.problems]:
        report.log(line)
    verified: VerifiedBackup = {
        "sha256": facts["sha256"],
        "path": facts["path"],
        "equal": not result.problems,
        "seconds": result.seconds,
        "digest": result.digest,
        "tables": result.tables,
        "rows": result.rows,
        "problems": result.problems[:200],
        "notes": result.notes,
        "database": kept_as,
    }
    report.evidence({"verified": verified})
    if result.problems:
        more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
        return actions.Outcome(
            False,
            f"Do not rely on this backup: {result.problems[0]}{more} {result.remedy or 'Take a new one.'}",
        )
    where = f"; kept as {kept_as}" if kept_as else ""
    return actions.Outcome(
        True,
        f"Restored in {result.seconds:.1f} s and equal: {result.tables} tables, {result.rows:,} rows{where}.",
    )
