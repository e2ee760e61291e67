"""Opens the storage that the environment names, and checks it when a process starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from integrations.artefacts.settings import STORAGE, read_settings
from integrations.artefacts.store import ArtefactStore, LocalArtefacts
from integrations.errors import Problem, Unreachable


def check_storage(log: Callable[[str], object]) -> None:
    """For the start of a process that needs the storage. Raises `Problem` for what a person has to mend.

    A storage that only does not answer is logged: it may come back, and what is on this host can be used.
    """
    store = open_store(Path(), "")
    if isinstance(store, LocalArtefacts):
        return
    try:
        store.has(Path("start-check"))
    except Unreachable as problem:
        log(str(problem))


def open_store(root: Path, cutover: str) -> ArtefactStore:
    """The storage that the environment names. Raises `Problem` for settings that are wrong."""
    settings = read_settings(os.environ)
    if settings is None:
        return LocalArtefacts(root, cutover)
    try:
        from integrations.artefacts.object_store import ObjectArtefacts  # here: an extra, and slow to import
    except ImportError:
        raise Problem(
            "The panel is not installed for object storage.",
            means=f"{STORAGE} names a bucket, and boto3 or django-storages is missing here.",
            next="pip install cutover[s3], then start the process again.",
        ) from None
    return ObjectArtefacts(root, cutover, settings)
