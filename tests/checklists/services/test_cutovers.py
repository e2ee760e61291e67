"""Opening a cutover, adding people, ordering a rollback and closing."""

from dataclasses import fields

import pytest

from checklists import services
from checklists.models import AuditEntry, Cutover, Item, Runbook
from checklists.runbook import ItemSpec
from checklists.services import CommandRefused
from checklists.services.definitions import NOT_COPIED, read_document
from checklists.states import AttemptStatus, CutoverKind, CutoverStatus, Direction, MemberPart
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db


def test_the_same_text_is_the_same_version():
    first = services.load_runbook(text=RUNBOOK, by=None)
    assert services.load_runbook(text=RUNBOOK, by=None) == first
    assert services.load_runbook(text=RUNBOOK + "# a word more\n", by=None) != first
    assert Runbook.objects.count() == 2


def test_a_broken_runbook_is_refused_with_its_lines():
    with pytest.raises(CommandRefused, match=r"line \d+"):
        services.load_runbook(text=RUNBOOK.replace("needs: [announce]", "needs: [anounce]"), by=None)


def test_opening_copies_every_item_and_makes_the_opener_lead():
    cutover = make_cutover()
    assert list(cutover.items.values_list("number", flat=True)) == ["1.1", "1.2", "1.3", "2.1", "2.2", "3.1"]
    assert cutover.members.get(person=person("ama")).part == MemberPart.LEAD


def test_every_field_of_a_runbooks_item_has_a_column_or_a_reason():
    columns = {column.name for column in Item._meta.concrete_fields}
    for field in fields(ItemSpec):
        assert (field.name in columns) != (field.name in NOT_COPIED), field.name
    assert set(NOT_COPIED) <= {field.name for field in fields(ItemSpec)}


def test_opening_copies_every_field_as_the_runbook_has_it():
    cutover = make_cutover()
    for spec in read_document(cutover.runbook.text).items:
        item = item_of(cutover, spec.key)
        for field in fields(ItemSpec):
            if field.name not in NOT_COPIED:
                expected = getattr(spec, field.name)
                assert getattr(item, field.name) == (
                    list(expected) if isinstance(expected, tuple) else expected
                )
    assert item_of(cutover, "go").opens == "The change may begin."


def test_a_name_is_used_once():
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match="Choose another"):
        services.open_cutover(
            runbook=cutover.runbook,
            kind=CutoverKind.REHEARSAL,
            title="x",
            slug=cutover.slug,
            by=person("ama"),
        )


def test_production_does_not_lower_its_quorum():
    with pytest.raises(CommandRefused, match="Only a rehearsal"):
        make_cutover(kind=CutoverKind.PRODUCTION, rehearsal_quorum=1)


def test_a_seat_that_the_runbook_does_not_have_is_named():
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match="no seat called legal"):
        services.add_member(
            cutover=cutover, person=person("esi"), part=MemberPart.APPROVER, seats=["legal"], by=person("ama")
        )


class TestRollback:
    def test_it_changes_the_direction_and_raises_the_epoch(self):
        cutover = make_cutover("changed")
        services.order_rollback(cutover=cutover, by=person("efua"), reason="donations are wrong")
        cutover.refresh_from_db()
        assert (cutover.direction, cutover.epoch) == (Direction.ROLLBACK, 2)
        assert "rollback was ordered" in view_of(cutover, "celebrate").blockers[0].what
        assert view_of(cutover, "restore").blockers == []

    def test_queued_work_is_cancelled_and_running_work_is_asked_to_stop(self):
        cutover = make_cutover("signed")
        running = ended(cutover, "look", AttemptStatus.RUNNING)
        queued = ended(cutover, "change-it", AttemptStatus.QUEUED)
        holding = services.order_rollback(cutover=cutover, by=person("ama"), reason="stop")
        running.refresh_from_db()
        queued.refresh_from_db()
        assert holding == [running]
        assert queued.status == AttemptStatus.CANCELLED
        assert running.cancel_requested_at is not None

    def test_it_needs_a_reason_and_a_part(self):
        cutover = make_cutover()
        with pytest.raises(CommandRefused, match="Say why"):
            services.order_rollback(cutover=cutover, by=person("ama"), reason="")
        with pytest.raises(CommandRefused, match="stakeholder"):
            services.order_rollback(cutover=cutover, by=person("yaw"), reason="I am afraid")

    def test_ordering_it_twice_is_ordering_it_once(self):
        cutover = make_cutover()
        for _ in range(2):
            services.order_rollback(cutover=cutover, by=person("ama"), reason="stop")
        assert Cutover.objects.get(pk=cutover.pk).epoch == 2
        assert AuditEntry.objects.filter(cutover=cutover, kind="rollback.ordered").count() == 1


class TestClosing:
    def test_a_cutover_is_completed_only_when_every_item_is_settled(self):
        with pytest.raises(CommandRefused, match="1 items are not settled"):
            services.close_cutover(
                cutover=make_cutover("changed"), status=CutoverStatus.COMPLETED, by=person("ama")
            )
        cutover = make_cutover("celebrated")
        services.close_cutover(cutover=cutover, status=CutoverStatus.COMPLETED, by=person("ama"))
        assert Cutover.objects.get(pk=cutover.pk).closed_at is not None

    def test_a_cutover_with_an_unknown_attempt_cannot_be_closed(self):
        cutover = make_cutover("celebrated")
        ended(cutover, "look", AttemptStatus.UNKNOWN)
        with pytest.raises(CommandRefused, match="still running"):
            services.close_cutover(
                cutover=cutover, status=CutoverStatus.ABANDONED, by=person("ama"), reason="x"
            )

    def test_items_of_a_closed_cutover_cannot_be_changed(self):
        cutover = make_cutover("celebrated")
        services.close_cutover(cutover=cutover, status=CutoverStatus.COMPLETED, by=person("ama"))
        with pytest.raises(CommandRefused, match="closed"):
            services.untick_item(item=item_of(cutover, "celebrate"), by=person("ama"), reason="more cake")
