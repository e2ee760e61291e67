"""Everything the database knows of a cutover, read with a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from checklists.models import Attempt, Cutover, Evidence, GateEvidence, GatePass, Item, Member, Phase, SignOff
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, Reconciliation


@dataclass(frozen=True)
class Facts:
    """The rows behind a board. ``attempts``, ``succeeded`` and ``evidence`` are the latest, by item id."""

    now: datetime
    phases: list[Phase]
    items: list[Item]
    attempts: dict[int, Attempt]
    succeeded: dict[int, Attempt]
    evidence: dict[int, Evidence]
    began: dict[int, datetime]  # by item id: when an effect last began, unless it was found not done
    asked: dict[int, list[GateEvidence]]
    sign_offs: dict[int, list[SignOff]]
    passes: dict[int, list[GatePass]]
    members: list[Member]

    @classmethod
    def of(cls, cutover: Cutover) -> Facts:
        """Reads them: twelve queries at the most, whatever the size of the runbook."""
        attempts = Attempt.objects.filter(cutover=cutover).order_by("item_id", "-number").distinct("item_id")
        succeeded = Attempt.objects.filter(cutover=cutover).filter(
            status__in=[AttemptStatus.SUCCEEDED, AttemptStatus.RECONCILED],
            reconciliation__in=["", Reconciliation.DONE],
        )
        evidence = (
            Evidence.objects.filter(item__cutover=cutover, ok=True)
            .order_by("item_id", "-observed_at")
            .distinct("item_id")
            .defer("facts")
        )
        return cls(
            now=database_now(),
            phases=list(cutover.phases.all()),
            items=_items(cutover),
            attempts={a.item_id: a for a in attempts.select_related("requested_by", "cancel_requested_by")},
            succeeded={a.item_id: a for a in succeeded.order_by("item_id", "-number").distinct("item_id")},
            evidence={e.item_id: e for e in evidence},
            began=_began(cutover),
            asked=_grouped(GateEvidence.objects.filter(gate__cutover=cutover).order_by("position")),
            sign_offs=_grouped(
                SignOff.objects.filter(gate__cutover=cutover).select_related("person").order_by("id")
            ),
            passes=_grouped(GatePass.objects.filter(gate__cutover=cutover).order_by("at")),
            members=list(cutover.members.select_related("person")),
        )


def _began(cutover: Cutover) -> dict[int, datetime]:
    forward = Attempt.objects.filter(cutover=cutover, effect_started_at__isnull=False)
    times = forward.exclude(reconciliation=Reconciliation.NOT_DONE).values_list("item_id")
    return dict(times.annotate(Max("effect_started_at")).order_by())


def _items(cutover: Cutover) -> list[Item]:
    items = list(
        Item.objects.filter(cutover=cutover).select_related("claimed_by", "done_by", "skipped_by", "phase")
    )
    for item in items:
        item.cutover = cutover  # spares a query for each link
    return items


def _grouped(rows: object) -> dict[int, list]:  # type: ignore[type-arg]
    groups: dict[int, list] = defaultdict(list)  # type: ignore[type-arg]
    for row in rows:  # type: ignore[attr-defined]
        groups[row.gate_id].append(row)
    return groups
