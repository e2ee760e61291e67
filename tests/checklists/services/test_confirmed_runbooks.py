"""A second person confirms each runbook text before anything of it runs in production."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, transaction

from checklists import services
from checklists.executor.begin_effect import begin_effect
from checklists.executor.preflight_queue import queue_scheduled_preflights
from checklists.models import Attempt, ChangeRequest, Cutover
from checklists.models.audit import database_now
from checklists.services import CommandRefused
from checklists.states import AttemptStatus, ChangeKind, CutoverKind, MemberPart
from tests.checklists.histories import RUNBOOK, ended, item_of, make_cutover, person, view_of
from tests.checklists.services.test_windows import queued
from tests.released import release

pytestmark = pytest.mark.django_db


def opened(text: str = RUNBOOK, **more: Any) -> Cutover:
    """A production cutover as the page opens it, with two more people and nothing confirmed."""
    runbook = services.load_runbook(text=text, by=person("ama"))
    cutover = services.open_cutover(
        runbook=runbook, kind=CutoverKind.PRODUCTION, title="Night", slug="night", by=person("ama"), **more
    )
    for name, part in (("kofi", MemberPart.APPROVER), ("yaw", MemberPart.STAKEHOLDER)):
        services.add_member(cutover=cutover, person=person(name), part=part, by=person("ama"))
    return cutover


def asked(cutover: Cutover) -> ChangeRequest:
    return cutover.change_requests.waiting().get(kind=ChangeKind.RUNBOOK)


def test_nothing_of_it_is_ticked_started_previewed_or_preflighted_before(settings: Any) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    cutover = opened()
    assert "waits for a second person" in view_of(cutover, "announce").blockers[0].what
    with pytest.raises(CommandRefused, match="waits for a second person"):
        services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))
    with pytest.raises(CommandRefused, match="not even a preview"):
        services.request_preview(item=item_of(cutover, "look"), by=person("ama"))
    with pytest.raises(CommandRefused, match="waits for a second person"):
        services.request_preflight(cutover=cutover, by=person("ama"))
    assert queue_scheduled_preflights() == []


def test_another_person_confirms_it_once_and_the_record_says_so(settings: Any) -> None:
    settings.CUTOVER_PREFLIGHT_MINUTES = 15
    cutover = opened()
    for name, why in (("ama", "four eyes"), ("yaw", "may not confirm the runbook")):
        with pytest.raises(CommandRefused, match=why):
            services.confirm_change(request=asked(cutover), by=person(name))
    services.confirm_change(request=asked(cutover), by=person("kofi"))
    assert not view_of(cutover, "announce").blockers
    assert services.request_preview(item=item_of(cutover, "look"), by=person("ama"))
    assert len(queue_scheduled_preflights()) == 1
    entry = cutover.record.last()
    assert entry is not None
    assert (entry.kind, entry.actor, entry.payload["requested_by"]) == ("runbook.confirmed", "kofi", "ama")
    assert entry.payload["sha256"] == cutover.runbook.sha256


def test_one_confirmation_per_text() -> None:
    first = opened()
    services.confirm_change(request=asked(first), by=person("kofi"))
    again = services.open_cutover(
        runbook=first.runbook, kind=CutoverKind.PRODUCTION, title="B", slug="b", by=person("ama")
    )
    assert not again.change_requests.exists()
    assert not view_of(again, "announce").blockers
    changed = services.load_runbook(text=RUNBOOK.replace("Cake.", "Tea."), by=person("ama"))
    other = services.open_cutover(
        runbook=changed, kind=CutoverKind.PRODUCTION, title="C", slug="c", by=person("ama")
    )
    assert asked(other).payload["before"] == first.runbook.sha256
    assert view_of(other, "announce").blockers


def test_the_confirmation_of_an_amendment_is_that_of_its_text() -> None:
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
    cutover = make_cutover("announced", kind=CutoverKind.PRODUCTION)
    text = RUNBOOK.replace("thing: the moon", "thing: the sun")
    request = services.amend_runbook(cutover=cutover, text=text, reason="Why.", by=person("ama"))
    assert request is not None
    services.confirm_change(request=request, by=person("kofi"))
    cutover.refresh_from_db()
    assert not view_of(cutover, "look").blockers


def test_a_rehearsal_asks_nobody() -> None:
    cutover = make_cutover()
    assert not cutover.change_requests.exists()
    with pytest.raises(CommandRefused, match="needs no confirmation"):
        services.request_runbook_confirmation(cutover=cutover, reason="Why.", by=person("ama"))


def test_a_declined_request_can_be_made_again() -> None:
    cutover = opened()
    services.reject_change(request=asked(cutover), by=person("kofi"), reason="What is this command?")
    assert view_of(cutover, "announce").blockers
    services.request_runbook_confirmation(cutover=cutover, reason="It is explained now.", by=person("ama"))
    services.confirm_change(request=asked(cutover), by=person("kofi"))
    assert not view_of(cutover, "announce").blockers


def test_an_effect_does_not_begin_under_a_text_that_nobody_confirmed() -> None:
    attempt = queued(opened(), "look")
    refusal = begin_effect(attempt, before={}, owner={})
    assert refusal is not None
    assert "waits for a second person" in refusal.reason
    with pytest.raises(DatabaseError, match="nobody confirmed for production"), transaction.atomic():
        Attempt.objects.filter(pk=attempt.pk).update(status="RUNNING", effect_started_at=database_now())


def test_a_rollback_of_an_earlier_cutover_goes_on() -> None:
    """As after an update of the panel in the middle of a night: nobody has confirmed the text."""
    cutover = opened()
    services.order_rollback(cutover=cutover, by=person("ama"), reason="It is wrong.")
    cutover.refresh_from_db()
    assert not view_of(cutover, "restore").blockers
    ended(cutover, "restore", AttemptStatus.RUNNING)


def test_the_request_shows_what_the_text_can_do() -> None:
    text = RUNBOOK.replace("systems: {}", 'systems: {web: {kind: http, url: "${SITE_URL}"}}')
    text = text.replace("title: Change\n", "title: Change\n    before_window: true\n")
    release(text)
    rows = dict(services.describe_change(asked(opened(text))))
    assert "web: kind http, url ${SITE_URL}" in rows["Systems"]
    assert rows["Variables"] == "SITE_URL"
    assert rows["Starts before the window"] == "2 Change"
    assert rows["Last confirmed text of this name"].startswith("none")
    assert "kofi as Approver" in rows["People"]
