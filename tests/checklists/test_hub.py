"""The hub of a web process: no reader survives its page, and no line is repeated or lost."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from django.db import OperationalError, connection

from checklists.hub import Hub, Viewer
from checklists.live.hub_reader import ReaderThread
from checklists.live.log_tail import LogEvent, LogTail, RenderedLine
from checklists.live.viewer_access import ViewerAccess
from checklists.models import Attempt
from checklists.revision import Revision
from checklists.states import AttemptStatus
from checklists.stream import Cursor, _EventSchedule, events
from tests.checklists.histories import ended, make_cutover
from tests.checklists.test_stream import in_thread, run, write_lines

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 50


@pytest.fixture(autouse=True)
def access_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The viewers of these tests are nobody, who would lose their streams within a second."""
    monkeypatch.setattr("checklists.hub.ACCESS_CHECK_INTERVAL", 3600)


@pytest.fixture
def attempt() -> Attempt:
    return ended(make_cutover("announced"), "look", AttemptStatus.RUNNING)


def viewer_of(attempt: Attempt) -> Viewer:
    return Viewer(attempt.cutover_id, "UTC", attempt.pk, ViewerAccess(attempt.cutover_id, 0, "", ""))


async def other_tasks() -> set[asyncio.Task[Any]]:
    """Tasks of this loop beside the test's own, after those that were cancelled had time to end."""
    for _ in range(100):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            break
        await asyncio.sleep(0.02)
    return left


def test_pages_that_come_and_go_while_lines_arrive_leave_no_reader_and_repeat_no_line(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checklists.hub.MIN_INTERVAL", 0.001)

    async def play() -> tuple[list[int], list[int]]:
        hub = Hub()
        stays = viewer_of(attempt)
        for number in range(1, ROUNDS + 1):
            passing = viewer_of(attempt)
            hub.join(passing, after=0)
            await in_thread(write_lines, attempt, number, number)
            while not hub.read_at:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)  # the reader has read once, and waits for news by now
            # The announcement and the leaving page in one turn of the event loop: the reader is cancelled
            # at the moment at which it wakes up.
            hub.announce()
            hub.leave(passing)
        hub.join(stays, after=0)
        async with asyncio.timeout(30):
            while hub.tails[attempt.pk].last < ROUNDS:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # a reader that survived would add its lines again
        kept = [line.number for line in hub.tails[attempt.pk].lines]
        told = [line.number for line in hub.tails[attempt.pk].after(0) or []]
        hub.leave(stays)
        assert await other_tasks() == set()
        return kept, told

    connection.close()
    kept, told = run(play())
    assert kept == told == list(range(1, ROUNDS + 1))


def test_a_stream_that_is_closed_at_the_moment_of_an_announcement_ends(attempt: Attempt) -> None:
    async def play() -> None:
        hub = Hub()
        for _ in range(ROUNDS):
            viewer = viewer_of(attempt)
            stream = asyncio.create_task(read_to_the_end(hub, viewer))
            await asyncio.sleep(0.05)  # it waits for news by now
            viewer.wake()
            stream.cancel()
            done, _ = await asyncio.wait({stream}, timeout=5)
            assert done, "the stream did not hear that its page was closed"
            assert stream.cancelled()
            assert viewer not in hub.viewers
        assert await other_tasks() == set()

    async def read_to_the_end(hub: Hub, viewer: Viewer) -> None:
        async for _ in events(hub, viewer, Cursor(Revision())):
            pass

    connection.close()
    run(play())


def test_a_tail_drops_lines_that_it_has_already() -> None:
    tail = LogTail(last=3, timezone="UTC")
    for numbers in ([4, 5, 6], [4, 5, 6, 7], [2, 3], []):
        tail.add([RenderedLine(number, f"line {number}") for number in numbers])
    assert [line.number for line in tail.lines] == [4, 5, 6, 7]
    assert tail.last == 7


def test_pages_are_told_since_when_the_database_does_not_answer(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("the server is away")

    async def play() -> list[list[str]]:
        reader = ReaderThread()
        hub, schedule = Hub(), _EventSchedule(viewer_of(attempt), Cursor(Revision()))
        said = [schedule.take_due(hub)]
        monkeypatch.setattr("checklists.hub.read_revisions", fail)
        with pytest.raises(OperationalError):
            await hub._read(reader)
        assert hub.unanswered_since
        hub.unanswered_since -= 8
        said.append(schedule.take_due(hub))
        monkeypatch.undo()
        await hub._read(reader)
        schedule.sent_at["away"] = 0
        said.append(schedule.take_due(hub))
        reader.close()
        return said

    connection.close()
    before, during, after = run(play())
    assert before == []
    assert re.search(r'event: away\ndata: {"since": "\d\d:\d\d:\d\d"}', during[0])
    assert not any("away" in text for text in after)


def test_a_line_is_encoded_once_for_all_viewers_who_have_the_same_lines() -> None:
    tail = LogTail(last=0, timezone="UTC")
    tail.add([RenderedLine(number, f"<li>{number}</li>") for number in (1, 2)])
    first = tail.event_after(0)
    assert first is not None
    assert first is tail.event_after(0)
    assert first.with_cursor("7~2") == b"id: 7~2\nevent: log\ndata: <li>1</li><li>2</li>\n\n"
    tail.add([RenderedLine(3, "<li>3</li>")])
    assert (again := tail.event_after(0)) is not None
    assert (again.last, b"<li>3</li>" in again.body) == (3, True)
    assert tail.event_after(3) is None


def test_a_carriage_return_in_a_line_does_not_end_the_event() -> None:
    event = LogEvent.of([RenderedLine(1, "50 %\revent: bye\rdata: gone")])
    assert event.body == b"event: log\ndata: 50 %\ndata: event: bye\ndata: data: gone\n\n"


def test_the_hub_keeps_one_connection_while_it_has_viewers_and_none_after(attempt: Attempt) -> None:
    async def play() -> list[set[int]]:
        hub, viewer = Hub(), viewer_of(attempt)
        before = await in_thread(other_sessions)
        hub.join(viewer, after=0)
        seen = []
        for _ in range(3):
            read_at = hub.read_at
            hub.announce()
            async with asyncio.timeout(30):
                while hub.read_at == read_at:
                    await asyncio.sleep(0.01)
            seen.append(await in_thread(other_sessions) - before)
        hub.leave(viewer)
        async with asyncio.timeout(30):
            while await in_thread(other_sessions) & seen[0]:
                await asyncio.sleep(0.05)
        return seen

    connection.close()
    first, *later = run(play())
    assert len(first) == 1
    assert later == [first, first]


def other_sessions() -> set[int]:
    """The sessions in the panel's database beside the one that asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND application_name = 'cutover:panel'"
        )
        return {pid for (pid,) in cursor.fetchall()}
