"""Secrets at rest: decrypting an export for its owner, and encrypting everything again after a new key."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from checklists.action_context import artefact_store
from checklists.models import Attempt, Cutover, Evidence, Item
from checklists.services.permission import append_entry, get_member, lock_cutover
from checklists.services.refusal import CommandRefused
from integrations import atomic_files
from integrations.artefacts import ArtefactStore
from integrations.credentials import SUFFIX, Credentials
from integrations.errors import Problem


@transaction.atomic
def decrypt_export(*, item: Item, by: User) -> bytes:
    """The bytes of the environment file in the item's latest export; only for a migration lead.

    The record says who decrypted which export. The entry is committed before the bytes are given away: an
    entry without a reader does less harm than a reader without an entry. Raises `Problem` when the file is
    not on this host, or cannot be decrypted with the keys here.
    """
    cutover = lock_cutover(item.cutover_id)
    if not get_member(cutover, by).may_act:
        raise CommandRefused(f"Only a migration lead of {cutover.title} may decrypt its exports.")
    evidence = (
        Evidence.objects.select_related("attempt").filter(item=item, ok=True).order_by("-observed_at").first()
    )
    export = evidence.facts.get("export") if evidence else None
    if evidence is None or not export:
        raise CommandRefused(
            f"“{item.key}” has left no export.",
            next="Name the item that exported the environment file (action env.export).",
        )
    host = str(evidence.attempt.owner.get("host", ""))
    path = artefact_store(cutover).fetch(export["path"], host=host)
    data = Credentials().decrypt(_read(path))
    append_entry(
        cutover,
        "secrets.decrypted",
        by=by,
        item=item.key,
        title=item.title,
        attempt=str(evidence.attempt_id),
        file=path.name,
    )
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(
            f"{path} cannot be read: {error.strerror}.",
            means="Nothing was decrypted.",
            next="Run this on a host that has the panel's data folder, as the user of the worker.",
        ) from None


@dataclass(frozen=True)
class ReencryptedFiles:
    """The files of one cutover: now under the newest key, under it before, not here, and unreadable.

    ``unreadable`` has a sentence for each file.
    """

    changed: list[Path]
    unchanged: list[Path]
    missing: list[Path]
    unreadable: list[str]


def reencrypt_secrets(*, cutover: Cutover, by: User) -> ReencryptedFiles:
    """Encrypts every secret file of a cutover under the newest key: exports, and copies of backups.

    Each file is replaced in one step and keeps its mode. A second run goes on where the first one ended.
    Raises `Problem` when there are no keys.
    """
    credentials, found, store = Credentials(), ReencryptedFiles([], [], [], []), artefact_store(cutover)
    for path in _encrypted_files(cutover, store):
        try:
            if path.is_relative_to(store.root) and store.has(path):
                store.fetch(str(path))  # another host may have written it, or encrypted it again
            _reencrypt(path, credentials, found, store)
        except FileNotFoundError:
            found.missing.append(path)
        except (OSError, Problem) as error:
            found.unreadable.append(f"{path}: {error}")
    if found.changed:
        names = [path.name for path in found.changed]
        with transaction.atomic():
            locked = lock_cutover(cutover.pk)
            append_entry(
                locked,
                "secrets.reencrypted",
                by=by,
                files=names,
                count=len(names),
                key=credentials.key_id,
            )
    return found


def _reencrypt(path: Path, credentials: Credentials, found: ReencryptedFiles, store: ArtefactStore) -> None:
    token = path.read_bytes()
    if credentials.is_under_newest_key(token):
        found.unchanged.append(path)
        return
    mode = stat.S_IMODE(path.stat().st_mode)  # a copy that is kept is protected against writing
    atomic_files.write_file(path, credentials.reencrypt(token), mode=mode)
    if path.is_relative_to(store.root):
        store.publish(path)
    found.changed.append(path)


def _encrypted_files(cutover: Cutover, store: ArtefactStore) -> list[Path]:
    """Every encrypted file that an attempt of the cutover planned or left, and those in its own folder.

    An attempt notes the path before it writes (``before``), so the file of one that was lost is found, too.
    """
    attempts = Attempt.objects.filter(cutover=cutover).values_list("before", "evidence__facts")
    recorded = {store.locate(str(path)) for pair in attempts for path in _paths(list(pair))}
    return sorted(recorded | set(store.list_files(SUFFIX)))


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, str) and value.endswith(SUFFIX):
        yield Path(value)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _paths(each)
