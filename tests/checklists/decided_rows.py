"""Cutovers in which decisions wait to be forged: the rows that `tests.checklists.forged_decisions` names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from checklists import services
from checklists.models import Attempt, Backup, ItemPreview, PreflightRun, StatusLink
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind, Decision
from tests.by_hand import by_hand
from tests.checklists.histories import (
    admin,
    asked_preflight,
    ended,
    item_of,
    make_cutover,
    person,
    sign,
)


def _production() -> Mapping[str, object]:
    """A production cutover in which one window was asked for, and a no-go stands in another."""
    production = make_cutover("looked", kind=CutoverKind.PRODUCTION)
    now = database_now()
    with by_hand():
        window = {"window_start": now + timedelta(hours=1), "window_end": now + timedelta(hours=2)}
        type(production).objects.filter(pk=production.pk).update(**window)
    early = services.start_early(item=item_of(production, "look"), reason="x", by=person("ama"))
    return {
        "production": production.pk,
        "request": early.pk,
        "no_go": sign(production, "efua", "technical", Decision.NO_GO, "Wait.").pk,
    }


def _lost() -> Mapping[str, object]:
    """An attempt that was lost on a host, whose death one person asked for; and one that waits."""
    lost = make_cutover("signed")
    owner = {"owner": {"host": "worker-7"}, "fence": 5}
    gone = ended(lost, "change-it", AttemptStatus.UNKNOWN, **owner)
    asked = services.declare_host_dead(cutover=lost, host="worker-7", reason="Off.", by=person("ama"))
    waits = make_cutover("announced")
    waiting = services.start_attempt(item=item_of(waits, "look"), by=person("ama"))
    return {"gone": gone.pk, "death": asked.pk, "waiting": waiting.pk, "waiting_cutover": waits.pk}


def _runs() -> Mapping[str, object]:
    """Runs of the preflight, a preview and a backup."""
    cutover = make_cutover("looked")
    at = database_now()
    attempt = Attempt.objects.get(cutover=cutover)
    item = item_of(cutover, "look")
    run = PreflightRun.objects.create(cutover=cutover, source="SCHEDULE", requested_at=at)
    preview = ItemPreview.objects.create(
        cutover=cutover, item=item, requested_by=person("ama"), requested_at=at
    )
    with by_hand():
        backup = Backup.objects.create(
            cutover=cutover, attempt=attempt, path="x", bytes=1, sha256="a" * 64, taken_at=at
        )
    past = asked_preflight(cutover, ago=timedelta(hours=1), wall="green").pk
    return {"run": run.pk, "past_run": past, "preview": preview.pk, "backup": backup.pk}


def decisions() -> Mapping[str, object]:
    """The rows that `DECISIONS` name."""
    cutover, closed = make_cutover("signed"), make_cutover("announced")
    services.add_note(item=item_of(cutover, "celebrate"), by=person("ama"), text="Cake is ordered.")
    asked = {"label": "The choir", "lasts": timedelta(hours=1), "by": person("ama")}
    link, _ = services.create_status_link(cutover=cutover, nonce=StatusLink().nonce, **asked)
    services.close_cutover(cutover=closed, status="ABANDONED", by=person("ama"), reason="A test.")
    replaced = item_of(make_cutover(), "celebrate")
    with by_hand():
        type(replaced).objects.filter(pk=replaced.pk).update(superseded_at=database_now())
    return {
        "open": cutover.pk,
        "passed": item_of(cutover, "go").pk,
        "done": item_of(cutover, "announce").pk,
        "todo": item_of(cutover, "celebrate").pk,
        "replaced": replaced.pk,
        "closed": closed.pk,
        "closed_item": item_of(closed, "celebrate").pk,
        "link": link.pk,
        "admin": admin().pk,
        "efua": person("efua").pk,
        "yaw": person("yaw").pk,
        **_production(),
        **_lost(),
        **_runs(),
    }
