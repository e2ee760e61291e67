"""The live stream, from a real server, read by clients that know nothing of Django."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

from checklists import hub, services, stream
from checklists.live.viewer_access import ViewerAccess, find_lost_access
from checklists.models import Attempt, Cutover, LogLine
from checklists.models.audit import database_now
from checklists.revision import Revision, read_revisions
from checklists.states import AttemptStatus
from cutover.accounts.idle import ACTIVE, BEGAN
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Events:
    """One client: what it was answered, and every event in the order in which it came."""

    reader: asyncio.StreamReader
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    ended: bool = False

    async def read(self) -> dict[str, str] | None:
        """The next event; None at the end of the stream."""
        event: dict[str, str] = {}
        while line := (await self.reader.readline()).decode():
            line = line.rstrip("\n")
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                event[name] = f"{event[name]}\n{value}" if name in event else value
            elif event:
                self.seen.append(event)
                return event
        self.ended = True
        return None

    async def until(self, kind: str, seconds: float = 60) -> dict[str, str]:
        """Reads on to the next event of that kind."""
        async with asyncio.timeout(seconds):
            while event := await self.read():
                if event.get("event") == kind:
                    return event
        raise AssertionError(f"the stream ended without {kind}: {self.seen}")

    async def until_alive_or_bye(self) -> dict[str, str]:
        """The first event that says that this page is live, or that it will not be."""
        async with asyncio.timeout(60):
            while event := await self.read():
                if event.get("event") in ("alive", "bye"):
                    return event
        raise AssertionError("the stream ended without a word")

    async def lines(self, upto: int, seconds: float = 60) -> list[int]:
        """The numbers of all log lines, in the order in which they came, until that one."""
        numbers: list[int] = []
        async with asyncio.timeout(seconds):
            while upto not in numbers:
                event = await self.read()
                assert event is not None, "the stream ended"
                if event.get("event") == "log":
                    numbers += numbers_in(event["data"])
        return numbers


def numbers_in(html: str) -> list[int]:
    return [int(part.split('"')[0]) for part in html.split('<li id="line-')[1:]]


@asynccontextmanager
async def listening(
    port: int, session: str, path: str, *, last: str = "", headers_only: bool = False
) -> AsyncIterator[Events]:
    """A client that has sent its request and read the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    resumed = f"Last-Event-ID: {last}\r\n" if last else ""
    cookie = f"Cookie: {settings.SESSION_COOKIE_NAME}={session}\r\n" if session else ""
    # HTTP/1.0: the body comes as it is, without chunks
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n{cookie}{resumed}\r\n".encode())
    events = Events(reader)
    async with asyncio.timeout(20):
        events.status = int((await reader.readline()).split()[1])
        while line := (await reader.readline()).decode().strip():
            name, _, value = line.partition(": ")
            events.headers[name.lower()] = value
    try:
        yield events
    finally:
        writer.close()


def session_of(name: str) -> str:
    """The cookie of a signed-in person."""
    user, session = person(name), SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[BEGAN] = session[ACTIVE] = time.time()
    session.set_expiry(3600)
    session.create()
    return str(session.session_key)


def address(cutover: Cutover, **query: Any) -> str:
    since = query.pop("since", read_revisions([cutover.pk])[cutover.pk])
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"/cutovers/{cutover.slug}/stream/?since={since}{more}"


def write_lines(attempt: Attempt, first: int, last: int, text: str = "line {}") -> None:
    now = database_now()
    LogLine.objects.bulk_create(
        LogLine(attempt=attempt, number=n, at=now, text=text.format(n)) for n in range(first, last + 1)
    )


def in_thread(work: Any, *args: Any, **kwargs: Any) -> Any:
    """Database work beside the loop, on a connection that is given back."""
    return asyncio.get_running_loop().run_in_executor(None, lambda: closing(work, *args, **kwargs))


