"""What a runbook says about times: marks of items, RTO and decision time, and hints where it says nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import Error, transaction

from checklists import services
from checklists.models import Cutover, Runbook
from checklists.runbook import RecoveryTime, compare_documents, list_time_hints, read_definitions
from checklists.services import CommandRefused
from checklists.services.amendments import plan_amendment
from checklists.states import Direction, ItemState
from tests.by_hand import past_rights
from tests.checklists.histories import RUNBOOK, item_of, make_cutover, person, view_of
from tests.checklists.runbook_files import GOOD, change_good, errors_of, line_of, read_tiny

MARKED = (
    change_good(
        "timezone: Europe/Berlin\n",
        "timezone: Europe/Berlin\nrto: {from: save, to: change}\ndecision_time: 10m\n",
    )
    .replace(
        "        title: Change it\n",
        "        title: Change it\n        service_restored: true\n        ends_window: true\n",
    )
    .replace(
        "        title: Put it back\n",
        "        title: Put it back\n        service_restored: true\n        ends_window: true\n",
    )
)


@pytest.mark.usefixtures("only_own_actions")
class TestOfAFile:
    def test_everything_that_is_said_is_read_and_leaves_no_hint(self) -> None:
        found = read_tiny(MARKED)
        assert found.errors == []
        document = found.document
        assert document is not None
        assert (document.rto, document.decision_time) == (
            RecoveryTime("save", "change"),
            timedelta(minutes=10),
        )
        marked = {"forward": ["change"], "rollback": ["put-back"]}
        assert document.marked("service_restored") == document.marked("ends_window") == marked
        assert list_time_hints(document) == []

    def test_a_file_without_them_is_right_and_gets_a_hint_for_each(self) -> None:
        found = read_tiny(GOOD)
        assert found.errors == []
        assert found.document is not None
        assert found.document.decision_time == timedelta(minutes=30)
        hints = list_time_hints(found.document)
        assert len(hints) == 5
        assert sum("rollback direction" in hint for hint in hints) == 2

    def test_a_file_without_a_rollback_gets_no_hint_about_it(self) -> None:
        document = read_tiny(change_good("direction: rollback", "direction: forward")).document
        assert document is not None
        assert not [hint for hint in list_time_hints(document) if "rollback" in hint]

    def test_two_items_of_one_direction_do_not_carry_the_same_mark(self) -> None:
        text = MARKED.replace(
            "        title: Save it\n", "        title: Save it\n        ends_window: true\n"
        )
        said = errors_of(text)
        assert "ends_window: “save” has this mark already" in said
        second = text.index("ends_window: true", text.index("title: Change it"))
        assert said.startswith(f"{text.count(chr(10), 0, second) + 1}: item change")

    @pytest.mark.parametrize(
        ("rto", "words"),
        [
            ("{from: save, to: chnge}", "rto: there is no item “chnge”. Did you mean “change”?"),
            ("{from: change, to: save}", "rto: “save” does not come after “change”."),
            ("{from: save, to: save}", "rto: “save” does not come after “save”."),
            ("{from: save}", "rto has from: and to:, two items."),
            ("{from: save, to: change, at: go}", "rto has from: and to:, two items."),
            ("save", "a mapping (key: value) belongs here, not “save”."),
        ],
    )
    def test_an_rto_that_cannot_be_measured_is_told_with_its_line(self, rto: str, words: str) -> None:
        text = MARKED.replace("{from: save, to: change}", rto)
        said = errors_of(text)
        assert words in said
        assert said.startswith(f"{line_of(text, 'rto:')}: ")

    @pytest.mark.parametrize("name", ["service_restored: 1", "ends_window: maybe"])
    def test_a_mark_is_true_or_false(self, name: str) -> None:
        text = change_good("        title: Save it\n", f"        title: Save it\n        {name}\n")
        assert "true or false belongs here" in errors_of(text)

    def test_marks_are_settings_and_change_no_item(self) -> None:
        changes = compare_documents(read_definitions(GOOD), read_definitions(MARKED))
        assert changes.items == ()
        assert {one.name for one in changes.settings} == {
            "rto",
            "decision_time",
            "service_restored",
            "ends_window",
        }


TIMES = RUNBOOK.replace(
    "timezone: Africa/Accra", "timezone: Africa/Accra\nrto: {from: look, to: change-it}\ndecision_time: 5m"
).replace("title: Change it, kind", "title: Change it, service_restored: true, ends_window: true, kind")


@pytest.mark.django_db
class TestOfAnOpenCutover:
    @pytest.fixture
    def cutover(self) -> Cutover:
        person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
        return make_cutover("changed")

    def test_it_takes_them_by_amendment_and_keeps_what_was_done_and_signed(self, cutover: Cutover) -> None:
        before = item_of(cutover, "change-it")
        plan = plan_amendment(cutover=cutover, text=TIMES)
        assert (plan.obstacles, plan.again, plan.voided_gates) == ([], set(), set())
        services.amend_runbook(cutover=cutover, text=TIMES, reason="For the clocks.", by=person("ama"))
        cutover.refresh_from_db()
        assert (cutover.rto_from, cutover.rto_to) == ("look", "change-it")
        assert cutover.decision_time == timedelta(minutes=5)
        item = item_of(cutover, "change-it")
        assert (item.pk, item.service_restored, item.ends_window) == (before.pk, True, True)
        assert view_of(cutover, "change-it").state == ItemState.DONE
        assert view_of(cutover, "go").gate.passed is not None

    def test_another_amendment_takes_them_away(self, cutover: Cutover) -> None:
        for text in (TIMES, RUNBOOK):
            services.amend_runbook(cutover=cutover, text=text, reason="Again.", by=person("ama"))
            cutover.refresh_from_db()
        item = item_of(cutover, "change-it")
        assert (cutover.rto_from, item.service_restored, item.ends_window) == ("", False, False)
        assert cutover.decision_time == timedelta(minutes=30)

    def test_the_database_refuses_another_decision_time_without_another_runbook(
        self, cutover: Cutover
    ) -> None:
        rows = Cutover.objects.filter(pk=cutover.pk)
        for change in ({"decision_time": timedelta(0)}, {"rto_to": "celebrate"}):
            with (
                pytest.raises(Error, match="change with its runbook only"),
                transaction.atomic(),
                past_rights(),
            ):
                rows.update(**change)

    def test_a_cutover_opens_with_them(self) -> None:
        cutover = make_cutover(text=TIMES)
        assert (cutover.rto_from, cutover.decision_time) == ("look", timedelta(minutes=5))
        assert item_of(cutover, "change-it").ends_window

    def test_a_text_with_a_wrong_mark_is_refused(self, cutover: Cutover) -> None:
        wrong = TIMES.replace("title: Celebrate, kind", "title: Celebrate, ends_window: true, kind")
        with pytest.raises(CommandRefused, match="has this mark already"):
            services.amend_runbook(cutover=cutover, text=wrong, reason="Wrong.", by=person("ama"))
        assert not Runbook.objects.filter(text=wrong).exists()

    def test_taking_an_item_over_is_its_start_and_giving_it_back_takes_the_start_away(self) -> None:
        cutover = make_cutover()
        services.claim_item(item=item_of(cutover, "announce"), by=person("ama"))
        item = item_of(cutover, "announce")
        assert item.claimed_at is not None
        assert item.phase.direction == Direction.FORWARD
        services.release_item(item=item, by=person("ama"))
        assert item_of(cutover, "announce").claimed_at is None
