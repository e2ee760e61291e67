"""When the rollback of a cutover was ordered."""

from __future__ import annotations

from datetime import datetime

from checklists.models import AuditEntry, Cutover
from checklists.states import Direction


def read_order_time(cutover: Cutover) -> datetime | None:
    """By the record; None while nobody ordered it."""
    if cutover.direction != Direction.ROLLBACK:
        return None
    orders = AuditEntry.objects.filter(cutover=cutover, kind="rollback.ordered")
    return orders.order_by("seq").values_list("at", flat=True).first()
