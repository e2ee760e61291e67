"""What the checks of a preflight may know, made from the context of an action."""

from __future__ import annotations

from collections.abc import Callable

from integrations.actions.context import Context
from integrations.preflight import CheckScope, PlannedItem


def preflight_scope(context: Context, *, raise_if_cancelled: Callable[[], None] = lambda: None) -> CheckScope:
    """The systems, items and window of the cutover as the checks see them."""
    return CheckScope(
        systems=context.systems,
        items={
            key: PlannedItem(key, item.title, item.action, item.params) for key, item in context.items.items()
        },
        window=context.window,
        rehearsal=context.rehearsal,
        evidence=context.evidence,
        folder=context.folder,
        store=context.store,
        now=context.now,
        now_at=context.now_at,
        raise_if_cancelled=raise_if_cancelled,
    )