def run(play: Coroutine[Any, Any, Any]) -> Any:
    """What it gives, on a loop in a thread of its own: Playwright may keep one in the main thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, play).result()


def closing(work: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return work(*args, **kwargs)
    finally:
        connection.close()


def test_the_answer_is_a_stream_that_no_proxy_keeps_or_changes(port) -> None:
    cutover, session = make_cutover(), session_of("yaw")
    to = address(cutover)

    async def play() -> None:
        async with listening(port, session, to) as events:
            assert events.status == 200
            assert events.headers["content-type"] == "text/event-stream"
            assert events.headers["cache-control"] == "no-cache, no-transform"
            assert events.headers["x-accel-buffering"] == "no"
            assert "retry" in (await events.read())
            await events.until("alive")

    run(play())


@pytest.mark.parametrize(("who", "status"), [("", 401), ("stranger", 404)])
def test_a_person_who_may_not_see_the_cutover_gets_no_stream(port, who: str, status: int) -> None:
    cutover = make_cutover()
    session, to = session_of(who) if who else "", address(cutover)

    async def play() -> None:
        async with listening(port, session, to) as events:
            assert events.status == status

    run(play())


def test_the_log_of_another_cutover_is_refused(port) -> None:
    cutover, other = make_cutover(), make_cutover("looked")
    session = session_of("ama")
    asked = [address(cutover, log=other.attempts.get().pk), address(cutover, log="nonsense")]

    async def play() -> None:
        for to in asked:
            async with listening(port, session, to) as events:
                assert events.status == 404

    run(play())


def test_a_tick_reaches_everybody_and_no_stream_holds_a_connection(port, monkeypatch) -> None:
    monkeypatch.setattr(stream, "VIEWERS_OF_PERSON_MAX", 40)
    cutover, session = make_cutover(), session_of("yaw")
    to = address(cutover)

    async def one() -> dict[str, str]:
        async with listening(port, session, to) as events:
            ready.append(True)
            return await events.until("changed", 30)

    ready: list[bool] = []
    held: list[int] = []

    async def play() -> list[dict[str, str]]:
        clients = [asyncio.create_task(one()) for _ in range(40)]
        while len(ready) < 40:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        for _ in range(8):
            held.append(await in_thread(panel_connections))
            await asyncio.sleep(0.2)
        await in_thread(services.tick_item, item=item_of_announce, by=ama)
        return await asyncio.gather(*clients)

    item_of_announce, ama = item_of(cutover, "announce"), person("ama")
    others = panel_connections()
    connection.close()
    changed = run(play())
    assert len({event["data"] for event in changed}) == 1
    assert max(held) - others <= 1, held  # the hub's own, for all forty


def panel_connections() -> int:
    """Connections of the panel to its database, our own left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_a_page_made_before_a_change_is_told_at_once(port) -> None:
    cutover, session = make_cutover(), session_of("yaw")
    before = address(cutover)
    services.tick_item(item=item_of(cutover, "announce"), by=person("ama"))

    async def play() -> None:
        async with listening(port, session, before) as events:
            event = await events.until("changed", 20)
            assert event["data"] == str(now)
        async with listening(port, session, before, last=event["id"]) as events:
            await events.until("alive")
            await events.until("alive", 10)
            assert not [e for e in events.seen if e.get("event") == "changed"]

    now = read_revisions([cutover.pk])[cutover.pk]
    run(play())


def test_progress_alone_is_sent_as_a_progress_event(port) -> None:
    cutover, session = make_cutover("announced"), session_of("yaw")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    to = address(cutover)

    async def play() -> None:
        async with listening(port, session, to) as events:
            await events.until("alive")
            await in_thread(
                Attempt.objects.filter(pk=attempt.pk).update, progress_done=3, progress_at=database_time
            )
            await events.until("progress", 20)
            assert not [e for e in events.seen if e.get("event") == "changed"]

    database_time = database_now()
    connection.close()
    run(play())


def test_many_changes_are_sent_as_at_most_two_events_a_second(port) -> None:
    cutover, session = make_cutover(), session_of("yaw")
    to, ama, item = address(cutover), person("ama"), item_of(cutover, "announce")

    def notes() -> None:
        for n in range(60):
            services.add_note(item=item, by=ama, text=f"note {n}")

    async def play() -> None:
        async with listening(port, session, to) as events:
            await events.until("alive")
            began = time.monotonic()
            await in_thread(notes)
            while revisions[-1:] != [str(await in_thread(lambda: read_revisions([cutover.pk])[cutover.pk]))]:
                revisions.append((await events.until("changed", 10))["data"])
            assert len(revisions) <= 2 * (time.monotonic() - began) + 2

    revisions: list[str] = []
    connection.close()
    run(play())


