"""A log with long lines makes no large page, and is downloaded part by part."""

from __future__ import annotations

import re
import tracemalloc
from contextlib import closing
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpResponseBase
from django.urls import reverse

from checklists import services
from checklists.live.hub_reader import read_lines
from checklists.live.viewer_access import NO_LOGS, ViewerAccess, find_lost_access
from checklists.models import Attempt, Cutover, LogLine
from checklists.models.audit import database_now
from tests.checklists.histories import RUNBOOK, make_cutover, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def attempt() -> Attempt:
    make_cutover("looked")
    return Attempt.objects.get()


def add_lines(attempt: Attempt, count: int, size: int) -> None:
    now = database_now()
    texts = (f"{number} ".ljust(size, "x") for number in range(1, count + 1))
    lines = (LogLine(attempt=attempt, number=n, at=now, text=text) for n, text in enumerate(texts, 1))
    LogLine.objects.bulk_create(lines, batch_size=500)


def read_parts(answer: HttpResponseBase) -> tuple[int, int]:
    """Lines and parts of a streamed answer; nothing of it is kept."""

    async def read() -> tuple[int, int]:
        lines = parts = 0
        async for part in answer.streaming_content:
            lines, parts = lines + part.count(b"\n"), parts + 1
        return lines, parts

    return async_to_sync(read)()


def download(browser: Any, attempt: Attempt) -> HttpResponseBase:
    return browser.get(reverse("attempt-log", args=[attempt.cutover.slug, "look", attempt.number]))


@pytest.mark.filterwarnings("ignore:.*database connection.*:ResourceWarning")
def test_a_log_is_downloaded_whole_in_little_memory(browser_of: Any, attempt: Attempt) -> None:
    add_lines(attempt, 1300, 16_000)
    answer = download(browser_of("ama"), attempt)
    assert answer["Content-Disposition"] == 'attachment; filename="look-1.log"'
    tracemalloc.start()
    lines, parts = read_parts(answer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == 1300
    assert parts > 10
    assert peak < 1300 * 16_000 / 2


def test_short_lines_come_many_at_a_time(browser_of: Any, attempt: Attempt) -> None:
    add_lines(attempt, 10_000, 20)
    assert read_parts(download(browser_of("ama"), attempt)) == (10_000, 3)


def test_the_pieces_of_a_long_line_make_no_large_page_and_no_large_event(
    browser_of: Any, attempt: Attempt
) -> None:
    add_lines(attempt, 640, 16_384)
    page = browser_of("ama").get(attempt.item.get_absolute_url()).content.decode()
    assert len(page) < 600_000
    assert re.search(r"15\s384 more characters are in the whole log", page)
    assert "earlier lines are in the whole log" in page
    events = read_lines(attempt.pk, 0, "UTC")
    assert sum(len(line.html) for line in events) < 1_000_000


def amend(cutover: Cutover, text: str) -> None:
    cutover.refresh_from_db()
    person("ama").user_permissions.add(Permission.objects.get(codename="add_cutover"))
    services.amend_runbook(cutover=cutover, text=text, reason="Others read along.", by=person("ama"))


def see_logs(browser: Any, attempt: Attempt) -> dict[str, bool]:
    """Where this person gets the words of the log: the page, its fragment, the file, the stream."""
    page = attempt.item.get_absolute_url()
    stream = reverse("stream", args=[attempt.cutover.slug])
    fragment = browser.get(page, headers={"HX-Request": "true"}).content.decode()
    with closing(browser.get(f"{stream}?log={attempt.pk}")) as answer:
        streams = answer.status_code == 200
    return {
        "page": "only in the log" in browser.get(page).content.decode(),
        "fragment": "Its log" in fragment or "only in the log" in fragment,
        "file": download(browser, attempt).status_code == 200,
        "stream": streams,
    }


@pytest.mark.filterwarnings("ignore:.*database connection.*:ResourceWarning")
def test_stakeholders_see_logs_where_the_runbook_says_so(browser_of: Any, attempt: Attempt) -> None:
    LogLine.objects.create(attempt=attempt, number=1, at=database_now(), text="only in the log")
    yaw = browser_of("yaw")
    assert not any(see_logs(yaw, attempt).values())
    amended = RUNBOOK.replace("systems: {}", "systems: {}\nlogs_for_stakeholders: true")
    amend(attempt.cutover, amended)
    shown = see_logs(yaw, attempt)
    assert shown["page"], shown
    assert shown["file"], shown
    assert shown["stream"], shown
    amend(attempt.cutover, RUNBOOK)
    assert not any(see_logs(yaw, attempt).values())
    assert see_logs(browser_of("efua"), attempt)["stream"]


def test_an_open_stream_of_a_log_ends_when_the_person_may_no_longer_read_it(attempt: Attempt) -> None:
    cutover, yaw = attempt.cutover, person("yaw")
    session = SessionStore()
    session.create()
    mark = yaw.get_session_auth_hash()
    reader, watcher = (
        ViewerAccess(cutover.pk, yaw.pk, session.session_key or "", mark, reads_log)
        for reads_log in (True, False)
    )
    assert find_lost_access([reader, watcher]) == [NO_LOGS, ""]
    amend(cutover, RUNBOOK.replace("systems: {}", "systems: {}\nlogs_for_stakeholders: true"))
    assert find_lost_access([reader, watcher]) == ["", ""]
