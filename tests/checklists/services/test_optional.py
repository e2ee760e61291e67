"""What ``optional`` means, and what it does not: skipping follows the same rules for every item."""

from __future__ import annotations

import pytest

from checklists import services
from checklists.board import Board
from checklists.models import Cutover
from checklists.services import CommandRefused
from checklists.states import CutoverStatus, ItemState
from checklists.status.pending_tasks import pending_tasks
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db

OPTIONAL = RUNBOOK.replace(
    "title: Celebrate, kind: manual, owner: lead,",
    "title: Celebrate, kind: manual, owner: lead, optional: true,",
)
TWO_UNDOS = RUNBOOK.replace(
    "how: Tell everybody., planned: 5m}", "how: Tell everybody., planned: 5m, undo: tell-again}"
).replace(
    "action: sample.look, planned: 15m}",
    "action: sample.look, planned: 15m}\n"
    "      - {key: tell-again, title: Tell them again, kind: manual, owner: lead, how: Write., OPTIONAL}",
)


def test_a_cutover_is_completed_while_an_optional_item_is_open() -> None:
    cutover = make_cutover("changed", text=OPTIONAL)
    assert view_of(cutover, "celebrate").state == ItemState.READY
    services.close_cutover(cutover=cutover, status=CutoverStatus.COMPLETED, by=person("ama"))
    assert Cutover.objects.get(pk=cutover.pk).status == CutoverStatus.COMPLETED


def test_what_needs_an_optional_item_waits_until_it_is_done_or_skipped() -> None:
    text = RUNBOOK.replace(
        "title: Announce it, kind: manual,", "title: Announce it, kind: manual, optional: true,"
    )
    cutover = make_cutover(text=text)
    assert view_of(cutover, "look").state == ItemState.BLOCKED
    services.skip_item(item=item_of(cutover, "announce"), by=person("ama"), reason="they know")
    assert view_of(cutover, "look").state == ItemState.READY


@pytest.mark.parametrize(("optional", "waits"), [("false", True), ("true", False)])
def test_a_rollback_waits_for_the_undo_of_what_began_later_unless_it_is_optional(
    optional: str, waits: bool
) -> None:
    text = TWO_UNDOS.replace("OPTIONAL", f"optional: {optional}")
    cutover = make_cutover("signed", text=text)
    ended(cutover, "change-it", effect="AT_MOST_ONCE")
    services.untick_item(item=item_of(cutover, "announce"), by=person("ama"), reason="they forgot")
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))  # later than the change
    services.order_rollback(cutover=cutover, by=person("ama"), reason="wrong")
    cutover.refresh_from_db()
    blockers = [blocker.item.key for blocker in view_of(cutover, "restore").blockers]
    assert blockers == (["tell-again"] if waits else [])


@pytest.mark.parametrize("text", [RUNBOOK, OPTIONAL])
def test_a_lead_alone_may_skip_any_item_with_a_reason(text: str) -> None:
    cutover = make_cutover("changed", text=text)
    celebrate = item_of(cutover, "celebrate")
    for who in ("efua", "yaw"):
        with pytest.raises(CommandRefused):
            services.skip_item(item=celebrate, by=person(who), reason="no cake")
    with pytest.raises(CommandRefused):
        services.skip_item(item=celebrate, by=person("ama"), reason=" ")
    services.skip_item(item=celebrate, by=person("ama"), reason="no cake")
    assert view_of(cutover, "celebrate").state == ItemState.SKIPPED


def test_nobody_is_asked_for_an_optional_item() -> None:
    asked = {
        text: {task.item.key for task in pending_tasks(Board.load(make_cutover("changed", text=text)))}
        for text in (RUNBOOK, OPTIONAL)
    }
    assert "celebrate" in asked[RUNBOOK]
    assert "celebrate" not in asked[OPTIONAL]