def test_a_log_continues_after_a_reconnect_without_gap_or_repetition(port) -> None:
    cutover, session = make_cutover("announced"), session_of("ama")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    write_lines(attempt, 1, 30)
    to = address(cutover, log=attempt.pk, after=10)

    async def play() -> list[int]:
        async with listening(port, session, to) as events:
            numbers = await events.lines(30)
            await in_thread(write_lines, attempt, 31, 35)
            numbers += await events.lines(35)
            last = [e["id"] for e in events.seen if "id" in e][-1]
        await in_thread(write_lines, attempt, 36, 700)
        async with listening(port, session, to, last=last) as events:
            numbers += await events.lines(700)
        return numbers

    connection.close()
    assert run(play()) == list(range(11, 701))


def test_a_viewer_far_behind_gets_every_line_while_others_are_at_the_end(port) -> None:
    cutover, session = make_cutover("announced"), session_of("ama")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    write_lines(attempt, 1, 5000)
    end, start = address(cutover, log=attempt.pk, after=5000), address(cutover, log=attempt.pk)

    async def play() -> tuple[list[int], list[int]]:
        async with listening(port, session, end) as near, listening(port, session, start) as far:
            await near.until("alive")
            await in_thread(write_lines, attempt, 5001, 5010)
            return await near.lines(5010), await far.lines(5010, 40)

    connection.close()
    near, far = run(play())
    assert near == list(range(5001, 5011))
    assert far == list(range(1, 5011))


def test_what_a_program_wrote_is_text_and_cannot_break_the_stream(port) -> None:
    cutover, session = make_cutover("announced"), session_of("ama")
    attempt = ended(cutover, "look", AttemptStatus.RUNNING)
    nasty = "<script>alert(1)</script> \u2028 \x85 data: x\revent: bye\n\nid: 7"
    LogLine.objects.create(attempt=attempt, number=1, at=database_now(), text=nasty)
    write_lines(attempt, 2, 2)
    to = address(cutover, log=attempt.pk)

    async def play() -> str:
        async with listening(port, session, to) as events:
            event = await events.until("log")
            assert numbers_in(event["data"]) == [1, 2]
            assert event["id"].endswith("~2")
            return event["data"]

    connection.close()
    html = run(play())
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize("how", ["part", "account", "session", "password"])
def test_a_viewer_who_loses_access_is_told_and_the_stream_ends(port, how: str) -> None:
    cutover, session = make_cutover(), session_of("kofi")
    stays, to, kofi = session_of("efua"), address(cutover), person("kofi")

    def lose() -> None:
        if how == "part":
            with by_hand():
                cutover.members.filter(person=kofi).delete()
        elif how == "account":
            type(kofi).objects.filter(pk=kofi.pk).update(is_active=False)
        elif how == "password":
            kofi.set_password("another long passphrase")
            kofi.save()
        else:
            SessionStore(session).delete()

    async def play() -> None:
        async with listening(port, session, to) as events, listening(port, stays, to) as other:
            await events.until("alive")
            await in_thread(lose)
            event = await events.until("bye", 10)
            assert "part" in event["data"] if how == "part" else "signed out" in event["data"]
            assert await events.read() is None
            await other.until("alive", 10)
            assert not [e for e in other.seen if e.get("event") == "bye"]

    connection.close()
    run(play())


