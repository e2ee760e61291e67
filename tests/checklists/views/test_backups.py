"""The page of backups: what can be gone back to, and what proves it."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists.executor.projection import PROJECTIONS
from checklists.models import Backup, Cutover
from checklists.models.audit import database_now
from tests.checklists.histories import ended, make_cutover, person

pytestmark = pytest.mark.django_db


def words_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def address(cutover: Cutover) -> str:
    return reverse("backups", args=[cutover.slug])


def taken(cutover: Cutover, *, minutes_ago: int = 5, **more) -> Backup:
    """A backup, kept as the executor keeps it."""
    facts = {
        "path": "/backups/one",
        "bytes": 123_456_789,
        "sha256": secrets.token_hex(32),
        "format": "directory",
        "taken_at": (database_now() - timedelta(minutes=minutes_ago)).isoformat(),
        "tables": 22,
        "rows": 200_431,
        "counts": {"public.donations": 120_431, "public.members": 80_000},
        **more,
    }
    attempt = ended(cutover, "look", facts={"backup": facts})
    PROJECTIONS["backup"](attempt, facts, attempt.ended_at)
    return Backup.objects.get(attempt=attempt)


def verified(backup: Backup, *, equal: bool = True) -> None:
    facts = {"sha256": backup.sha256, "equal": equal, "seconds": 243.7}
    attempt = ended(backup.cutover, "look", facts={"verified": facts})
    PROJECTIONS["verified"](attempt, facts, attempt.ended_at)


@pytest.fixture
def cutover(db) -> Cutover:
    return make_cutover("announced")


def test_without_a_backup_the_page_says_who_takes_one(browser_of, cutover) -> None:
    assert "There is no backup yet." in words_of(browser_of("yaw").get(address(cutover)))


def test_a_backup_that_nobody_restored_is_not_called_one_to_go_back_to(browser_of, cutover) -> None:
    taken(cutover)
    page = words_of(browser_of("ama").get(address(cutover)))
    assert "No backup is verified." in page
    assert "Nobody has restored it yet." in page
    assert "We can go back" not in page


def test_a_restore_that_came_out_different_proves_nothing(browser_of, cutover) -> None:
    verified(taken(cutover), equal=False)
    assert "No backup is verified." in words_of(browser_of("ama").get(address(cutover)))


def test_a_verified_one_says_how_long_going_back_takes(browser_of, cutover) -> None:
    backup = taken(cutover)
    verified(backup)
    answer = browser_of("ama").get(address(cutover))
    page = words_of(answer)
    assert "We can go back to" in page
    assert "in 4 min 4 s." in page or "in 4 min 3 s." in page
    assert backup.sha256 in page
    assert "200 431 rows in 22 tables" in page
    assert "public.donations 120 431" in page


def test_a_newer_one_that_is_not_verified_is_said_beside_it(browser_of, cutover) -> None:
    verified(taken(cutover, minutes_ago=60))
    taken(cutover)
    assert "A newer one is not verified yet." in words_of(browser_of("ama").get(address(cutover)))


def test_no_fact_of_a_backup_becomes_markup(browser_of, cutover) -> None:
    evil = "<script>alert(1)</script>🚚"
    taken(cutover, path=evil, counts={evil: 1}, source={"address": evil}, warnings=[evil])
    assert "<script>alert" not in browser_of("ama").get(address(cutover)).content.decode()


def test_who_has_no_part_or_no_session_sees_none(browser_of, cutover, client) -> None:
    person("stranger")
    assert browser_of("stranger").get(address(cutover)).status_code == 404
    assert client.get(address(cutover)).url.startswith("/accounts/login/")


def test_htmx_gets_the_part_that_changes(browser_of, cutover) -> None:
    page = browser_of("yaw", htmx=True).get(address(cutover)).content.decode().strip()
    assert page.startswith('<div id="live"')
    assert "<form" not in page


def test_more_backups_take_no_more_queries(browser_of) -> None:
    counts = []
    for many in (1, 20):
        cutover = make_cutover("announced")
        for _ in range(many):
            verified(taken(cutover))
        ama = browser_of("ama")
        ama.get(address(cutover))
        with CaptureQueriesContext(connection) as queries:
            assert ama.get(address(cutover)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15
