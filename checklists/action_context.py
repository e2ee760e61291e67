"""Builds the context of an action: systems, earlier evidence, a folder for its files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from checklists.earlier_parameters import EarlierParameters, built_in_for
from checklists.models import Attempt, BackupVerification, Cutover, Evidence
from checklists.models.audit import database_now
from checklists.released_variables import released_environment
from checklists.states import ItemKind, Reconciliation
from integrations.actions import Context, RunbookItem
from integrations.artefacts import ArtefactStore, open_store
from integrations.systems import Systems


def artefact_folder(cutover: Cutover) -> Path:
    """The folder of the cutover's backups, exports and SQL. It is created at first use, with mode 0700."""
    folder = Path(settings.CUTOVER_DATA) / "artefacts" / cutover.slug
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def artefact_store(cutover: Cutover) -> ArtefactStore:
    """The artefacts of the cutover, as all hosts have them. Raises `Problem` for settings that are wrong."""
    return open_store(artefact_folder(cutover), cutover.slug)


def build_context(
    cutover: Cutover,
    attempt: str = "",
    history: Mapping[str, Any] | None = None,
    *,
    deadline: timedelta | None = None,
) -> Context:
    """The context of an attempt or, without one, of a preview. Secrets come from this process's environment.

    ``evidence`` holds by item key the facts of the latest success, as far as no later
    verification of the same backup contradicts it; ``traces`` what the latest attempt that
    began had observed before its effect, and the facts that it recorded.
    """
    built_in = built_in_for(cutover)
    evidence, hosts = _evidence(cutover)
    folder = artefact_folder(cutover)
    return Context(
        systems=Systems(built_in.complete_systems(cutover.systems), released_environment()),
        evidence=_revoke_verifications(evidence, _find_failed_backups(cutover)),
        folder=folder,
        attempt=attempt,
        cutover=cutover.slug,
        rehearsal=cutover.is_rehearsal,
        traces=_traces(cutover),
        history=history or {},
        window=_window(cutover),
        deadline=deadline,
        items=_items(cutover, built_in),
        now=database_now(),
        hosts=hosts,
        store=artefact_store(cutover),
    )


def _items(cutover: Cutover, built_in: EarlierParameters) -> dict[str, RunbookItem]:
    rows = cutover.items.current().filter(kind=ItemKind.ACTION)
    return {
        key: RunbookItem(action, built_in.complete_params(key, params), f"{number} {title}")
        for key, action, params, number, title in rows.values_list(
            "key", "action", "params", "number", "title"
        )
    }


def _window(cutover: Cutover) -> tuple[datetime, datetime] | None:
    if cutover.window_start is None or cutover.window_end is None:
        return None
    return cutover.window_start, cutover.window_end


def _evidence(cutover: Cutover) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """By item's key: the facts of the latest success, and the host where that attempt ran."""
    latest = (
        Evidence.objects.filter(item__cutover=cutover, item__superseded_at=None, ok=True)
        .order_by("item_id", "-observed_at")
        .distinct("item_id")
    )
    rows = list(latest.values_list("item__key", "facts", "attempt__owner__host"))
    return {key: facts for key, facts, _ in rows}, {key: host for key, _, host in rows if host}


def _find_failed_backups(cutover: Cutover) -> dict[str, str]:
    """SHA-256 of each backup whose latest verification failed → what that verification said."""
    failures = BackupVerification.objects.failed_in(cutover)
    return {failed.backup.sha256: failed.sentence for failed in failures}


def _revoke_verifications(
    evidence: dict[str, dict[str, Any]], failed: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The evidence as the latest verification of each backup leaves it: nobody reads an older success.

    ``failed``: SHA-256 of a backup → what its latest verification said.
    """
    for facts in evidence.values():
        backup, verified = facts.get("backup") or {}, facts.get("verified") or {}
        if said := failed.get(backup.get("sha256", "")):
            facts["backup"] = {**backup, "failed_verification": said}
        if said := failed.get(verified.get("sha256", "")):
            facts["verified"] = {**verified, "equal": False, "problems": [said]}
    return evidence


def _traces(cutover: Cutover) -> dict[str, dict[str, Any]]:
    begun = (
        Attempt.objects.filter(cutover=cutover, effect_started_at__isnull=False)
        .exclude(reconciliation=Reconciliation.NOT_DONE)
        .order_by("item__key", "-number")  # also what began under an earlier definition has to be undone
        .distinct("item__key")
    )
    rows = begun.values_list("item__key", "before", "evidence__facts")
    return {key: {**before, **(facts or {})} for key, before, facts in rows}
