"""The page with what a cutover has found."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from checklists import services
from checklists.models import Cutover, PreflightRun
from checklists.models.audit import database_now
from checklists.states import AttemptStatus
from tests.by_hand import by_hand
from tests.checklists.histories import (
    RUNBOOK,
    asked_preflight,
    ended,
    identity,
    item_of,
    make_cutover,
    person,
    preflight_done,
)
from tests.checklists.views.pages import Page

pytestmark = pytest.mark.django_db
NAMES = ("door", "roof", "fence")


def page(browser_of, cutover: Cutover, name: str = "ama") -> str:
    answer = browser_of(name).get(reverse("problems", args=[cutover.slug]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_nothing_was_red(browser_of) -> None:
    assert 'data-problems="0"' in page(browser_of, make_cutover("looked"))


def test_each_red_item_is_there_with_its_verdicts_and_notes(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.FAILED, summary="The moon is <b>missing</b>.")
    ended(cutover, "look", AttemptStatus.ERRORED, problem={"what": "No telescope.", "next": "Buy one."})
    services.add_note(item=item_of(cutover, "look"), by=person("ama"), text="Repaired by the landlord.")
    text = page(browser_of, cutover)
    assert 'data-problems="1" data-unsettled="1"' in text
    assert "The moon is &lt;b&gt;missing&lt;/b&gt;." in text
    assert text.index("No telescope.") < text.index("Buy one.") < text.index("Repaired by the landlord.")
    ended(cutover, "look")
    assert 'data-problems="1" data-unsettled="0"' in page(browser_of, cutover)


def test_what_was_red_before_an_amendment_stays(browser_of) -> None:
    cutover = make_cutover("announced")
    ended(cutover, "look", AttemptStatus.FAILED)
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
    text = RUNBOOK.replace("thing: the moon", "thing: the sun")
    services.amend_runbook(cutover=cutover, text=text, reason="It was wrong.", by=person("ama"))
    assert 'data-problems="1"' in page(browser_of, cutover)


# ── the preflight on the same page ───────────────────────────────────────────


def test_results_are_on_the_page_the_worst_first_with_the_items_that_they_affect(browser_of) -> None:
    cutover = make_cutover("announced")
    asked_preflight(cutover, roof="amber", wall="green", cellar="unknown", door="red", items=["look"])
    ended(cutover, "look", AttemptStatus.FAILED)
    text = page(browser_of, cutover)
    assert 'data-problems="1" data-unsettled="1" data-bad="2"' in text
    places = [text.index(f'id="result-{identity(name)}"') for name in ("door", "cellar", "roof", "wall")]
    assert places == sorted(places)
    item = item_of(cutover, "look")
    near = text[text.index('id="problem-look"') :]
    assert f'href="#result-{identity("door")}"' in near
    assert f'href="{item.get_absolute_url()}"' in text[places[0] : places[1]]


def test_what_is_the_same_at_several_places_is_told_once_and_each_place_can_be_linked_to(browser_of) -> None:
    cutover = make_cutover("announced")
    asked_preflight(cutover, door="red", roof="red", wall="unknown", items=["look", "change-it"])
    told = Page(browser_of("ama").get(reverse("problems", args=[cutover.slug])))
    text = page(browser_of, cutover)
    assert "The same at 2 places" in text
    assert text.count("preflight-result") == 2
    assert text.count('class="chip" href') == 4, "each item once for a finding"
    assert {told[f"result-{identity(name)}"].state for name in ("door", "roof")} == {"red"}
    assert 'data-bad="3"' in text


def test_what_is_new_or_changed_since_the_run_before_is_marked(browser_of) -> None:
    cutover = make_cutover()
    asked_preflight(cutover, door="red", roof="amber", gate="red", ago=timedelta(minutes=20))
    asked_preflight(cutover, door="red", roof="red", fence="amber")
    text = page(browser_of, cutover)
    news = {name: re.search(rf'result-{identity(name)}"[^>]*data-news="(\w*)"', text)[1] for name in NAMES}
    assert news == {"door": "", "roof": "changed", "fence": "new"}
    assert "1 no longer reported" in text


def test_a_lost_run_is_told_and_the_results_before_it_stay(browser_of) -> None:
    cutover = make_cutover()
    asked_preflight(cutover, wall="green", ago=timedelta(minutes=20))
    now = database_now()
    with by_hand():
        PreflightRun.objects.create(
            cutover=cutover,
            source="PERSON",
            status="LOST",
            requested_at=now,
            ended_at=now,
            note="It fell silent.",
        )
    text = page(browser_of, cutover)
    assert 'id="preflight" aria-labelledby="preflight-title" data-state="LOST"' in text
    assert "It fell silent." in text


def test_the_button_asks_for_one_run_and_only_people_who_may_act_have_it(browser_of) -> None:
    cutover = make_cutover()
    address = reverse("preflight-run", args=[cutover.slug])
    assert address in page(browser_of, cutover, "efua")
    for _ in range(2):
        answer = browser_of("ama").post(address)
        assert answer["Location"] == reverse("problems", args=[cutover.slug])
    run = PreflightRun.objects.get(cutover=cutover)
    assert (run.status, run.source, run.requested_by) == ("QUEUED", "PERSON", person("ama"))
    text = page(browser_of, cutover, "ama")
    assert 'data-state="QUEUED"' in text
    assert address not in text
    with by_hand():
        PreflightRun.objects.update(
            status="RUNNING", started_at=run.requested_at, checks_done=3, checks_total=9
        )
    assert re.search(r'value="3"\s+max="9"', page(browser_of, cutover))


def test_the_overview_says_how_the_preflight_stands(browser_of) -> None:
    cutover = make_cutover()
    asked_preflight(cutover, door="red", wall="green")
    assert "1 red, 1 green" in browser_of("yaw").get(cutover.get_absolute_url()).content.decode()


def test_a_contradicted_item_says_everywhere_what_changed(browser_of) -> None:
    cutover = make_cutover("announced")
    preflight_done(cutover, wall="green")
    asked_preflight(cutover, wall="red")
    item = item_of(cutover, "look")
    for address in (cutover.get_absolute_url(), item.get_absolute_url()):
        text = browser_of("ama").get(address).content.decode()
        assert 'data-state="CONTRADICTED"' in text, address
        assert "wall: green → red" in text, address
