"""The autopilot plays a rehearsal through the pages as its people, and names the item that stopped it."""

from __future__ import annotations

import time
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from pytest_django.live_server_helper import LiveServer

from checklists import services
from checklists.board import ItemView
from checklists.models import Attempt, AuditEntry, Cutover, Item, SignOff, Tick
from checklists.states import CutoverKind, MemberPart
from cutover.demo.panel_session import FormRefused, PanelSession
from cutover.demo.running_attempt import close_broken_connection, read_running_attempt
from cutover.demo.staging import load_people, new_people, save_people, stage_rehearsal

#: Two manual items with a gate between them, and a rollback that is not ordered.
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
def stage(transactional_db: None, tmp_path: Path, settings):
    """Prepares a rehearsal of a runbook; returns the file of its people."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}  # the tests run without collectstatic

    def on(text: str) -> Path:
        runbook, people = tmp_path / "tiny.yaml", tmp_path / "people.json"
        runbook.write_text(text)
        call_command("stage", str(people), runbook=runbook, stdout=StringIO())
        return people

    return on


def autopilot(people: Path, server: LiveServer, patience: float = 60) -> str:
    out = StringIO()
    call_command(
        "autopilot", "first-rehearsal", people=people, address=server.url, patience=patience, stdout=out
    )
    return out.getvalue()


def test_a_rehearsal_is_played_to_its_end(stage, live_server: LiveServer) -> None:
    said = autopilot(stage(TEXT), live_server)
    done = dict(Item.objects.values_list("key", "done_by__username"))
    assert (done["announce"], done["cake"], done["sorry"]) == ("kwame", "kwame", None)
    signed = SignOff.objects.values_list("person__username", flat=True)
    assert set(signed) == {"efua", "kofi"}  # a rehearsal asks for as many as there are approvers
    assert "3 items in" in said
    assert "The chain is whole" in said
    ticks = AuditEntry.objects.filter(kind__startswith="item.").values_list("actor", flat=True)
    assert set(ticks) == {"kwame"}


def test_items_that_require_something_get_it_from_the_people(stage, live_server: LiveServer) -> None:
    asks = "how: Tell everybody., requires: [note, file, second_person]"
    autopilot(stage(TEXT.replace("how: Tell everybody.", asks)), live_server)
    tick = Tick.objects.get(item__key="announce")
    assert (tick.by.username, tick.confirmed_by, tick.files.count()) == ("kwame", "abena", 1)
    assert tick.note


def test_a_second_run_says_that_everything_was_played(stage, live_server: LiveServer) -> None:
    people = stage(TEXT)
    autopilot(people, live_server)
    assert "played before" in autopilot(people, live_server)


def test_an_item_that_does_not_end_is_reported(stage, live_server: LiveServer, monkeypatch) -> None:
    from tests.checklists import sample_actions  # noqa: F401  # registers them; no worker runs here

    waited: list[float] = []  # an hour at each look at the attempt

    def look(view: ItemView) -> Attempt | None:
        waited.append(3600.0)
        return read_running_attempt(view)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(waited), sleep=time.sleep)
    monkeypatch.setattr("cutover.demo.autopilot.time", clock)
    monkeypatch.setattr("cutover.demo.running_attempt.read_running_attempt", look)
    text = TEXT.replace("  - key: back\n", ACTION.strip("\n") + "\n  - key: back\n")
    with pytest.raises(CommandError, match=r"1\.4 Look at it did not end within 60 s"):
        autopilot(stage(text), live_server)
    assert waited


def test_a_connection_is_kept_until_it_breaks(transactional_db: None) -> None:
    def process() -> int:
        close_broken_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    first = process()
    assert process() == first
    end = "SET ROLE NONE; SELECT pg_terminate_backend(pg_backend_pid())"  # the session is the superuser's
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute(end)
    assert process() != first


def test_a_wrong_password_is_reported_and_nothing_is_played(stage, live_server: LiveServer) -> None:
    people = stage(TEXT)
    kofi = User.objects.get(username="kofi")
    kofi.set_password("another one entirely")
    kofi.save()
    with pytest.raises(CommandError, match="kofi could not sign in"):
        autopilot(people, live_server)
    assert not Item.objects.exclude(done_at=None).exists()


def test_a_panel_that_does_not_answer_is_reported(stage) -> None:
    with pytest.raises(CommandError, match="does not answer"):
        call_command("autopilot", "first-rehearsal", people=stage(TEXT), address="http://127.0.0.1:9")


@pytest.mark.django_db
def test_production_is_never_played(tmp_path: Path) -> None:
    lead = User.objects.create_user("lead")
    runbook = services.load_runbook(text=TEXT, by=lead)
    services.open_cutover(
        runbook=runbook, kind=CutoverKind.PRODUCTION, title="The night", slug="night", by=lead
    )
    with pytest.raises(CommandError, match="not a rehearsal"):
        call_command("autopilot", "night", people=tmp_path / "none", address="http://127.0.0.1:9")


def test_a_rehearsal_is_prepared_once_and_found_again(stage) -> None:
    people = stage(TEXT)
    first = Cutover.objects.get()
    stage(TEXT.replace("A tiny move", "Another move"))
    assert Cutover.objects.get() == first
    assert people.stat().st_mode & 0o777 == 0o600
    parts = dict(first.members.values_list("person__username", "part"))
    assert sorted(parts.values()) == [
        MemberPart.APPROVER,
        MemberPart.APPROVER,
        MemberPart.LEAD,
        MemberPart.LEAD,
        MemberPart.STAKEHOLDER,
    ]
    assert first.members.get(person__username="kwame").seats == []


@pytest.mark.django_db
def test_people_get_random_passwords_and_keep_them(tmp_path: Path) -> None:
    one, other = new_people(), new_people()
    assert not {player.password for player in one} & {player.password for player in other}
    assert one[0].password not in repr(one[0])
    save_people(one, tmp_path / "people")
    assert load_people(tmp_path / "people") == one
    (tmp_path / "tiny.yaml").write_text(TEXT)
    stage_rehearsal(one, runbook=tmp_path / "tiny.yaml")
    assert User.objects.get(username="ama").check_password(one[3].password)
    may_open = {user.username for user in User.objects.all() if user.has_perm("checklists.add_cutover")}
    assert may_open == {player.username for player in one if player.part == MemberPart.LEAD}


def test_a_stakeholder_gets_no_form(stage, live_server: LiveServer) -> None:
    ama = load_people(stage(TEXT))[3]
    visitor = PanelSession(live_server.url, ama.username, ama.password)
    visitor.sign_in()
    base = "/cutovers/first-rehearsal/items/announce/"
    with pytest.raises(FormRefused, match="offers no form"):
        visitor.submit(base, base + "tick/")
