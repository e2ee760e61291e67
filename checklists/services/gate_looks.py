"""Keeps what people see at gates, so that they are told what changed when they come back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from checklists.models import GateLook, Item

#: A page that stays open asks every 30 s at least. Who was silent for longer has left, and comes back.
LEFT_AFTER = timedelta(minutes=2)
WRITTEN_EVERY = timedelta(seconds=20)


def remember_look(*, gate: Item, by: User, seen: dict[str, Any], now: datetime) -> GateLook:
    """Keeps what the person sees now; ``before`` and ``before_at`` of the answer are of their last visit."""
    look, is_first = GateLook.objects.get_or_create(gate=gate, person=by, defaults={"seen": seen, "at": now})
    if is_first or (look.seen == seen and now - look.at < WRITTEN_EVERY):
        return look
    if now - look.at > LEFT_AFTER:
        look.before, look.before_at = look.seen, look.at
    look.seen, look.at = seen, now
    look.save(update_fields=["seen", "at", "before", "before_at"])
    return look
