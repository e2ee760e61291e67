"""Verifies a backup the only way there is: restores it, and compares what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
    EvidenceField,
    Finding,
    Outcome,
    Preview,
    Report,
    Seen,
    SystemField,
    Values,
)
from integrations.clients import pgtools, postgres, scratch_database
from integrations.clients.archive import Archive
from integrations.clients.restoring import Restored, Target, restore
from integrations.errors import Problem


@register
class BackupVerify(Action):
    """Checks every SHA-256, restores into a database of its own, compares table by table."""

    key, title = "backup.verify", "Verify the backup by restoring it"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(hours=2)

    class Params(ActionForm):
        """``backup``: the item that took it. ``scratch``: a login that may create databases on a server
        of its own. ``jobs``: how many tables are restored at once (default 2). ``keep``: leave the
        restored database for later items; its name is in the evidence."""

        backup = EvidenceField(action="backup.take")
        scratch = SystemField(kind="postgres")
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)
        keep = forms.BooleanField(required=False)

    def resource(self, params: Values) -> str:
        """One restore at a time on the scratch server, so that its duration means something."""
        return f"db:{postgres.address(params.scratch['url'])}:scratch"

    def preview(self, params: Values) -> Preview:
        """What would be restored, and where."""
        name = scratch_database.name_for(params.context.attempt or "preview")
        facts = params.context.evidence.get(params.backup, {}).get("backup")
        what = f"backup {Path(facts['path']).name}" if facts else f"backup that “{params.backup}” will take"
        lines = [
            f"Check the SHA-256 of every file of the {what}.",
            f"Create the database {name} from template0.",
            f"pg_restore --exit-on-error --no-owner --no-privileges --jobs={params.jobs or 2} into it.",
            "Compare the fingerprint of every table with the one taken in the backup's snapshot.",
            f"Keep {name} for later items." if params.keep else f"Drop {name}.",
        ]
        warnings = []
        if facts and facts["source"]["address"].partition("/")[0] == _server(params):
            warnings.append("The scratch server is the one the backup came from: it will feel the load.")
        return Preview(lines, where=postgres.address(params.scratch["url"]), warnings=warnings)

    def before(self, params: Values) -> dict[str, Any]:
        """The name of the database that will be made."""
        return {
            "database": scratch_database.name_for(params.context.attempt),
            "attempt": params.context.attempt,
        }

    def run(self, params: Values, report: Report) -> Outcome:
        """Restores and compares; a backup that is damaged or differs is a verdict, not an error."""
        facts = _facts(params)
        report.secret(postgres.settings(params.scratch["url"]).get("password", ""))
        target = Archive(Path(facts["path"]))
        manifest, sha256 = target.manifest()
        report.log(f"Checking the SHA-256 of {len(manifest['files'])} file(s) in {target.path.name}.")
        problems = target.damages(manifest)
        if sha256 != facts["sha256"]:
            problems.insert(0, "The manifest is not the one that was written when the backup was taken.")
        result, kept = Restored(problems=problems), ""
        if not problems:
            with postgres.in_words(params.scratch["url"]), _scratch(params, manifest, report) as scratch:
                into = Target(scratch.url, scratch.server, params.scratch, params.context.attempt)
                bare = ("--no-owner", "--no-privileges")
                result = restore(target, manifest, into, report, jobs=params.jobs or 2, options=bare)
                result.notes[:0] = scratch.notes
                scratch.keep = bool(params.keep) and not result.problems
            kept = scratch.name if scratch.keep else ""
        return _verdict(report, facts, result, kept)

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Looks for the scratch database and for programs of the attempt; removes nothing."""
        with postgres.connect(params.scratch["url"], readonly=True) as admin:
            there = admin.execute(
                "select from pg_database where datname = %s", [before["database"]]
            ).fetchone()
            busy = admin.execute(
                "select from pg_stat_activity where application_name = %s and pid <> pg_backend_pid()",
                [f"cutover:{before['attempt']}"],
            ).fetchone()
        if busy is not None or programs.leftovers(before["attempt"]):
            return Finding(Seen.STILL_RUNNING, f"The restore into {before['database']} still runs.")
        if there is None:
            return Finding(
                Seen.NOT_DONE, f"{before['database']} is not there; its comparison left no result."
            )
        saw = f"{before['database']} was left on the scratch server. When nobody needs it: "
        return Finding(Seen.PARTIAL, f"{saw}DROP DATABASE {before['database']} WITH (FORCE);")


@dataclass
class _Scratch:
    """The database that a backup is restored into; dropped unless it is to be kept."""

    name: str
    url: str
    server: int
    notes: list[str]
    keep: bool = False


def _facts(params: Values) -> Mapping[str, Any]:
    facts: Mapping[str, Any] | None = params.context.evidence.get(params.backup, {}).get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup}” has left no backup yet.",
            means="There is nothing to verify.",
            next=f"Carry out “{params.backup}” first.",
        )
    return facts


def _server(params: Values) -> str:
    return postgres.address(params.scratch["url"]).partition("/")[0]


@contextmanager
def _scratch(params: Values, manifest: Mapping[str, Any], report: Report) -> Iterator[_Scratch]:
    url, attempt = params.scratch["url"], params.context.attempt
    name = scratch_database.name_for(attempt)
    scratch = _Scratch(name, postgres.with_database(url, name), 0, [])
    try:
        with postgres.connect(url, attempt=attempt) as admin:
            scratch.server = pgtools.major(admin)
            _tell_leftovers(admin, report)
            scratch.notes += scratch_database.create(admin, name, manifest["locale"])
        report.log(f"Created {name} from template0 on {_server(params)}.")
        yield scratch
    except BaseException:
        scratch.keep = False
        raise
    finally:
        if not scratch.keep:
            with postgres.connect(url, attempt=attempt) as admin:
                scratch_database.drop(admin, name)
            report.log(f"Dropped {name}.")


def _tell_leftovers(admin: postgres.Connection, report: Report) -> None:
    names = scratch_database.names(admin)
    if names:
        report.log(
            f"On the scratch server from earlier (kept, or left by a lost worker): {', '.join(names)}."
        )


def _verdict(report: Report, facts: Mapping[str, Any], result: Restored, kept: str) -> Outcome:
    for line in [*result.notes, *result.problems]:
        report.log(line)
    report.evidence(
        verified={
            "sha256": facts["sha256"],
            "path": facts["path"],
            "equal": not result.problems,
            "seconds": result.seconds,
            "digest": result.digest,
            "tables": result.tables,
            "rows": result.rows,
            "problems": result.problems[:200],
            "notes": result.notes,
            "database": kept,
        }
    )
    if result.problems:
        more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
        return Outcome(
            False, f"This backup must not be relied on: {result.problems[0]}{more} Take a new one."
        )
    where = f"; kept as {kept}" if kept else ""
    return Outcome(
        True,
        f"Restored in {result.seconds:.1f} s and equal: {result.tables} tables, {result.rows:,} rows{where}.",
    )
