"""Pages that join at the same moment: rights of that moment, limits that hold, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from checklists import hub as hubs
from checklists import stream
from checklists.hub import Hub, get_hub
from checklists.live.log_tail import TAIL_LENGTH, LogTail, RenderedLine
from checklists.live.viewer import Viewer
from checklists.live.viewer_access import ViewerAccess
from checklists.models import Attempt, Cutover
from checklists.revision import Revision
from checklists.states import AttemptStatus
from checklists.stream import Cursor, events_of_member
from cutover.live_joins.admission import Admission, Admissions
from tests.benchmarks.load.panel import make_viewers
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover
from tests.checklists.test_hub import other_tasks
from tests.checklists.test_stream import in_thread, numbers_in, run, session_of, write_lines
from tests.cutover.live_joins.asking import Request, ask, asking, new_joins

pytestmark = pytest.mark.django_db(transaction=True)


def request_of(cutover: Cutover, name: str) -> Request:
    return Request(f"/cutovers/{cutover.slug}/stream/", session_of(name))


def requests_of_many(cutover: Cutover, count: int, query: str = "") -> list[Request]:
    sessions = [cookie.partition("=")[2] for cookie in make_viewers(cutover, count)]
    return [Request(f"/cutovers/{cutover.slug}/stream/", session, query) for session in sessions]


class HeldTurns:
    """Admissions whose first turn waits, in its thread, until it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.begun, self.let = threading.Event(), threading.Event()
        admit = Admissions.admit

        def held(admissions: Admissions, scopes: Any) -> list[Admission | None]:
            self.sizes.append(len(scopes))
            self.begun.set()
            assert self.let.wait(20)
            return admit(admissions, scopes)

        monkeypatch.setattr(Admissions, "admit", held)


def test_rights_are_those_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    cutover = make_cutover()
    kofi, efua = request_of(cutover, "kofi"), request_of(cutover, "efua")
    turns = HeldTurns(monkeypatch)

    def leave() -> None:
        with by_hand():
            cutover.members.filter(person__username="kofi").delete()

    async def play() -> list[int]:
        joins, _ = new_joins()
        turns.let.set()
        statuses = [(await ask(joins, kofi)).status]
        turns.let.clear()
        turns.begun.clear()
        first = asyncio.create_task(ask(joins, efua))
        await in_thread(turns.begun.wait, 20)
        late = asyncio.create_task(ask(joins, kofi))  # … while the turn of another page is under way
        await in_thread(leave)
        turns.let.set()
        return [*statuses, (await first).status, (await late).status]

    connection.close()
    assert run(play()) == [200, 200, 404]


def test_pages_of_one_person_that_come_together_do_not_exceed_the_limit() -> None:
    request = request_of(make_cutover(), "yaw")
    most = stream.VIEWERS_OF_PERSON_MAX

    async def play() -> tuple[Counter[int], set[bytes]]:
        joins, _ = new_joins()
        async with AsyncExitStack() as stack:
            asked = [stack.enter_async_context(asking(joins, request)) for _ in range(most + 6)]
            answers = await asyncio.gather(*asked)
            assert get_hub().count_of(next(iter(get_hub().viewers)).access.person) == most
        return Counter(answer.status for answer in answers), {a.body for a in answers if a.status == 429}

    connection.close()
    assert run(play()) == (Counter({200: most, 429: 6}), {stream.TOO_MANY.text.encode()})


def test_many_are_admitted_with_the_queries_of_one(django_assert_max_num_queries: Any, settings: Any) -> None:
    settings.CUTOVER_REQUIRE_SECOND_FACTOR = True
    cutover = make_cutover("announced")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    scopes = [each.scope() for each in requests_of_many(cutover, 12, f"log={attempt.pk}")]
    with by_hand():
        cutover.members.filter(person__username__startswith="viewer").update(part="STAKEHOLDER")
        Cutover.objects.update(logs_for_stakeholders=True)
    for count in (1, 12):
        with django_assert_max_num_queries(9):
            found = Admissions().admit(scopes[:count])
        assert all(found)
        assert len(found) == count


def test_a_cookie_that_is_no_key_does_not_send_others_the_ordinary_path() -> None:
    good = request_of(make_cutover(), "kofi")
    asked = [good, replace(good, session="\0" * 32), replace(good, session="ü" * 32), good]
    assert [bool(found) for found in Admissions().admit([each.scope() for each in asked])] == [1, 0, 0, 1]


