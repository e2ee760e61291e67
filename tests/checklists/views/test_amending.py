"""Pages to amend the runbook: compare, amend or request, confirm, decline."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from checklists import services
from checklists.models import ChangeRequest, Cutover
from checklists.runbook import FieldChange
from checklists.states import CutoverKind
from checklists.views.field_diff import DiffLine, diff_of
from tests.checklists.histories import PASSWORD, RUNBOOK, item_of, make_cutover, person, view_of

pytestmark = pytest.mark.django_db
CHANGED = RUNBOOK.replace("thing: the moon", "thing: the sun")


@pytest.fixture(autouse=True)
def _ama_may_bring_in_runbooks() -> None:
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))


def send(client: Client, cutover: Cutover, text: str = CHANGED, **more: object) -> HttpResponse:
    fields = {"text": text, "reason": "A rule was missing.", **more}
    return client.post(reverse("amend", args=[cutover.slug]), fields)


def compared(answer: HttpResponse) -> str:
    """The hash of the compared text, as the page sends it back."""
    return str(answer.context["form"].initial["compared"])


def text_of(cutover: Cutover) -> str:
    cutover.refresh_from_db()
    return cutover.runbook.text


def requested(cutover: Cutover, by: str = "ama") -> ChangeRequest:
    asked = services.amend_runbook(cutover=cutover, text=CHANGED, reason="It was missing.", by=person(by))
    assert asked is not None
    return asked


def test_the_first_press_only_compares(browser_of) -> None:
    cutover = make_cutover("signed")
    answer = send(browser_of("ama"), cutover, compare="1")
    page = answer.content.decode()
    assert 'data-state="compared"' in page
    assert 'data-state="changed"' in page
    assert "thing: the sun" in page
    assert 'id="voided-gates"' in page
    assert text_of(cutover) == RUNBOOK


def test_the_second_press_amends_what_was_compared(browser_of) -> None:
    cutover, ama = make_cutover("looked"), browser_of("ama")
    answer = send(ama, cutover, compare="1")
    answer = send(ama, cutover, amend="1", compared=compared(answer))
    assert answer["Location"] == reverse("runbook", args=[cutover.slug])
    assert text_of(cutover) == CHANGED


def test_a_text_that_was_edited_after_the_comparison_is_compared_again(browser_of) -> None:
    cutover, ama = make_cutover("looked"), browser_of("ama")
    answer = send(ama, cutover, compare="1")
    answer = send(ama, cutover, CHANGED.replace("Cake.", "Tea."), amend="1", compared=compared(answer))
    assert 'data-state="compared"' in answer.content.decode()
    assert text_of(cutover) == RUNBOOK


def test_a_browsers_line_breaks_are_no_change(browser_of) -> None:
    cutover = make_cutover()
    answer = send(browser_of("ama"), cutover, RUNBOOK.replace("\n", "\r\n"), compare="1")
    assert answer.status_code == 422
    assert "says the same" in answer.content.decode()


def test_a_file_takes_the_place_of_the_typed_text(browser_of) -> None:
    cutover = make_cutover()
    file = SimpleUploadedFile("runbook.yaml", CHANGED.encode())
    answer = send(browser_of("ama"), cutover, RUNBOOK, file=file, compare="1")
    assert "thing: the sun" in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RUNBOOK.replace("needs: [announce]", "needs: [anounce]"), "line "),
        ("", "The text is empty."),
        ("a: [", "line "),
    ],
    ids=["unknown item", "empty", "no YAML"],
)
def test_a_text_that_is_no_runbook_is_explained_and_stays_in_the_form(browser_of, text, words) -> None:
    cutover = make_cutover()
    answer = send(browser_of("ama"), cutover, text, compare="1")
    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors)
    assert answer.context["form"]["reason"].value() == "A rule was missing."


def test_an_obstacle_is_shown_and_nothing_can_be_pressed(browser_of) -> None:
    cutover, ama = make_cutover("announced"), browser_of("ama")
    services.start_attempt(item=item_of(cutover, "look"), by=person("ama"))
    answer = send(ama, cutover, compare="1")
    page = answer.content.decode()
    assert 'id="obstacles"' in page
    assert 'id="amend"' not in page
    answer = send(ama, cutover, amend="1", compared=compared(answer))
    assert answer.status_code == 422
    assert text_of(cutover) == RUNBOOK


@pytest.mark.parametrize("name", ["efua", "yaw"])
def test_only_a_lead_amends(browser_of, name: str) -> None:
    cutover = make_cutover()
    assert browser_of(name).get(reverse("amend", args=[cutover.slug])).status_code == 403
    assert send(browser_of(name), cutover, amend="1").status_code == 403


def test_production_waits_for_a_second_person_who_confirms_with_their_password(browser_of) -> None:
    cutover, ama, efua = make_cutover("looked", kind=CutoverKind.PRODUCTION), browser_of("ama"), None
    answer = send(ama, cutover, compare="1")
    send(ama, cutover, amend="1", compared=compared(answer))
    asked = ChangeRequest.objects.get(kind="amendment")
    assert text_of(cutover) == RUNBOOK
    efua = browser_of("efua")
    for page in (reverse("waiting"), cutover.get_absolute_url(), reverse("runbook", args=[cutover.slug])):
        assert f'id="change-{asked.pk}"' in efua.get(page).content.decode(), page
    assert 'id="confirm"' in efua.get(asked.get_absolute_url()).content.decode()
    confirm = reverse("change-confirm", args=[cutover.slug, asked.pk])
    assert efua.post(confirm, {"password": "not that one"}).status_code == 422
    assert text_of(cutover) == RUNBOOK
    assert efua.post(confirm, {"password": PASSWORD})["Location"] == reverse("runbook", args=[cutover.slug])
    assert text_of(cutover) == CHANGED
    assert 'data-state="CONFIRMED"' in efua.get(asked.get_absolute_url()).content.decode()


def test_who_requested_it_can_withdraw_it_but_not_confirm_it(browser_of) -> None:
    cutover, ama = make_cutover("looked", kind=CutoverKind.PRODUCTION), browser_of("ama")
    asked = requested(cutover)
    page = ama.get(asked.get_absolute_url()).content.decode()
    assert 'id="confirm"' not in page
    assert 'id="reject"' in page
    ama.post(reverse("change-confirm", args=[cutover.slug, asked.pk]), {"password": PASSWORD})
    assert text_of(cutover) == RUNBOOK
    reject = reverse("change-reject", args=[cutover.slug, asked.pk])
    assert ama.post(reject, {"reason": " "}).status_code == 422
    ama.post(reject, {"reason": "A mistake."})
    asked.refresh_from_db()
    assert asked.decision == "WITHDRAWN"


def test_a_stakeholder_sees_a_request_and_can_do_nothing_with_it(browser_of) -> None:
    cutover = make_cutover("looked", kind=CutoverKind.PRODUCTION)
    asked, yaw = requested(cutover), browser_of("yaw")
    page = yaw.get(asked.get_absolute_url())
    assert page.status_code == 200
    assert "<form" not in page.content.decode().split('id="live"')[1].partition("<dialog")[0]
    for name in ("change-confirm", "change-reject"):
        answer = yaw.post(
            reverse(name, args=[cutover.slug, asked.pk]), {"password": PASSWORD, "reason": "No"}
        )
        assert answer.status_code == 403


def test_a_request_of_another_cutover_is_not_there(browser_of) -> None:
    asked = requested(make_cutover("looked", kind=CutoverKind.PRODUCTION))
    other = make_cutover()
    address = reverse("change-request", args=[other.slug, asked.pk])
    assert browser_of("ama").get(address).status_code == 404


def test_attempts_of_the_earlier_definition_stay_on_the_items_page(browser_of) -> None:
    cutover = make_cutover("looked")
    services.amend_runbook(cutover=cutover, text=CHANGED, reason="It was missing.", by=person("ama"))
    assert view_of(cutover, "look").attempt is None
    page = browser_of("ama").get(f"{item_of(cutover, 'look').get_absolute_url()}?attempt=1")
    assert page.context["attempt"].number == 1
    log = reverse("attempt-log", args=[cutover.slug, "look", 1])
    assert browser_of("ama").get(log).status_code == 200


def test_a_removed_item_says_that_it_was_removed(browser_of) -> None:
    cutover = make_cutover()
    text = "\n".join(line for line in RUNBOOK.splitlines() if "celebrate" not in line and "Cake" not in line)
    services.amend_runbook(cutover=cutover, text=text, reason="No time.", by=person("ama"))
    answer = browser_of("ama").get(reverse("item", args=[cutover.slug, "celebrate"]))
    assert answer.status_code == 404


def test_a_long_field_shows_what_differs_and_a_little_around_it() -> None:
    lines = [f"line {number}" for number in range(20)]
    diff = diff_of(FieldChange("how", "\n".join(lines), "\n".join([*lines[:10], "new", *lines[11:]])))
    assert [line.kind for line in diff] == ["same", "same", "removed", "added", "same", "same"]
    assert diff_of(FieldChange("planned", None, timedelta(minutes=5))) == [DiffLine("added", "5 min")]
    assert diff_of(FieldChange("params", {}, {"a": (1, 2)})) == [
        DiffLine("added", "a:"),
        DiffLine("added", "- 1"),
        DiffLine("added", "- 2"),
    ]
