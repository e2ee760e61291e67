"""Takes a backup of a database, together with a fingerprint of the same snapshot."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NotRequired, TypedDict

from django import forms

from integrations import actions, processes
from integrations.backups import fingerprint
from integrations.backups.archive import (
    Archive,
    Manifest,
    begin_of_names,
    locate_archive,
    measure_disk_space,
    remove_unfinished,
)
from integrations.backups.dump import DumpOptions, plan_dump, take_backup
from integrations.clients import postgres
from integrations.sizes import format_bytes
from integrations.systems import System

FORMATS = [("custom", "one file"), ("directory", "one file per table, dumped in parallel")]


@dataclass(frozen=True)
class BackupTakeParams(actions.ActionParams):
    """What to back up, and in which format."""

    database: System
    format: str
    jobs: int | None


class BackupFacts(TypedDict):
    """A finished backup. ``sha256`` is that of its manifest, ``digest`` that of the fingerprint;
    ``counts`` has the rows of the first thousand tables; ``source`` is from `postgres.read_identity`."""

    path: str
    bytes: int
    sha256: str
    format: str
    taken_at: str  # ISO 8601: the time of the snapshot, by the clock of the database
    clock_ahead: NotRequired[float]  # seconds by which that clock was ahead of the panel's
    digest: str
    fingerprint: str  # the digest again, under the name that older records have
    tables: int
    rows: int
    counts: dict[str, int]
    source: dict[str, Any]
    pg_dump: str  # its version
    seconds: float
    warnings: list[str]
    #: what the latest verification of this backup said, if it failed; the panel adds it for later items
    failed_verification: NotRequired[str]


class BackupTakeEvidence(TypedDict, total=False):
    """What a run records."""

    backup: BackupFacts


@actions.register
class BackupTake(actions.Action[BackupTakeParams, BackupTakeEvidence]):
    """Runs ``pg_dump`` on an exported snapshot. Only ``backup.verify`` proves that the backup can be
    restored."""

    key, title = "backup.take", "Take a backup of the database"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(hours=2)

    class Params(actions.ActionForm):
        """``database``: what to back up. ``format``: custom (default) or directory. ``jobs``: with
        directory, how many tables are dumped at once (default 2)."""

        database = actions.SystemField(kind="postgres")
        format = forms.ChoiceField(choices=FORMATS, required=False)
        jobs = forms.IntegerField(min_value=1, max_value=32, required=False)

    def resource(self, params: BackupTakeParams) -> str:
        """One backup of a database at a time: two would only slow each other down."""
        return f"db:{postgres.address(params.database['url'])}:backup"

    def preview(self, params: BackupTakeParams) -> actions.Preview:
        """The command line, the folder, and the disk space it needs, measured on the live server."""
        archive = _locate_archive(params)
        plan = plan_dump(_dump_options(params), archive)
        space = measure_disk_space(params.context.folder, plan.needed)
        lines = [
            f"Export a snapshot, and fingerprint every table in it (PostgreSQL {plan.version}).",
            " ".join(plan.command),
            f"SHA-256 of every file, then the name {archive.path}.",
            f"Disk: {space}.",
        ]
        warnings = [] if space.suffices else ["There is not enough disk space: the backup would be refused."]
        return actions.Preview(lines, where=postgres.address(params.database["url"]), warnings=warnings)

    def before(self, params: BackupTakeParams) -> dict[str, Any]:
        """Where the backup will be."""
        return {"path": str(_locate_archive(params).path), "attempt": params.context.attempt}

    def run(self, params: BackupTakeParams, report: actions.RunReport[BackupTakeEvidence]) -> actions.Outcome:
        """Dumps and fingerprints one snapshot. Leaves a complete backup or none."""
        report.secret(postgres.connection_settings(params.database["url"]).get("password", ""))
        # This attempt holds the resource of the database's backups, so the writers of the rest are dead.
        address, store = postgres.address(params.database["url"]), params.context.artefacts
        remove_unfinished(params.context.folder, address, report.log)
        store.discard_unfinished(begin_of_names(address))
        archive = _locate_archive(params)
        take_backup(_dump_options(params), archive, report)
        store.publish(archive.path)
        evidence = _backup_evidence(archive, *archive.read_manifest())
        report.evidence({"backup": evidence})
        report.log(f"{archive.path.name}: SHA-256 of the manifest {evidence['sha256']}")
        return _judge_contents(evidence, postgres.address(params.database["url"]))

    def probe(self, params: BackupTakeParams, before: Mapping[str, Any]) -> actions.Finding:
        """Looks for the finished folder and checks its manifest and every SHA-256."""
        if processes.find_leftovers(before["attempt"]):
            return actions.Finding(
                actions.ProbeStatus.STILL_RUNNING, "The attempt's pg_dump still runs on this host."
            )
        address = postgres.address(params.database["url"])
        archive = locate_archive(params.context.folder, address, before["attempt"])
        if not archive.path.exists():
            rest = f" An unfinished {archive.partial.name} is there." if archive.partial.exists() else ""
            if params.context.artefacts.has(archive.path):
                archive = Archive(params.context.artefacts.fetch(str(archive.path)))
            else:
                return actions.Finding(
                    actions.ProbeStatus.NOT_DONE,
                    f"There is no {archive.path.name} on {socket.gethostname()}.{rest}",
                )
        manifest, sha256 = archive.read_manifest()
        damage = archive.find_damage(manifest)
        if damage:
            return actions.Finding(
                actions.ProbeStatus.PARTIAL, f"{archive.path.name} is there, but damaged: {' '.join(damage)}"
            )
        if not params.context.artefacts.has(archive.path):
            return actions.Finding(
                actions.ProbeStatus.PARTIAL,
                f"{archive.path.name} is whole on {socket.gethostname()}, but not in the storage of "
                "artefacts, so other hosts cannot have it. Starting again takes a new one.",
            )
        facts: BackupTakeEvidence = {"backup": _backup_evidence(archive, manifest, sha256)}
        return actions.Finding(
            actions.ProbeStatus.DONE, f"{archive.path.name} is complete (SHA-256 {sha256}).", facts
        )


def fetch_archive(
    backup: actions.EarlierItem[BackupTakeEvidence], facts: BackupFacts, check: Callable[[], None]
) -> Archive:
    """The archive of an earlier backup on this host. ``check`` is called between parts that are fetched.

    Raises `Problem` where this host cannot have it, naming the host that has.
    """
    path = backup.context.artefacts.fetch(facts["path"], host=backup.host, check=check)
    return Archive(path)


def _judge_contents(backup: BackupFacts, address: str) -> actions.Outcome:
    """Red for a backup without rows: it restores and compares well, and brings nothing back."""
    contents = f"{backup['tables']} tables with {backup['rows']:,} rows"
    if backup["rows"]:
        size = format_bytes(backup["bytes"])
        return actions.Outcome(True, f"{contents} in {size}; not yet verified: nobody has restored it.")
    return actions.Outcome(
        False,
        f"The backup holds {contents}: a rollback could bring nothing back. {address} is probably not the "
        "database that the application uses. Compare the address with the application's own settings.",
    )


def _locate_archive(params: BackupTakeParams) -> Archive:
    address = postgres.address(params.database["url"])
    return locate_archive(params.context.folder, address, params.context.attempt or "preview")


def _dump_options(params: BackupTakeParams) -> DumpOptions:
    return DumpOptions(
        params.database, params.context.attempt, params.format or "custom", jobs=params.jobs or 2
    )


def _backup_evidence(archive: Archive, manifest: Manifest, sha256: str) -> BackupFacts:
    """The facts of a finished backup; ``sha256`` is that of its manifest."""
    tables = manifest["fingerprint"]["tables"]
    return {
        "path": str(archive.path),
        "bytes": archive.measure_size(),
        "sha256": sha256,
        "format": manifest["format"],
        "taken_at": manifest["taken_at"],
        "clock_ahead": manifest.get("clock_ahead", 0.0),
        "digest": manifest["digest"],
        "fingerprint": manifest["digest"],
        "tables": len(tables),
        "rows": fingerprint.count_rows(manifest["fingerprint"]),
        "counts": dict(list({name: t["rows"] for name, t in tables.items()}.items())[:1000]),
        "source": manifest["source"],
        "pg_dump": manifest["pg_dump"],
        "seconds": manifest["seconds"],
        "warnings": manifest["warnings"],
    }
