"""The page of the people: changes and removals, alone while it is set up, by two leads or an admin later."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from checklists.models import ChangeRequest
from tests.by_hand import by_hand
from tests.checklists.histories import PASSWORD, admin, make_cutover, person
from tests.checklists.services.test_members import begun, member
from tests.checklists.views.pages import Page

pytestmark = pytest.mark.django_db
DATA_SEAT = {"person": "efua", "part": "APPROVER", "seats": ["data"], "reason": "Ill.", "password": PASSWORD}


def test_a_lead_asks_another_one_once_work_has_begun(browser_of) -> None:
    cutover = begun()
    people, ama = reverse("people", args=[cutover.slug]), browser_of("ama")
    assert 'id="needs-two"' in ama.get(people).content.decode()
    ama.post(people, DATA_SEAT)
    asked = ChangeRequest.objects.get()
    assert asked.get_absolute_url() in ama.get(people).content.decode()
    esi = browser_of("esi")
    assert asked.get_absolute_url() in esi.get(reverse("waiting")).content.decode()
    page = esi.get(asked.get_absolute_url()).content.decode()
    assert "their signatures as Technical" in page
    esi.post(reverse("change-confirm", args=[cutover.slug, asked.pk]), {"password": PASSWORD})
    assert member(cutover, "efua").seats == ["data"]


def test_without_a_reason_or_the_password_nothing_is_requested(browser_of) -> None:
    cutover = begun()
    people, ama = reverse("people", args=[cutover.slug]), browser_of("ama")
    assert ama.post(people, {**DATA_SEAT, "password": "wrong"}).status_code == 422
    ama.post(people, {**DATA_SEAT, "reason": ""})
    assert not ChangeRequest.objects.exists()


def test_a_person_is_removed_without_naming_a_part(browser_of) -> None:
    cutover = make_cutover()
    fields = {"person": "yaw", "remove": "1", "password": PASSWORD}
    browser_of("ama").post(reverse("people", args=[cutover.slug]), fields)
    assert not cutover.members.filter(person=person("yaw")).exists()
    assert browser_of("yaw").get(cutover.get_absolute_url()).status_code == 404


def test_an_admin_who_takes_no_part_changes_people_alone(browser_of) -> None:
    cutover = begun()
    admin()
    people, browser = reverse("people", args=[cutover.slug]), browser_of("admin")
    page = browser.get(people).content.decode()
    assert 'id="person-form"' in page
    assert 'id="needs-two"' not in page
    browser.post(people, DATA_SEAT)
    assert member(cutover, "efua").seats == ["data"]


def test_leads_come_first(browser_of) -> None:
    page = browser_of("ama").get(reverse("people", args=[make_cutover().slug])).content.decode()
    assert re.findall(r'id="member-(\w+)"', page) == ["ama", "efua", "kofi", "yaw"]


def test_seats_and_roles_have_the_titles_of_the_runbook(browser_of) -> None:
    cutover = make_cutover()
    with by_hand():
        cutover.members.filter(person__username="efua").update(seats=["technical", "data"], roles=["lead"])
    page = Page(browser_of("ama").get(reverse("people", args=[cutover.slug])))
    assert "may sit as Technical or Data, owns the items of Migration lead" in page["member-efua"].words
