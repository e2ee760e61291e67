"""A cutover shows no link to a page that nothing in it can fill."""

from __future__ import annotations

import pytest
from django.urls import reverse

from checklists.models import Cutover, ParityResult
from tests.checklists.histories import RUNBOOK, ended, make_cutover
from tests.checklists.views.pages import markup_of
from tests.checklists.views.test_backups import taken

pytestmark = pytest.mark.django_db
DATABASE = "systems: {db: {kind: postgres, url: postgresql://x@127.0.0.1/x}}"
ALWAYS = ["Overview", "Runbook", "Problems", "Record", "People", "Status"]


def tabs(browser, cutover: Cutover) -> list[str]:
    text = browser.get(reverse("cutover", args=[cutover.slug])).content.decode()
    tabs = text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    return [part.partition("<")[0] for part in tabs.split(">") if part.strip() and part[0].isalpha()]


def text_with(action: str) -> str:
    return RUNBOOK.replace("systems: {}", DATABASE).replace("action: sample.look", action, 1)


def test_a_runbook_without_comparisons_and_backups_has_no_such_tabs(browser_of) -> None:
    cutover = make_cutover()
    assert tabs(browser_of("ama"), cutover) == ALWAYS
    page = markup_of(browser_of("ama").get(reverse("cutover", args=[cutover.slug])))
    assert "<dt>Backup</dt>" not in page
    assert "<dt>Parity</dt>" not in page
    for name in ("parity", "backups"):
        assert browser_of("ama").get(reverse(name, args=[cutover.slug])).status_code == 200


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("action: parity.compare, params: {source: db, target: db}", "Parity"),
        ("action: backup.take, params: {database: db}", "Backups"),
    ],
)
def test_an_item_that_fills_a_page_shows_its_tab(action: str, shown: str, browser_of) -> None:
    text = text_with(action).replace("params: {thing: the moon}, ", "")
    assert tabs(browser_of("ama"), make_cutover(text=text)) == sorted([*ALWAYS, shown], key=ORDER.index)


ORDER = ["Overview", "Runbook", "Parity", "Backups", "Problems", "Record", "People", "Status"]


def test_an_overview_without_gates_and_facts_shows_no_empty_cards(browser_of) -> None:
    lines = RUNBOOK.splitlines()
    gate = next(n for n, line in enumerate(lines) if "key: go," in line)
    text = "\n".join([*lines[:gate], *lines[gate + 3 :]]).replace("needs: [go]", "needs: [look]")
    page = markup_of(browser_of("ama").get(reverse("cutover", args=[make_cutover(text=text).slug])))
    assert 'id="gates"' not in page
    assert 'id="facts"' not in page


def test_what_was_compared_and_taken_stays_reachable(browser_of) -> None:
    """An amendment may have removed the item that did it."""
    cutover = make_cutover("looked")
    taken(cutover)
    assert tabs(browser_of("ama"), cutover) == sorted([*ALWAYS, "Backups"], key=ORDER.index)
    attempt = ended(cutover, "look")
    ParityResult.objects.create(attempt=attempt, table="t", source_rows=1, target_rows=1, equal=True)
    assert tabs(browser_of("ama"), cutover) == ORDER
