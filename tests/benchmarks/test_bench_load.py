"""The benchmarks of load measure what they say, and see lines that are missing or come twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from checklists import hub, services
from checklists.models import AuditEntry, Tick
from checklists.states import AttemptStatus
from integrations.actions import Context
from integrations.systems import Systems
from tests.benchmarks import bench_attempts, bench_backup, bench_lines, bench_ticks
from tests.benchmarks.bench_streams import Findings, measure_bare
from tests.benchmarks.load.lines import line_text
from tests.benchmarks.load.panel import make_viewers
from tests.benchmarks.load.viewers import LogViewer, Viewers, Watch, percentile
from tests.by_hand import by_hand
from tests.checklists.executor.actions import ACTIONS
from tests.checklists.histories import ended, item_of, make_cutover, person
from tests.checklists.test_stream import in_thread, run, write_lines
from tests.integrations.recorder import Recorder

LINES = 40


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([float(n) for n in range(100)], 0.5) == 50
    assert percentile([1.0, 2.0, 3.0], 1.0) == 3


def test_a_viewer_counts_lines_that_come_twice_and_lines_that_never_came() -> None:
    page = LogViewer("", 0, "", "", Watch())
    events = [f'id: 1--1~{n}\nevent: log\ndata: <li id="line-{n}">{line_text(n)}</li>' for n in (1, 2, 2, 5)]
    page._take("\n\n".join(events).encode(), 1e9)
    assert (page.watch.repeated, page.watch.gaps, page.last) == (1, 2, 5)
    assert page.cursor == "1--1~5"
    assert len(page.watch.delays) == 3


def test_the_bare_server_sends_each_line_to_everybody() -> None:
    found = Findings()
    delays = asyncio.run(measure_bare(3, 50, 1.5, found))
    assert len(delays) >= 3 * 10
    assert all(0 <= delay < 60 for delay in delays)
    assert len(found.rows) == 1


@pytest.mark.django_db(transaction=True)
def test_viewers_of_the_panel_miss_nothing_when_they_are_cut_off(port: int) -> None:
    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    cookies, watch = make_viewers(cutover, 3), Watch()
    path = f"/cutovers/{cutover.slug}/stream/?log={attempt.pk}&after=0"
    pages = Viewers([LogViewer("127.0.0.1", port, path, cookie, watch) for cookie in cookies])
    text = line_text(0).replace("batch 0", "batch {}")

    async def play() -> None:
        pages.start()
        await pages.until(lambda page: page.joined)
        await in_thread(write_lines, attempt, 1, LINES // 2, text)
        await pages.until(lambda page: page.last == LINES // 2)
        await pages.stop()
        pages.start()
        await in_thread(write_lines, attempt, LINES // 2 + 1, LINES, text)
        await pages.until(lambda page: page.last == LINES)
        await pages.stop()
        async with asyncio.timeout(30):
            while any(one.viewers or one._tasks for one in list(hub._hubs.values())):
                await asyncio.sleep(0.05)

    connection.close()
    run(play())
    assert (watch.repeated, watch.gaps, watch.refused) == (0, 0, 0)
    assert len(watch.delays) == 3 * LINES


@pytest.fixture
def filled(new_database: Callable[[], str]) -> str:
    url = new_database()
    bench_backup.fill(url, 2000)
    return url


def test_a_backup_of_the_benchmark_is_whole(filled: str, tmp_path: Path) -> None:
    found = bench_backup.run(filled, tmp_path, 1)
    assert [len(values) for values in found.values()] == [1, 1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_lines_that_are_missing_or_changed_are_seen() -> None:
    cutover = make_cutover(text=bench_lines.RUNBOOK)
    attempt = ended(make_cutover("announced"), "look", AttemptStatus.RUNNING)
    texts = [bench_lines.text_of(number) for number in range(1, 4)]
    write_lines(attempt, 1, 3, "line {0}: copied batch {0} of the table donations, 1000 rows in 12 ms")
    assert cutover.phases.count() == 1
    assert bench_lines.what_is_wrong(attempt, texts) == []
    assert bench_lines.what_is_wrong(attempt, [*texts, "more"]) == ["3 of 4 lines", "lines differ"]
    assert bench_lines.what_is_wrong(attempt, [*texts[:2], "other"]) == ["lines differ"]


@pytest.mark.django_db(transaction=True)
def test_an_item_that_was_not_ticked_once_and_a_changed_record_are_seen() -> None:
    cutover = make_cutover(text=bench_ticks.make_runbook(2))
    for number in range(2):
        services.tick_item(item=item_of(cutover, f"i{number}"), by=person("ama"))
    assert bench_ticks.what_is_wrong(cutover, 2) == []
    with by_hand():
        Tick.objects.filter(item__key="i1").delete()
        AuditEntry.objects.filter(cutover=cutover, kind="item.ticked").update(actor="somebody")
    assert [fault.split(":")[0] for fault in bench_ticks.what_is_wrong(cutover, 2)] == [
        "1 of 2 items are ticked",
        "the record does not verify",
    ]


def test_an_attempt_that_did_not_run_once_is_seen(tmp_path: Path) -> None:
    attempt = StandIn({"world": str(tmp_path)}, "SUCCEEDED")
    raw = {"world": str(tmp_path), "lines": 3, "do": "sleep", "seconds": 0}
    context = Context(Systems({}, {}), evidence={}, folder=tmp_path, attempt="1")
    ACTIONS["test.once"].run(ACTIONS["test.once"].bind(raw, context), Recorder())
    assert bench_attempts.what_is_wrong([attempt]) == []
    (tmp_path / "journal").write_text("begin 1\nbegin 1\ndone 1\n")
    assert len(bench_attempts.what_is_wrong([attempt])) == 1


@dataclass
class StandIn:
    """An attempt whose row does not change."""

    params: dict[str, str]
    status: str

    def refresh_from_db(self) -> None:
        """It is as it was."""
