"""What an action may know of its surroundings: systems, earlier evidence, a folder."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from checklists.models import Cutover, Evidence
from integrations.actions.base import Context
from integrations.systems import Systems


def artefacts(cutover: Cutover) -> Path:
    """The folder of this cutover's backups, exports and SQL; made at first use, closed to others."""
    folder = Path(settings.CUTOVER_DATA) / "artefacts" / cutover.slug
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def context_of(cutover: Cutover, attempt: str = "") -> Context:
    """The surroundings of an attempt (or, without one, of a preview): addresses come from our environment.

    ``evidence`` holds the facts of each item's latest success.
    """
    latest = (
        Evidence.objects.filter(item__cutover=cutover, ok=True)
        .order_by("item_id", "-observed_at")
        .distinct("item_id")
        .values_list("item__key", "facts")
    )
    return Context(
        systems=Systems(cutover.systems),
        evidence=dict(latest),
        folder=artefacts(cutover),
        attempt=attempt,
        cutover=cutover.slug,
        rehearsal=cutover.is_rehearsal,
    )
