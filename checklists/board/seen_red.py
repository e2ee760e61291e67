"""Checks that nobody has ever seen fail: they may not be able to."""

from __future__ import annotations

from checklists.board.board import Board
from checklists.models import Attempt
from checklists.states import AttemptStatus, CutoverKind
from integrations.actions import registry


def checks_never_seen_red(board: Board) -> frozenset[str]:
    """The keys of the items whose check has failed in no rehearsal of this runbook, in any of its versions.

    An error or a timeout does not count: the check did not reach a verdict.
    """
    checks = {key for key, action in registry().items() if action.is_check}
    failed = Attempt.objects.filter(
        cutover__kind=CutoverKind.REHEARSAL,
        cutover__runbook__name=board.cutover.runbook.name,
        status=AttemptStatus.FAILED,
        action__in=checks,
    )
    items = {key for key, view in board.items.items() if view.item.action in checks}
    return frozenset(items) - frozenset(failed.values_list("item__key", flat=True))
