"""The autopilot: plays through the real pages as real people, and names what stopped it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.live_server_helper import LiveServer

from checklists import services
from checklists.models import AuditEntry, Cutover, Item, SignOff
from checklists.staging import cast, load_cast, save_cast, set_stage
from checklists.states import Kind, Part
from checklists.visitor import NotPossible, Visitor

#: Two rounds of ticks with a gate between them, and a way back that nobody takes.
TEXT = """
name: tiny
title: A tiny move
timezone: Africa/Accra
systems: {}
roles: {lead: Migration lead}
seats: {technical: Technical, data: Data, finance: Finance}
phases:
  - key: before
    title: Before
    items:
      - {key: announce, title: Announce it, kind: manual, owner: lead, how: Tell everybody., planned: 5m}
      - {key: go, title: Go on?, kind: gate, owner: lead, needs: [announce],
         seats: [technical, data, finance], quorum: 3, evidence: [{item: announce, fresh_for: 1h}]}
      - {key: cake, title: Eat cake, kind: manual, owner: lead, needs: [go], how: Cake., planned: 5m}
  - key: back
    title: Back
    direction: rollback
    items:
      - {key: sorry, title: Say sorry, kind: manual, owner: lead, how: Sorry., planned: 5m}
"""
ACTION = """
      - {key: look, title: Look at it, kind: action, owner: lead, needs: [cake], action: sample.look,
         params: {thing: the moon}, planned: 1m}
"""


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path, settings):  # type: ignore[no-untyped-def]
    """Sets the stage for a runbook; gives the file of people."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}  # nothing was collected here
    cache.clear()  # the rate limits of other tests

    def on(text: str) -> Path:
        runbook, people = tmp_path / "tiny.yaml", tmp_path / "people.json"
        runbook.write_text(text)
        call_command("stage", str(people), runbook=runbook, stdout=StringIO())
        return people

    return on


def autopilot(people: Path, server: LiveServer, limit: float = 60) -> str:
    out = StringIO()
    call_command("autopilot", "first-rehearsal", people=people, address=server.url, limit=limit, stdout=out)
    return out.getvalue()


def test_a_rehearsal_is_played_to_its_end_by_its_people(stage, live_server: LiveServer) -> None:  # type: ignore[no-untyped-def]
    said = autopilot(stage(TEXT), live_server)
    done = dict(Item.objects.values_list("key", "done_by__username"))
    assert (done["announce"], done["cake"], done["sorry"]) == ("kwame", "kwame", None)
    signed = SignOff.objects.values_list("person__username", flat=True)
    assert set(signed) == {"efua", "kofi"}  # a rehearsal asks for as many as there are approvers
    assert "3 items in" in said
    assert "The chain is whole" in said
    ticks = AuditEntry.objects.filter(kind__startswith="item.").values_list("actor", flat=True)
    assert set(ticks) == {"kwame"}


def test_a_second_flight_says_that_there_was_nothing_left_to_play(stage, live_server: LiveServer) -> None:  # type: ignore[no-untyped-def]
    people = stage(TEXT)
    autopilot(people, live_server)
    assert "played before" in autopilot(people, live_server)


@pytest.mark.slow
def test_an_item_that_does_not_end_is_named(stage, live_server: LiveServer) -> None:  # type: ignore[no-untyped-def]
    from tests.checklists import sample_actions  # noqa: F401  # registers them; nobody works here

    text = TEXT.replace("  - key: back\n", ACTION.strip("\n") + "\n  - key: back\n")
    with pytest.raises(CommandError, match=r"1\.4 Look at it"):
        autopilot(stage(text), live_server, limit=20)


def test_a_wrong_password_is_named_and_nothing_is_played(stage, live_server: LiveServer) -> None:  # type: ignore[no-untyped-def]
    people = stage(TEXT)
    kofi = User.objects.get(username="kofi")
    kofi.set_password("another one entirely")
    kofi.save()
    with pytest.raises(CommandError, match="kofi could not sign in"):
        autopilot(people, live_server)
    assert not Item.objects.exclude(done_at=None).exists()


def test_a_panel_that_is_not_there_is_said_so(stage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CommandError, match="does not answer"):
        call_command("autopilot", "first-rehearsal", people=stage(TEXT), address="http://127.0.0.1:9")


@pytest.mark.django_db
def test_production_is_never_played(tmp_path: Path) -> None:
    lead = User.objects.create_user("lead")
    runbook = services.load_runbook(text=TEXT, by=lead)
    services.open_cutover(runbook=runbook, kind=Kind.PRODUCTION, title="The night", slug="night", by=lead)
    with pytest.raises(CommandError, match="no rehearsal"):
        call_command("autopilot", "night", people=tmp_path / "none", address="http://127.0.0.1:9")


def test_the_stage_is_set_once_and_found_again(stage) -> None:  # type: ignore[no-untyped-def]
    people = stage(TEXT)
    first = Cutover.objects.get()
    stage(TEXT.replace("A tiny move", "Another move"))
    assert Cutover.objects.get() == first
    assert people.stat().st_mode & 0o777 == 0o600
    parts = dict(first.members.values_list("person__username", "part"))
    assert sorted(parts.values()) == [Part.APPROVER, Part.APPROVER, Part.LEAD, Part.STAKEHOLDER]
    assert first.members.get(person__username="kwame").seats == []


@pytest.mark.django_db
def test_people_get_fresh_passwords_that_they_keep(tmp_path: Path) -> None:
    one, other = cast(), cast()
    assert not {player.password for player in one} & {player.password for player in other}
    assert one[0].password not in repr(one[0])
    save_cast(one, tmp_path / "people")
    assert load_cast(tmp_path / "people") == one
    (tmp_path / "tiny.yaml").write_text(TEXT)
    set_stage(one, runbook=tmp_path / "tiny.yaml")
    assert User.objects.get(username="ama").check_password(one[3].password)


def test_a_stakeholder_finds_no_form_to_touch_anything(stage, live_server: LiveServer) -> None:  # type: ignore[no-untyped-def]
    ama = load_cast(stage(TEXT))[3]
    visitor = Visitor(live_server.url, ama.username, ama.password)
    visitor.sign_in()
    base = "/cutovers/first-rehearsal/items/announce/"
    with pytest.raises(NotPossible, match="offers no form"):
        visitor.submit(base, base + "tick/")