def test_pages_that_come_while_others_are_admitted_share_a_turn_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = HeldTurns(monkeypatch)
    requests = requests_of_many(make_cutover(), 20)

    async def play() -> int:
        joins, passed_on = new_joins()
        first = asyncio.create_task(ask(joins, requests[0]))
        await in_thread(turns.begun.wait, 20)
        others = [asyncio.create_task(ask(joins, each)) for each in requests[1:]]
        await asyncio.sleep(0.05)
        turns.let.set()
        assert {answer.status for answer in await asyncio.gather(first, *others)} == {200}
        assert await other_tasks() == set()
        hub = get_hub()
        assert (hub.viewers, hub._tasks, hub._reader, hub._joining) == (set(), [], None, 0)
        assert not hub._pages_of
        return passed_on.requests

    connection.close()
    assert run(play()) == 0
    assert turns.sizes == [1, 19]


def viewer_of(attempt: Attempt) -> Viewer:
    return Viewer(attempt.cutover_id, "UTC", attempt.pk, ViewerAccess(attempt.cutover_id, 0, "", ""))


def test_lines_that_were_missed_are_read_once_for_all_who_miss_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "ACCESS_CHECK_INTERVAL", 3600)
    attempt = ended(make_cutover("announced"), "look", AttemptStatus.RUNNING)
    write_lines(attempt, 1, 30)
    reads: list[tuple[int, int]] = []
    read = hubs.read_lines_between

    def counted(of: Any, after: int, upto: int, timezone: str) -> Any:
        reads.append((after, upto))
        return read(of, after, upto, timezone)

    monkeypatch.setattr(hubs, "read_lines_between", counted)

    async def follow(hub: Hub, after: int) -> list[int]:
        viewer, numbers = viewer_of(attempt), list[int]()
        hub.join(viewer, after=after)
        async for piece in events_of_member(hub, viewer, Cursor(Revision(), after)):
            numbers += numbers_in(piece.decode())
            if numbers and numbers[-1] == 40:
                break
        return numbers

    async def play() -> list[list[int]]:
        hub, stays = Hub(), viewer_of(attempt)
        hub.join(stays, after=25)
        pages = [asyncio.create_task(follow(hub, after)) for after in [20] * 12 + [25] * 3 + [30]]
        await asyncio.sleep(0.3)
        pages.append(asyncio.create_task(follow(hub, 20)))  # … who comes later has it from the tail
        pages.append(asyncio.create_task(follow(hub, 22)))
        await in_thread(write_lines, attempt, 31, 40)
        hub.announce()
        found = await asyncio.gather(*pages)
        for viewer in list(hub.viewers):
            hub.leave(viewer)
        assert await other_tasks() == set()
        return found

    connection.close()
    found = run(play())
    assert [numbers[0] for numbers in found] == [21] * 12 + [26] * 3 + [31, 21, 23]
    assert all(numbers == list(range(numbers[0], 41)) for numbers in found)
    assert reads == [(20, 25)]


def lines(*numbers: int) -> list[RenderedLine]:
    return [RenderedLine(number, str(number)) for number in numbers]


def test_a_tail_takes_earlier_lines_only_where_they_join_and_fit() -> None:
    tail = LogTail(last=10, timezone="UTC")
    tail.add_before(lines(7, 8, 9))  # whether there is a line 10 is not known: a browser said so
    assert (list(tail.lines), tail.begins_after) == ([], 10)
    tail.add_before(lines(8, 9, 10))
    tail.add(lines(11, 12))
    assert [line.number for line in tail.lines] == [8, 9, 10, 11, 12]
    tail.add_before(lines(9, 10))  # of a page that asked at the same time
    tail.add_before([])
    tail.add_before(lines(5, 6))
    assert [line.number for line in tail.after(7) or []] == [8, 9, 10, 11, 12]
    assert tail.has_gap_after(6)
    full = LogTail(last=5000, timezone="UTC")
    full.add(lines(*range(5001, 5001 + TAIL_LENGTH)))
    full.add_before(lines(4999, 5000))  # would push the latest lines out
    assert (full.lines[0].number, full.lines[-1].number) == (5001, 5000 + TAIL_LENGTH)
