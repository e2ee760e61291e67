"""Keeps an encrypted copy of a backup in a second place until a day, read back and write-protected."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

from django import forms

from integrations import actions, atomic_files
from integrations.actions.backup_take import BackupFacts, BackupTakeEvidence, fetch_archive
from integrations.actions.backup_verify import VerifiedBackup
from integrations.actions.verified_backup import contradict_verification
from integrations.backups import archive, retention
from integrations.backups.archive import Archive
from integrations.checksums import hash_file, list_files
from integrations.credentials import Credentials
from integrations.errors import Problem
from integrations.systems import System

LARGEST = 2_000_000_000  # bytes: the encrypted copy is made in memory; a larger backup needs its own tool
REASON = "It is the way back of this cutover, until the migration is declared complete."


@dataclass(frozen=True)
class SnapshotsRetainParams(actions.ActionParams):
    """The backup, the second place, and for how many days it is kept."""

    backup: actions.EarlierItem[BackupTakeEvidence]
    place: System
    days: int | None

    @property
    def until(self) -> date:
        """The last day on which the backup is held."""
        return datetime.now(UTC).date() + timedelta(days=self.days or 90)


class RetainedFacts(TypedDict):
    """The copy, both SHA-256 (of the copy's file, of the backup's manifest), the day, and the id of the key
    that encrypts it."""

    copy: str
    copy_sha256: str
    backup_sha256: str
    until: str
    key: str


class SnapshotsRetainEvidence(TypedDict, total=False):
    """The copy that is kept; ``verified`` says that the backup is not what was verified."""

    retained: RetainedFacts
    verified: VerifiedBackup


@actions.register
class SnapshotsRetain(actions.Action[SnapshotsRetainParams, SnapshotsRetainEvidence]):
    """The panel deletes no held backup before its day (`retention.refuse_if_held`)."""

    key, title = "snapshots.retain", "Keep an encrypted copy of the backup in a second place"
    texts_shown = True
    effect = actions.Effect.IDEMPOTENT
    deadline = timedelta(hours=1)

    class Params(actions.ActionForm):
        """``backup``: the item that took it; ``place``: a folder elsewhere (another disk, a mounted store);
        ``days``: how long it is kept from today (default 90)."""

        backup = actions.EvidenceField(action="backup.take")
        place = actions.SystemField(kind="folder")
        days = forms.IntegerField(min_value=1, max_value=3650, required=False)

    def preview(self, params: SnapshotsRetainParams) -> actions.Preview:
        """What is copied where, and until when it is held."""
        source, target = _source(params), _target(params)
        lines = [
            f"Check the SHA-256 of every file of {source.path.name}.",
            f"Write {target}, encrypted under the newest key of the panel; read it back and compare.",
            f"Write-protect both, and hold both until {params.until}.",
        ]
        return actions.Preview(lines, where=params.place["path"])

    def before(self, params: SnapshotsRetainParams) -> dict[str, Any]:
        """The path of the copy, and the SHA-256 of the backup."""
        return {"target": str(_target(params)), "sha256": _backup_facts(params)["sha256"]}

    def run(
        self, params: SnapshotsRetainParams, report: actions.RunReport[SnapshotsRetainEvidence]
    ) -> actions.Outcome:
        """Copies, reads back and holds; a damaged backup is a verdict."""
        target, until = _target(params), params.until
        facts = _backup_facts(params)
        sha256 = facts["sha256"]
        if failed := facts.get("failed_verification"):
            return actions.Outcome(False, f"Not kept, its latest verification failed. {failed}")
        source = fetch_archive(params.backup, facts, report.raise_if_cancelled)
        manifest, damage = source.check(sha256)
        if damage:
            report.evidence({"verified": contradict_verification(facts, damage)})
            return actions.Outcome(False, f"Not kept, the backup is damaged: {damage[0]}")
        credentials = Credentials()
        data = _pack(source)
        report.log(f"{source.path.name}: {len(data):,} bytes, {len(manifest['files'])} file(s), undamaged.")
        _write_copy(data, target, credentials)
        report.progress(1, 2, "reading the copy back")
        if _packed_manifest_sha256(credentials.decrypt(target.read_bytes())) != sha256:
            raise Problem(f"{target} does not read back as it was written.", next="Check that disk.")
        _hold_both(params, source, target, sha256, until)
        report.evidence(
            {
                "retained": {
                    "copy": str(target),
                    "copy_sha256": hash_file(target),
                    "backup_sha256": sha256,
                    "until": until.isoformat(),
                    "key": credentials.key_id,
                }
            }
        )
        return actions.Outcome(
            True, f"{source.path.name} is kept in two places, read back, and held until {until}."
        )

    def probe(self, params: SnapshotsRetainParams, before: Mapping[str, Any]) -> actions.Finding:
        """Decrypts the copy and compares it with the backup."""
        target = Path(before["target"])
        if not target.exists():
            return actions.Finding(
                actions.ProbeStatus.NOT_DONE, f"There is no {target.name} in {target.parent}."
            )
        try:
            sha256 = _packed_manifest_sha256(Credentials().decrypt(target.read_bytes()))
        except (Problem, tarfile.TarError, KeyError) as error:
            return actions.Finding(
                actions.ProbeStatus.PARTIAL, f"{target.name} is there and cannot be read: {error}"
            )
        same, hold = sha256 == before["sha256"], retention.read_hold(target)
        if same and hold is not None:
            return actions.Finding(
                actions.ProbeStatus.DONE, f"{target.name} is the backup, held until {hold.until}."
            )
        what = "the backup, but is not held yet" if same else "the copy of another backup"
        return actions.Finding(actions.ProbeStatus.PARTIAL, f"{target.name} is {what}.")


def _hold_both(
    params: SnapshotsRetainParams, source: Archive, target: Path, sha256: str, until: date
) -> None:
    """Write-protects backup and copy, and notes beside both until when they are held."""
    for folder in (source.path, target):
        note = retention.place_hold(
            folder, sha256=sha256, until=until, why=REASON, cutover=params.context.cutover
        )
        if folder == source.path:
            params.context.artefacts.publish(note)
    for file in (target, *list_files(source.path)):
        _write_protect(file)


def _backup_facts(params: SnapshotsRetainParams) -> BackupFacts:
    facts = params.backup.evidence.get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup.key}” has left no backup.",
            means="There is nothing to keep.",
            next=f"Carry out “{params.backup.key}” first.",
        )
    return facts


def _source(params: SnapshotsRetainParams) -> Archive:
    return Archive(Path(_backup_facts(params)["path"]))


def _target(params: SnapshotsRetainParams) -> Path:
    folder = Path(params.place["path"])
    if not folder.is_dir():
        raise Problem(
            f"The folder {folder} is not there.",
            means="Nothing was copied.",
            next="Mount the second place, or correct path: of the system.",
        )
    return folder / f"{_source(params).path.name}.tar.fernet"


def _pack(source: Archive) -> bytes:
    """A tar of the whole backup, in memory. Raises `Problem` when that would be too large."""
    size = source.measure_size()
    if size > LARGEST:
        raise Problem(
            f"The backup has {size:,} bytes; this action keeps up to {LARGEST:,}.",
            means="Nothing was copied.",
            next="Copy it with your store's own tools, and note place, SHA-256 and the day here.",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in list_files(source.path):
            tar.add(file, arcname=str(file.relative_to(source.path)))
    return buffer.getvalue()


def _write_copy(data: bytes, target: Path, credentials: Credentials) -> None:
    """Writes the encrypted copy, unless an earlier attempt wrote it already."""
    atomic_files.make_private_folder(target.parent)
    if not target.exists():
        atomic_files.write_file(target, credentials.encrypt(data))


def _packed_manifest_sha256(data: bytes) -> str:
    """SHA-256 of the manifest in a tar; empty when a file in it differs from the manifest."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        contents = {name: _content(tar, name) for name in tar.getnames()}
    manifest = contents.pop(archive.MANIFEST)
    for name, known in json.loads(manifest)["files"].items():
        if hashlib.sha256(contents[name]).hexdigest() != known["sha256"]:
            return ""
    return hashlib.sha256(manifest).hexdigest()


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    return member.read() if member is not None else b""


def _write_protect(file: Path) -> None:
    file.chmod(0o400)
