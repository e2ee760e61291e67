"""The page of backups: which one a rollback can use, and the proof."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checklists.executor.writers.evidence import PROJECTIONS
from checklists.models import Backup, Cutover
from checklists.models.audit import database_now
from tests.checklists.histories import ended, make_cutover, person
from tests.checklists.views.pages import Page, markup_of, words_of

pytestmark = pytest.mark.django_db


PROBLEMS = ["The table gifts differs."]


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
    facts = {"sha256": backup.sha256, "equal": equal, "seconds": 243.7, "problems": PROBLEMS}
    attempt = ended(backup.cutover, "look", facts={"verified": facts})
    PROJECTIONS["verified"](attempt, facts, attempt.ended_at)


@pytest.fixture
def cutover(db) -> Cutover:
    return make_cutover("announced")


def test_without_a_backup_the_page_says_who_takes_one(browser_of, cutover) -> None:
    page = Page(browser_of("yaw").get(address(cutover)))
    assert page.state == "none"
    assert "There is no backup yet." in page["headline"].words
    assert "has no item that takes one" in words_of(browser_of("yaw").get(address(cutover)))


def test_a_backup_that_nobody_restored_is_not_called_one_to_go_back_to(browser_of, cutover) -> None:
    backup = taken(cutover)
    page = Page(browser_of("ama").get(address(cutover)))
    assert (page.state, page[f"backup-{backup.pk}"].state) == ("unverified", "unverified")
    assert "No backup is verified." in page["headline"].words
    assert "Nobody has restored it yet." in page[f"backup-{backup.pk}"].words


def test_the_latest_verification_decides_and_a_failed_one_revokes_the_earlier(browser_of, cutover) -> None:
    backup = taken(cutover)
    verified(backup)
    verified(backup, equal=False)
    page = Page(browser_of("ama").get(address(cutover)))
    assert (page.state, page[f"backup-{backup.pk}"].state) == ("failed", "failed")
    assert "The newest backup failed its latest verification." in page["headline"].words
    assert "The table gifts differs." in page[f"backup-{backup.pk}"].words
    verified(backup)
    assert Page(browser_of("ama").get(address(cutover))).state == "verified"


def test_the_clock_of_the_database_is_told_when_it_is_not_the_panels(browser_of, cutover) -> None:
    taken(cutover, clock_ahead=-90.2)
    assert "which was 90 s behind the panel" in words_of(browser_of("ama").get(address(cutover)))


def test_a_verified_backup_says_how_long_a_restore_takes(browser_of, cutover) -> None:
    backup = taken(cutover)
    verified(backup)
    response = browser_of("ama").get(address(cutover))
    assert (Page(response).state, Page(response)[f"backup-{backup.pk}"].state) == ("verified", "verified")
    page = words_of(response)
    assert "We can go back to" in page
    assert "the restore alone took 4 min 4 s." in page or "the restore alone took 4 min 3 s." in page
    assert backup.sha256 in page
    assert "200 431 rows in 22 tables" in page
    assert "public.donations 120 431" in page


def test_a_newer_backup_that_is_not_verified_is_mentioned(browser_of, cutover) -> None:
    verified(taken(cutover, minutes_ago=60))
    taken(cutover)
    assert "A newer one is not verified yet." in words_of(browser_of("ama").get(address(cutover)))


def test_no_fact_of_a_backup_becomes_markup(browser_of, cutover) -> None:
    evil = "<script>alert(1)</script>🚚"
    taken(cutover, path=evil, counts={evil: 1}, source={"address": evil}, warnings=[evil])
    assert "<script>alert" not in browser_of("ama").get(address(cutover)).content.decode()


def test_a_stranger_gets_404_and_a_visitor_the_sign_in_page(browser_of, cutover, client) -> None:
    person("stranger")
    assert browser_of("stranger").get(address(cutover)).status_code == 404
    assert client.get(address(cutover)).url.startswith("/accounts/login/")


def test_htmx_gets_the_part_that_changes(browser_of, cutover) -> None:
    page = markup_of(browser_of("yaw", htmx=True).get(address(cutover)))
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