def test_one_person_with_many_pages_does_not_keep_others_from_theirs(port) -> None:
    cutover, session, other = make_cutover(), session_of("yaw"), session_of("efua")
    to, most = address(cutover), stream.VIEWERS_OF_PERSON_MAX

    async def play() -> tuple[list[int], list[dict[str, str] | None], int]:
        async with AsyncExitStack() as open_pages:
            # All at once: each passes the first count before one of them has joined.
            asked = [open_pages.enter_async_context(listening(port, session, to)) for _ in range(most + 12)]
            pages = await asyncio.gather(*asked)
            live = [page for page in pages if page.status == 200]
            last = await asyncio.gather(*(page.until_alive_or_bye() for page in live))
            late = await open_pages.enter_async_context(listening(port, session, to))
            efua = await open_pages.enter_async_context(listening(port, other, to))
            await efua.until("alive")
            return [late.status, int(late.headers["retry-after"])], last, efua.status

    connection.close()
    late, last, others = run(play())
    assert late == [429, 10]
    assert others == 200
    assert sum(event["event"] == "alive" for event in last) == most
    assert all("live pages open" in event["data"] for event in last if event["event"] == "bye")


def test_access_is_asked_for_all_at_once_and_by_the_rule_of_the_pages(django_assert_num_queries) -> None:
    first, second = make_cutover(), make_cutover()
    root = person("root")
    root.is_superuser = True
    root.save()
    with by_hand():
        second.members.filter(person__username="yaw").delete()
    people = [person(name) for name in ("ama", "yaw", "root", "stranger")]
    keys = {each.pk: session_of(each.username) for each in people}
    asked = [
        ViewerAccess(cutover.pk, each.pk, keys[each.pk], each.get_session_auth_hash())
        for cutover in (first, second)
        for each in people
    ]
    with django_assert_num_queries(4):
        lost = find_lost_access(asked)
    may = [
        Cutover.objects.visible_to(each).filter(pk=c.pk).exists() for c in (first, second) for each in people
    ]
    assert [not reason for reason in lost] == may
    assert may == [True, True, True, False, True, False, True, False]


def test_changes_are_sent_without_redis(port, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    cutover, session = make_cutover(), session_of("yaw")
    to, item, ama = address(cutover), item_of(cutover, "announce"), person("ama")

    async def play() -> None:
        async with listening(port, session, to) as events:
            await events.until("alive")
            await in_thread(services.tick_item, item=item, by=ama)
            await events.until("changed", 20)

    connection.close()
    run(play())


def test_a_stream_ends_after_its_lifetime_and_says_when_to_reconnect(port, monkeypatch) -> None:
    monkeypatch.setattr(stream, "LIFETIME", 2.5)  # two turns of the clock that wakes viewers
    monkeypatch.setattr(stream, "PING_INTERVAL", 0.2)
    cutover, session = make_cutover(), session_of("yaw")
    to = address(cutover)

    async def play() -> None:
        async with listening(port, session, to) as events, asyncio.timeout(10):
            while await events.read():
                pass
            assert events.ended
            assert stream.RETRY[0] <= int(events.seen[0]["retry"]) <= stream.RETRY[1]
            assert ": ping" in events.comments
            assert not [e for e in events.seen if e.get("event") == "bye"]

    run(play())


def test_a_viewer_after_a_pause_is_not_told_the_age_of_an_earlier_read(port) -> None:
    cutover, session = make_cutover(), session_of("yaw")
    to = address(cutover)

    async def play() -> None:
        for pause in (6, 0):
            async with listening(port, session, to) as events:
                age = json.loads((await events.until("alive"))["data"])["age"]
                assert age < 5, age  # what was read for the one before would be older
            await asyncio.sleep(pause)

    run(play())


def test_a_viewer_who_left_is_removed(port) -> None:
    cutover, session = make_cutover(), session_of("yaw")
    to = address(cutover)

    async def play() -> None:
        for _ in range(5):
            async with listening(port, session, to) as events:
                await events.until("alive")
        async with asyncio.timeout(15):
            while any(one.viewers for one in list(hub._hubs.values())):
                await asyncio.sleep(0.1)

    run(play())
    assert all(not one._tasks for one in list(hub._hubs.values()))


@pytest.mark.parametrize(
    "text", ["", "nonsense", "1-zz-3", "-1--", "9" * 99 + "--0", "1-abc-99999999999999999999"]
)
def test_an_unreadable_revision_is_older_than_all_others(text: str) -> None:
    assert Revision.parse(text) == Revision()


def test_a_revision_is_parsed_as_it_was_written() -> None:
    cutover = make_cutover("looked")
    revision = read_revisions([cutover.pk])[cutover.pk]
    assert Revision.parse(str(revision)) == revision
