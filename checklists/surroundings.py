"""What an action may know of its surroundings: systems, earlier evidence, a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from checklists.models import Attempt, Cutover, Evidence
from checklists.states import Reconciliation
from integrations.actions.base import Context
from integrations.systems import Systems


def artefacts(cutover: Cutover) -> Path:
    """The folder of this cutover's backups, exports and SQL; made at first use, closed to others."""
    folder = Path(settings.CUTOVER_DATA) / "artefacts" / cutover.slug
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def context_of(cutover: Cutover, attempt: str = "", history: Mapping[str, Any] | None = None) -> Context:
    """The surroundings of an attempt (or, without one, of a preview): addresses come from our environment.

    ``evidence`` holds the facts of each item's latest success, ``traces`` what its latest attempt that
    began saw before and left behind.
    """
    return Context(
        systems=Systems(cutover.systems),
        evidence=_evidence(cutover),
        folder=artefacts(cutover),
        attempt=attempt,
        cutover=cutover.slug,
        rehearsal=cutover.is_rehearsal,
        traces=_traces(cutover),
        history=history or {},
    )


def _evidence(cutover: Cutover) -> dict[str, dict[str, Any]]:
    latest = (
        Evidence.objects.filter(item__cutover=cutover, ok=True)
        .order_by("item_id", "-observed_at")
        .distinct("item_id")
    )
    return dict(latest.values_list("item__key", "facts"))


def _traces(cutover: Cutover) -> dict[str, dict[str, Any]]:
    began = (
        Attempt.objects.filter(cutover=cutover, effect_started_at__isnull=False)
        .exclude(reconciliation=Reconciliation.NOT_DONE)
        .order_by("item_id", "-number")
        .distinct("item_id")
    )
    rows = began.values_list("item__key", "before", "evidence__facts")
    return {key: {**before, **(facts or {})} for key, before, facts in rows}
