"""Sessions that nobody uses end, live pages do not keep them, and none lasts longer than twelve hours."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checklists.live.viewer_access import SIGNED_OUT, ViewerAccess, find_lost_access
from checklists.models import Cutover
from cutover.accounts import idle
from tests.checklists.histories import make_cutover, person
from tests.cutover.accounts.conftest import is_signed_in, sign_in

pytestmark = pytest.mark.django_db
#: What a page that is open asks for by itself.
BY_ITSELF = ({"HX-Request": "true"}, {"Accept": "text/event-stream"})
FOUR_HOURS = 240  # minutes


@pytest.fixture
def client() -> Client:
    """Ama, who has just signed in."""
    client = Client()
    make_cutover()
    client.get(sign_in(client, "ama")["Location"])
    return client


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many minutes pass since the test began."""
    began = time.time()

    def pass_time(minutes: float) -> None:
        monkeypatch.setattr(idle.time, "time", lambda: began + 60 * minutes)

    return pass_time


def test_a_session_that_nobody_uses_ends(client: Client, after: Callable[[float], None]) -> None:
    after(FOUR_HOURS - 1)
    assert client.get("/waiting/", headers=BY_ITSELF[0]).status_code == 200
    after(FOUR_HOURS + 1)
    assert not is_signed_in(client)
    assert not Session.objects.exists()


def test_what_a_person_does_keeps_it_but_not_beyond_twelve_hours(
    client: Client, after: Callable[[float], None]
) -> None:
    for minutes in (200, 400, 600, 719):
        after(minutes)
        assert is_signed_in(client), minutes
    after(721)
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("address", "headers"),
    [("/waiting/", headers) for headers in BY_ITSELF] + [("/waiting/count/", {}), ("stream", {})],
)
def test_a_page_that_refreshes_itself_does_not_keep_it(
    client: Client, after: Callable[[float], None], address: str, headers: dict[str, str]
) -> None:
    if address == "stream":
        address = reverse("stream", args=[Cutover.objects.get().slug])
    expires = Session.objects.get().expire_date
    assert abs(expires - timezone.now() - timedelta(minutes=FOUR_HOURS)) < timedelta(minutes=2)
    for minutes in (100, 200):
        after(minutes)
        assert client.get(address, headers=headers).status_code == 200
    assert Session.objects.get().expire_date == expires
    after(FOUR_HOURS + 1)
    assert not is_signed_in(client)


def test_a_stream_ends_with_the_session(client: Client) -> None:
    cutover, ama = make_cutover(), person("ama")
    session = Session.objects.get()
    access = ViewerAccess(cutover.pk, ama.pk, session.session_key, ama.get_session_auth_hash())
    assert find_lost_access([access]) == [""]
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert find_lost_access([access]) == [SIGNED_OUT]


def test_zero_leaves_the_twelve_hours_only(
    client: Client, after: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CUTOVER_SESSION_IDLE_MINUTES", 0)
    after(700)
    assert is_signed_in(client)


def test_a_planted_session_is_replaced_at_the_sign_in() -> None:
    planted = Client()
    planted.session.save()  # somebody's, who knows its id and hands it to the victim
    key = planted.cookies[settings.SESSION_COOKIE_NAME].value
    victim = Client()
    make_cutover()
    victim.cookies[settings.SESSION_COOKIE_NAME] = key
    sign_in(victim, "ama")
    assert is_signed_in(victim)
    assert victim.cookies[settings.SESSION_COOKIE_NAME].value != key
    assert not is_signed_in(planted)
