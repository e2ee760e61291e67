"""Amending the runbook of an open cutover: what is kept, what is done again, and what is refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import Error, transaction

from checklists import services
from checklists.models import Attempt, AuditEntry, ChangeRequest, Cutover, Item
from checklists.models.audit import database_now
from checklists.record.chain import verify
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, CutoverKind, Direction, ItemState, Reconciliation
from tests.by_hand import past_rights
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, sign, view_of

pytestmark = pytest.mark.django_db

ADDED = """
      - {key: toast, title: Raise a toast, kind: manual, owner: lead, needs: [change-it], how: With water.}
      - {key: celebrate,"""


@pytest.fixture(autouse=True)
def _ama_may_bring_in_runbooks() -> None:
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))


def amend(cutover: Cutover, text: str, by: str = "ama") -> ChangeRequest | None:
    cutover.refresh_from_db()
    request = services.amend_runbook(cutover=cutover, text=text, reason="A rule was missing.", by=person(by))
    cutover.refresh_from_db()
    return request


def changed(old: str, new: str, text: str = RUNBOOK) -> str:
    assert old in text
    return text.replace(old, new)


LOOK_ELSEWHERE = changed("thing: the moon", "thing: the sun")


def test_a_changed_item_has_a_new_definition_and_is_to_be_done_again() -> None:
    cutover = make_cutover("looked")
    before, old = cutover.runbook, item_of(cutover, "look")
    amend(cutover, LOOK_ELSEWHERE)
    new = item_of(cutover, "look")
    assert cutover.runbook.text == LOOK_ELSEWHERE
    assert (new.pk, new.params, new.number) == (new.pk, {"thing": "the sun"}, "1.2")
    assert new.pk != old.pk
    assert view_of(cutover, "look").state == ItemState.READY
    old.refresh_from_db()
    assert (old.params, old.runbook_sha256) == ({"thing": "the moon"}, before.sha256)
    assert old.superseded_at is not None
    assert Attempt.objects.get().item == old


def test_attempts_go_on_with_the_next_number() -> None:
    cutover = make_cutover("looked")
    amend(cutover, LOOK_ELSEWHERE)
    assert view_of(cutover, "look").attempts == 1
    attempt = services.start_attempt(item=item_of(cutover, "look"), by=person("ama"), after=1)
    assert (attempt.number, attempt.params) == (2, {"thing": "the sun"})


def test_unchanged_items_keep_their_rows_evidence_and_ticks() -> None:
    cutover = make_cutover("looked")
    announce, look = item_of(cutover, "announce"), item_of(cutover, "look")
    amend(cutover, changed("how: Cake.", "how: Cake and tea."))
    assert item_of(cutover, "announce") == announce
    assert item_of(cutover, "look") == look
    assert view_of(cutover, "look").state == ItemState.DONE
    assert view_of(cutover, "announce").state == ItemState.DONE


def test_a_gate_that_relies_on_a_changed_item_is_decided_again_and_its_signatures_stay_on_record() -> None:
    cutover = make_cutover("signed")
    gate = item_of(cutover, "go")
    amend(cutover, LOOK_ELSEWHERE)
    assert view_of(cutover, "go").gate.passed is None
    assert not item_of(cutover, "go").sign_offs.exists()
    assert gate.sign_offs.count() == 2
    ended(cutover, "look")
    sign(cutover, "efua", "technical")
    sign(cutover, "kofi", "finance")
    assert view_of(cutover, "go").state == ItemState.DONE


def test_a_gate_that_relies_on_nothing_that_changed_stays_open() -> None:
    cutover = make_cutover("signed")
    digest = view_of(cutover, "go").gate.digest
    amend(cutover, changed("how: Cake.", "how: Cake and tea."))
    gate = view_of(cutover, "go").gate
    assert gate.passed is not None
    assert gate.digest == digest


def test_a_gate_relies_on_what_its_evidence_needs() -> None:
    cutover = make_cutover("signed")
    plan = services.plan_amendment(cutover=cutover, text=changed("Tell everybody.", "Tell everybody twice."))
    assert plan.voided_gates == {"go"}
    assert plan.again == {"announce"}


def test_a_new_item_takes_a_letter_and_the_numbers_that_people_know_stay() -> None:
    cutover = make_cutover("changed")
    amend(cutover, changed("\n      - {key: celebrate,", ADDED))
    numbers = {view.key: view.number for view in cutover.items.current()}
    assert numbers["celebrate"] == "2.2"
    assert numbers["toast"] == "2.1a"
    order = list(cutover.items.current().filter(phase__key="change").values_list("key", flat=True))
    assert order == ["change-it", "toast", "celebrate"]


def test_an_added_item_is_shown_with_all_that_it_says() -> None:
    cutover = make_cutover()
    plan = services.plan_amendment(cutover=cutover, text=changed("\n      - {key: celebrate,", ADDED))
    [toast] = plan.changes.items
    said = {field.name: field.after for field in toast.fields}
    assert said["how"] == "With water."
    assert said["kind"] == "manual"
    assert said["phase"] == "change"
    assert "quorum" not in said


def test_a_new_part_has_a_number_of_its_own() -> None:
    sleep = "{key: sleep, title: Sleep, kind: manual, owner: lead, how: Well.}"
    new = f"  - {{key: rest, title: Rest, items: [{sleep}]}}\n"
    cutover = make_cutover()
    amend(cutover, changed("  - key: back\n", f"{new}  - key: back\n"))
    assert item_of(cutover, "sleep").number == "2a.1"
    assert item_of(cutover, "restore").number == "3.1"


def test_a_setting_of_a_system_changes_the_items_that_name_it() -> None:
    text = changed("systems: {}", "systems: {the-moon: {kind: http, url: 'http://127.0.0.1:1'}}")
    text = changed("thing: the moon", "thing: the-moon", text)
    cutover = make_cutover("looked", text=text)
    plan = services.plan_amendment(cutover=cutover, text=changed("127.0.0.1:1", "127.0.0.1:2", text))
    assert plan.changes.keys() == {"look"}
    assert [setting.name for setting in plan.changes.settings] == ["system the-moon"]


def test_the_text_has_to_be_a_runbook_the_same_runbook_and_another_text() -> None:
    cutover = make_cutover()
    for text, words in (
        (changed("needs: [announce]", "needs: [anounce]"), "line 1"),
        (changed("name: sample", "name: other"), "another runbook"),
        (RUNBOOK + "# only a comment\n", "says the same"),
    ):
        with pytest.raises(CommandRefused, match=words):
            amend(cutover, text)
    assert cutover.runbook.text == RUNBOOK


@pytest.mark.parametrize(
    "status", [AttemptStatus.QUEUED, AttemptStatus.RUNNING, AttemptStatus.UNKNOWN], ids=str
)
def test_an_item_that_runs_or_is_unknown_is_not_changed(status: AttemptStatus) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", status)
    with pytest.raises(CommandRefused, match=r"1\.2 Look at it runs, or it is not known"):
        amend(cutover, LOOK_ELSEWHERE)
    assert item_of(cutover, "look").params == {"thing": "the moon"}


def test_what_was_carried_out_is_not_made_to_look_undone() -> None:
    cutover = make_cutover("changed")
    with pytest.raises(CommandRefused, match="add a new item that corrects it"):
        amend(cutover, changed("title: Change it,", "title: Change it well,"))


def test_what_failed_may_be_changed_and_still_counts_for_the_rollback() -> None:
    cutover = make_cutover("signed")
    ended(cutover, "change-it", AttemptStatus.FAILED, effect="AT_MOST_ONCE")
    amend(cutover, changed("title: Change it,", "title: Change it well,"))
    assert view_of(cutover, "change-it").state != ItemState.FAILED
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It failed.")
    cutover.refresh_from_db()
    assert view_of(cutover, "restore").state == ItemState.READY


WITHOUT_CHANGE = "\n".join(
    line
    for line in changed("needs: [change-it],", "needs: [go],").splitlines()
    if not any(word in line for word in ("key: change-it", "undo: restore"))
)


def test_an_item_with_an_effect_is_not_removed() -> None:
    cutover = make_cutover("signed")
    ended(cutover, "change-it", AttemptStatus.FAILED, effect="AT_MOST_ONCE")
    with pytest.raises(CommandRefused, match="had an effect, so it cannot be removed"):
        amend(cutover, WITHOUT_CHANGE)


def test_an_item_whose_effect_was_found_not_done_may_be_removed() -> None:
    cutover = make_cutover("signed")
    now = database_now()
    ended(
        cutover,
        "change-it",
        AttemptStatus.RECONCILED,
        effect="AT_MOST_ONCE",
        reconciliation=Reconciliation.NOT_DONE,
        reconciled_by=person("ama"),
        reconciled_at=now,
    )
    amend(cutover, WITHOUT_CHANGE)
    assert not cutover.items.current().filter(key="change-it").exists()
    assert Attempt.objects.filter(item__key="change-it").exists()


def test_direction_and_epoch_never_change() -> None:
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match="direction"):
        amend(cutover, changed("direction: rollback", "direction: forward"))
    services.order_rollback(cutover=cutover, by=person("ama"), reason="We go back.")
    amend(cutover, changed("title: Restore it,", "title: Restore it all,"))
    assert (cutover.direction, cutover.epoch) == (Direction.ROLLBACK, 2)


def test_the_record_has_both_texts_and_every_item() -> None:
    cutover = make_cutover("looked")
    before = cutover.runbook.sha256
    amend(cutover, LOOK_ELSEWHERE)
    entry = AuditEntry.objects.get(kind="runbook.amended")
    assert (entry.payload["before"], entry.payload["after"]) == (before, cutover.runbook.sha256)
    assert entry.payload["items"] == {"look": "changed"}
    assert entry.payload["voided_gates"] == ["go"]
    assert entry.payload["reason"] == "A rule was missing."


# ── a second person ─────────────────────────────────────────────────────────


@pytest.fixture
def requested() -> ChangeRequest:
    """Ama's request to amend a production cutover."""
    cutover = make_cutover("looked", kind=CutoverKind.PRODUCTION)
    request = amend(cutover, LOOK_ELSEWHERE)
    assert request is not None
    return request


def test_in_production_nothing_changes_before_a_second_person_confirms(requested: ChangeRequest) -> None:
    cutover = requested.cutover
    assert cutover.runbook.text == RUNBOOK
    with pytest.raises(CommandRefused, match="four eyes"):
        services.confirm_change(request=requested, by=person("ama"))
    with pytest.raises(CommandRefused, match="stakeholder"):
        services.confirm_change(request=requested, by=person("yaw"))
    services.confirm_change(request=requested, by=person("efua"))
    cutover.refresh_from_db()
    assert cutover.runbook.text == LOOK_ELSEWHERE
    payload = AuditEntry.objects.get(kind="runbook.amended").payload
    assert (payload["requested_by"], payload["confirmed_by"]) == ("ama", "efua")


def test_a_request_is_decided_once(requested: ChangeRequest) -> None:
    services.reject_change(request=requested, by=person("kofi"), reason="Not tonight.")
    for by in ("kofi", "ama"):
        with pytest.raises(CommandRefused, match="declined already"):
            services.confirm_change(request=requested, by=person(by))
    assert requested.cutover.runbook.text == RUNBOOK


def test_the_person_who_requested_it_may_withdraw_it(requested: ChangeRequest) -> None:
    withdrawn = services.reject_change(request=requested, by=person("ama"), reason="A mistake.")
    assert withdrawn.decision == "WITHDRAWN"
    assert amend(requested.cutover, LOOK_ELSEWHERE) is not None


def test_one_request_of_a_kind_waits_at_a_time(requested: ChangeRequest) -> None:
    with pytest.raises(CommandRefused, match="waiting already"):
        amend(requested.cutover, changed("how: Cake.", "how: Tea."))


def test_what_became_impossible_since_the_request_is_refused(requested: ChangeRequest) -> None:
    services.start_attempt(item=item_of(requested.cutover, "look"), by=person("ama"))
    with pytest.raises(CommandRefused, match="runs, or it is not known"):
        services.confirm_change(request=requested, by=person("efua"))
    requested.refresh_from_db()
    assert requested.is_open


def test_only_a_lead_requests_an_amendment() -> None:
    cutover = make_cutover()
    with pytest.raises(CommandRefused, match="may not amend the runbook"):
        amend(cutover, LOOK_ELSEWHERE, by="efua")


def test_a_lead_who_may_not_open_cutovers_does_not_bring_in_a_text() -> None:
    cutover = make_cutover()
    person("ama").user_permissions.clear()
    with pytest.raises(CommandRefused, match="Can add cutover"):
        amend(cutover, LOOK_ELSEWHERE)


def test_the_database_itself_refuses_a_confirmation_by_the_same_person(requested: ChangeRequest) -> None:
    rows = ChangeRequest.objects.filter(pk=requested.pk)
    with pytest.raises(Error, match="by a person who may decide it"), transaction.atomic():
        rows.update(decision="CONFIRMED", decided_by=requested.requested_by, decided_at=database_now())
    with pytest.raises(Error, match="not edited"), transaction.atomic(), past_rights():
        rows.update(payload={})


def test_the_chain_stays_whole(requested: ChangeRequest) -> None:
    services.confirm_change(request=requested, by=person("efua"))
    assert verify(requested.cutover).ok
    assert Item.objects.filter(cutover=requested.cutover, key="look").count() == 2
