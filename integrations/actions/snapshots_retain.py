"""Keeps a backup in a second place until a day, encrypted, proven, and closed to writing."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django import forms

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
from integrations.clients import archive, durable, retention
from integrations.clients.archive import Archive
from integrations.credentials import Credentials
from integrations.errors import Problem

LARGEST = 2_000_000_000  # bytes: one token is made in memory; what is larger wants a store of its own


@register
class SnapshotsRetain(Action):
    """Nothing of the panel deletes a held backup before its day (`retention.refuse_held`)."""

    key, title = "snapshots.retain", "Keep the backup in a second place until a day"
    effect = Effect.IDEMPOTENT
    deadline = timedelta(hours=1)

    class Params(ActionForm):
        """``backup``: the item that took it; ``place``: a folder elsewhere (another disk, a mounted store);
        ``days``: how long it is kept from today (default 90)."""

        backup = EvidenceField(action="backup.take")
        place = SystemField(kind="folder")
        days = forms.IntegerField(min_value=1, max_value=3650, required=False)

    def preview(self, params: Values) -> Preview:
        """What is copied, to where, until when."""
        source, target = _source(params), _target(params)
        lines = [
            f"Check the SHA-256 of every file of {source.path.name}.",
            f"Write {target}, encrypted under the newest key of the panel; read it back and compare.",
            f"Close both to writing, and hold both until {_until(params)}.",
        ]
        return Preview(lines, where=params.place["path"])

    def before(self, params: Values) -> dict[str, Any]:
        """Where the copy will be."""
        return {"target": str(_target(params)), "sha256": _facts(params)["sha256"]}

    def run(self, params: Values, report: Report) -> Outcome:
        """Copies, proves and holds; a backup that is damaged is a verdict."""
        source, target, until = _source(params), _target(params), _until(params)
        manifest, sha256 = source.manifest()
        damages = source.damages(manifest)
        if damages or sha256 != _facts(params)["sha256"]:
            return Outcome(False, f"Not kept, the backup is damaged: {(damages or ['another manifest'])[0]}")
        credentials = Credentials()
        data = _packed(source)
        report.log(f"{source.path.name}: {len(data):,} bytes, {len(manifest['files'])} file(s), whole.")
        durable.private_folder(target.parent)
        if not target.exists():
            durable.write(target, credentials.encrypt(data))
        report.progress(1, 2, "reading the copy back")
        if _unpacked_manifest(credentials.decrypt(target.read_bytes())) != sha256:
            raise Problem(f"{target} does not read back as it was written.", next="Check that disk.")
        _close(target)
        why = "It is the way back of this cutover, until the migration is declared complete."
        for folder in (source.path, target):
            retention.hold(folder, sha256=sha256, until=until, why=why, cutover=params.context.cutover)
        for file in archive.files(source.path):
            _close(file)
        report.evidence(
            retained={
                "copy": str(target),
                "copy_sha256": archive.sha256(target),
                "backup_sha256": sha256,
                "until": until.isoformat(),
                "key": credentials.key_id,
            }
        )
        return Outcome(True, f"{source.path.name} is kept twice, read back, and held until {until}.")

    def probe(self, params: Values, before: Mapping[str, Any]) -> Finding:
        """Decrypts the copy and compares it with the backup."""
        target = Path(before["target"])
        if not target.exists():
            return Finding(Seen.NOT_DONE, f"There is no {target.name} in {target.parent}.")
        try:
            same = _unpacked_manifest(Credentials().decrypt(target.read_bytes())) == before["sha256"]
        except (Problem, tarfile.TarError, KeyError) as error:
            return Finding(Seen.PARTIAL, f"{target.name} is there and cannot be read: {error}")
        known = retention.held(target)
        if same and known is not None:
            return Finding(Seen.DONE, f"{target.name} is the backup, held until {known.until}.")
        return Finding(
            Seen.PARTIAL, f"{target.name} is {'the backup, not held yet' if same else 'another one'}."
        )


def _facts(params: Values) -> Mapping[str, Any]:
    facts: Mapping[str, Any] | None = params.context.evidence.get(params.backup, {}).get("backup")
    if not facts:
        raise Problem(
            f"“{params.backup}” has left no backup.",
            means="There is nothing to keep.",
            next=f"Carry out “{params.backup}” first.",
        )
    return facts


def _source(params: Values) -> Archive:
    return Archive(Path(_facts(params)["path"]))


def _target(params: Values) -> Path:
    folder = Path(params.place["path"])
    if not folder.is_dir():
        raise Problem(
            f"The folder {folder} is not there.",
            means="Nothing was copied.",
            next="Mount the second place, or correct path: of the system.",
        )
    return folder / f"{_source(params).path.name}.tar.fernet"


def _until(params: Values) -> date:
    return datetime.now(UTC).date() + timedelta(days=params.days or 90)


def _packed(source: Archive) -> bytes:
    size = sum(file.stat().st_size for file in archive.files(source.path))
    if size > LARGEST:
        raise Problem(
            f"The backup has {size:,} bytes; this keeps up to {LARGEST:,}.",
            means="Nothing was copied.",
            next="Copy it with your store's own tools, and note place, SHA-256 and the day here.",
        )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in archive.files(source.path):
            tar.add(file, arcname=str(file.relative_to(source.path)))
    return buffer.getvalue()


def _unpacked_manifest(data: bytes) -> str:
    """SHA-256 of the manifest inside, after every file was held against it."""
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


def _close(file: Path) -> None:
    file.chmod(0o400)
