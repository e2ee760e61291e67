"""Brings back the database from before the migration: restored beside the live one, then swapped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms

from integrations import actions, processes
from integrations.actions.backup_take import BackupFacts, BackupTakeEvidence, fetch_archive
from integrations.actions.backup_verify import BackupVerifyEvidence, VerifiedBackup
from integrations.actions.verified_backup import contradict_verification, read_verified_backup
from integrations.backups import database_swap
from integrations.backups.incoming_database import (
    create_incoming_database,
    refuse_small_disk,
    restore_incoming_database,
)
from integrations.backups.restore import RestoreResult
from integrations.clients import postgres
from integrations.clients.postgres import LOCK_WAIT
from integrations.errors import Problem
from integrations.systems import System

DEFAULT_JOBS = 2  # tables that pg_restore restores at once
WRITES_ARE_LOST = (
    "What was written since the backup is no longer in the live database afterwards: only in the kept one."
)


@dataclass(frozen=True)
class RollbackRestoreParams(actions.ActionParams):
    """The live database, and the backup to restore or the earlier swap to revert."""

    database: System
    backup: actions.EarlierItem[BackupTakeEvidence] | None
    verified: actions.EarlierItem[BackupVerifyEvidence] | None
    jobs: int | None
    back_to: actions.EarlierItem[RollbackRestoreEvidence] | None


@dataclass(frozen=True)
class DatabaseNames:
    """The live database, the one that takes its place, and the name under which the live one is kept."""

    live: str
    incoming: str
    aside: str


class RestoredDatabase(TypedDict):
    """The swap of a restored backup. ``kept_as`` is the former live database; ``from_sha256`` and
    ``taken_at`` are those of the backup; ``seconds_closed``: how long nobody could connect."""

    database: str
    kept_as: str
    from_sha256: str
    taken_at: str
    seconds: float | None
    seconds_closed: float
    tables: int
    rows: int
    digest: str
    notes: list[str]


class SwappedBack(TypedDict):
    """The names of `DatabaseNames`, and how long nobody could connect."""

    live: str
    incoming: str
    aside: str
    seconds_closed: float


class RollbackRestoreEvidence(TypedDict, total=False):
    """What a run records: one of these. ``verified`` says that the backup is not what was verified."""

    restored: RestoredDatabase
    swapped_back: SwappedBack
    verified: VerifiedBackup


@actions.register
class RollbackRestore(actions.Action[RollbackRestoreParams, RollbackRestoreEvidence]):
    """Does not change the live database before the restored one is proven equal to the backup."""

    key, title = "rollback.restore", "Restore the verified backup in place of the live database"
    effect = actions.Effect.AT_MOST_ONCE
    deadline = timedelta(hours=2)
    risky = True

    class Params(actions.ActionForm):
        """``database``: the live one, with a login that owns it and may create databases. ``backup`` and
        ``verified``: the items that took the backup and verified it. ``jobs``: tables restored at once.
        ``back_to``: instead, swap back the database that this earlier item put aside."""

        database = actions.SystemField(kind="postgres")
        backup = actions.EvidenceField(action="backup.take", required=False)
        verified = actions.EvidenceField(action="backup.verify", required=False)
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)
        back_to = actions.EvidenceField(action="rollback.restore", required=False)

        def clean(self) -> dict[str, Any]:
            """Requires a backup that was verified, or a swap to revert."""
            given = self.cleaned_data
            if not given.get("back_to") and not (given.get("backup") and given.get("verified")):
                raise forms.ValidationError("Name backup: and verified:, or back_to:.")
            return given

    def resource(self, params: RollbackRestoreParams) -> str:
        """The live database as a whole."""
        return f"db:{postgres.address(params.database['url'])}"

    def preview(self, params: RollbackRestoreParams) -> actions.Preview:
        """Each step, with the names that the databases will have."""
        names = _choose_names(params)
        where = postgres.address(params.database["url"])
        swap = [
            f"Close {names.live} and end its sessions.",
            f"{names.live} → {names.aside}, {names.incoming} → {names.live}.",
            f"{names.aside} is kept, closed to everybody, until a person drops it.",
        ]
        if params.back_to:
            return actions.Preview(swap, where=where, warnings=[WRITES_ARE_LOST])
        facts, jobs = _read_verified_backup(params), params.jobs or DEFAULT_JOBS
        lines = [
            f"Check the SHA-256 of every file of {Path(facts['path']).name}, taken {facts['taken_at']}.",
            f"Create {names.incoming}; pg_restore --exit-on-error --jobs={jobs} into it.",
            "Compare every table with the fingerprint of the backup; stop here when one differs.",
            f"Give it owner, rights, settings and comment of {names.live} (also a write freeze).",
            *swap,
        ]
        return actions.Preview(lines, where=where, warnings=[WRITES_ARE_LOST])

    def before(self, params: RollbackRestoreParams) -> dict[str, Any]:
        """The three names, and the attempt by which programs that still run are found."""
        names = _choose_names(params)
        if not params.back_to:
            _read_verified_backup(params)
        return {**vars(names), "attempt": params.context.attempt}

    def run(
        self, params: RollbackRestoreParams, report: actions.RunReport[RollbackRestoreEvidence]
    ) -> actions.Outcome:
        """Restores, compares, configures, swaps. A copy that differs is a verdict, and is not swapped."""
        url, names = params.database["url"], _choose_names(params)
        report.secret(postgres.connection_settings(url).get("password", ""))
        with database_swap.connect_to_maintenance_database(
            url,
            params.context.attempt,
            report=report,
            lock_wait=params.database.seconds("lock_wait", LOCK_WAIT),
        ) as admin:
            _refuse_taken_name(admin, names)
            if not params.back_to:
                return _restore_and_swap(admin, params, names, report)
            closed = database_swap.swap_databases(admin, names.live, names.incoming, names.aside, report)
        swapped: SwappedBack = {
            "live": names.live,
            "incoming": names.incoming,
            "aside": names.aside,
            "seconds_closed": closed,
        }
        report.evidence({"swapped_back": swapped})
        return actions.Outcome(
            True, f"{names.live} is again the database that was put aside; the other is {names.aside}."
        )

    def probe(self, params: RollbackRestoreParams, before: Mapping[str, Any]) -> actions.Finding:
        """Which of the three databases exist, and whether the live one accepts connections."""
        with database_swap.connect_to_maintenance_database(params.database["url"], readonly=True) as admin:
            found = {n: database_swap.find_database(admin, before[n]) for n in ("live", "incoming", "aside")}
        facts = {before[n]: "there" if database else "not there" for n, database in found.items()}
        observed = ", ".join(f"{name} is {state}" for name, state in facts.items())
        if processes.find_leftovers(before["attempt"]):
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING, f"pg_restore still runs; {observed}.", facts
            )
        live = found["live"]
        if live and live.allows_connections and not found["incoming"]:
            if found["aside"]:
                return actions.Finding(actions.ProbeStatus.DONE, f"The swap was made: {observed}.", facts)
            return actions.Finding(
                actions.ProbeStatus.NOT_DONE, f"Nothing was swapped, and no copy is left: {observed}.", facts
            )
        return actions.Finding(actions.ProbeStatus.PARTIAL, f"{observed}. {_next_step(before, found)}", facts)


def _choose_names(params: RollbackRestoreParams) -> DatabaseNames:
    live = database_swap.get_database_name(params.database["url"])
    mark = re.sub(r"[^0-9a-z]", "", (params.context.attempt or "preview").lower())[:8]
    aside = f"{live[:45]}_failed_{mark}"  # PostgreSQL cuts names after 63 bytes
    if not params.back_to:
        return DatabaseNames(live, f"{live[:45]}_restore_{mark}", aside)
    kept = params.back_to.evidence.get("restored")
    if not kept:
        raise Problem(
            f"“{params.back_to.key}” put no database aside.",
            means="There is nothing to swap back.",
            next="Look at its evidence; the databases of the server are listed by \\l in psql.",
        )
    return DatabaseNames(live, kept["kept_as"], aside)


def _read_verified_backup(params: RollbackRestoreParams) -> BackupFacts:
    assert params.backup is not None  # the form requires both without back_to
    assert params.verified is not None
    return read_verified_backup(params.backup, params.verified)


def _refuse_taken_name(admin: postgres.Connection, names: DatabaseNames) -> None:
    if database_swap.find_database(admin, names.aside):
        raise Problem(
            f"There is a database {names.aside} already.",
            means="An earlier attempt got that far. Nothing was done now.",
            next="Find out what it is before you drop or rename it.",
        )


def _restore_and_swap(
    admin: postgres.Connection,
    params: RollbackRestoreParams,
    names: DatabaseNames,
    report: actions.RunReport[RollbackRestoreEvidence],
) -> actions.Outcome:
    facts = _read_verified_backup(params)
    assert params.backup is not None  # the form requires it without back_to
    archive = fetch_archive(params.backup, facts, report.raise_if_cancelled)
    manifest, damage = archive.check(facts["sha256"])
    if damage:
        report.evidence({"verified": contradict_verification(facts, damage)})
        return actions.Outcome(False, f"The backup is damaged, the live database untouched: {damage[0]}")
    refuse_small_disk(archive)
    with create_incoming_database(admin, names.incoming, manifest, report):
        result = restore_incoming_database(
            admin,
            params.database,
            names.incoming,
            archive,
            manifest,
            report,
            attempt=params.context.attempt,
            jobs=params.jobs or DEFAULT_JOBS,
        )
        if result.problems:
            for problem in result.problems:
                report.log(problem)
            report.evidence({"verified": contradict_verification(facts, result.problems)})
            wrong = result.problems[0]
            return actions.Outcome(False, f"Not swapped, the restored copy is not right: {wrong}")
        database_swap.copy_configuration(admin, names.live, names.incoming, report.log)
        # The last moment for a cancel: the swap changes the live database.
        report.raise_if_cancelled()
        closed = database_swap.swap_databases(admin, names.live, names.incoming, names.aside, report)
    report.evidence({"restored": _facts(names, facts, result, closed)})
    restored = f"{result.tables} tables, {result.rows:,} rows, in {result.seconds:.1f} s"
    return actions.Outcome(
        True,
        f"{names.live} is the backup of {facts['taken_at'][:16]} again ({restored}); kept: {names.aside}.",
    )


def _facts(
    names: DatabaseNames, backup: BackupFacts, result: RestoreResult, seconds_closed: float
) -> RestoredDatabase:
    return {
        "database": names.live,
        "kept_as": names.aside,
        "from_sha256": backup["sha256"],
        "taken_at": backup["taken_at"],
        "seconds": result.seconds,
        "seconds_closed": seconds_closed,
        "tables": result.tables,
        "rows": result.rows,
        "digest": result.digest,
        "notes": result.notes,
    }


def _next_step(before: Mapping[str, Any], found: Mapping[str, database_swap.DatabaseEntry | None]) -> str:
    """The statement with which a person goes on after a swap that was interrupted."""
    live, incoming, aside = before["live"], before["incoming"], before["aside"]
    if found["live"] is None:
        source = incoming if found["incoming"] else aside
        return f'To go on: ALTER DATABASE "{source}" RENAME TO "{live}"; then ALLOW_CONNECTIONS true for it.'
    if not found["live"].allows_connections:
        return f'Nobody can connect: ALTER DATABASE "{live}" WITH ALLOW_CONNECTIONS true;'
    return f'The live database is unchanged. A partial copy is left: DROP DATABASE "{incoming}" WITH (FORCE);'
