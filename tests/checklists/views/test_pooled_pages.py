"""Pages on kept connections: nothing of a request stays in a session, and a full pool is told in words."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, closing, suppress
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.urls import NoReverseMatch, reverse

from checklists.models import Cutover
from checklists.urls import of_one_cutover
from cutover.database import pool as pools
from cutover.database.pool import Pool
from cutover.database.pooled.base import DatabaseWrapper
from tests import servers
from tests.checklists.histories import make_cutover
from tests.checklists.test_stream import address, listening, run, session_of
from tests.cutover.database.test_pool import STATE
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 8
TOKEN = "t" * 32
CLEAN_STATE = (None, 0, None, None, 0, None, None)  # what `STATE` says beside the role


@pytest.fixture
def pool(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """The pool of the panel that answers at the port. This thread has its own connection, as always."""
    assert connection.connection is None or not connection.connection.closed
    made = Pool(SIZE)
    monkeypatch.setattr(DatabaseWrapper, "of_process", made, raising=False)
    monkeypatch.setitem(connections.settings["default"], "ENGINE", "cutover.database.pooled")
    yield made
    wait_for(lambda: made.count()[0] == 0, message=lambda: f"not given back: {made.count()}")
    made.close_idle()


def ask(port: int, session: str, path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={TOKEN}"
        client.request(method, path, headers={"Host": "localhost", "Cookie": cookie, "X-CSRFToken": TOKEN})
        answer = client.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


def pages_of(cutover: Cutover) -> list[str]:
    """Every page whose address has no more than the cutover, and the first item."""
    for_item, pages = [reverse("item", args=[cutover.slug, "announce"])], []
    for pattern in of_one_cutover:
        if pattern.name != "stream":
            with suppress(NoReverseMatch):
                pages.append(reverse(pattern.name, args=[cutover.slug]))
    return pages + for_item


def state_of_the_only(pool: Pool) -> Any:
    """What the one kept session has, read in that session."""
    wait_for(lambda: pool.count() == (0, 1), message=lambda: f"{pool.count()}")
    session = pool._idle[0][0]
    return session.info.backend_pid, session.execute(STATE).fetchone()


def test_no_page_and_no_command_leaves_anything_in_its_session(
    port: int, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutover, session = make_cutover("opened"), session_of("ama")
    monkeypatch.setattr(pools, "CLEAN", "")
    pool.size = 1  # an answer may arrive before its connection is back: the next request then waits for it
    assert ask(port, session, "/health/ready")[0] in (200, 503)
    before = state_of_the_only(pool)
    assert before[1][1:] == CLEAN_STATE
    answered = {page: ask(port, session, page)[0] for page in pages_of(cutover)}
    assert set(answered.values()) <= {200, 302, 404, 405}, (
        answered
    )  # 404 and 405: forms, and what is not there
    assert sum(status == 200 for status in answered.values()) >= 10, answered
    assert ask(port, session, f"/cutovers/{cutover.slug}/items/announce/tick/", "POST")[0] == 302
    assert state_of_the_only(pool) == before, "the same session, and as it was"


def test_a_killed_session_costs_no_page(port: int, pool: Pool) -> None:
    cutover, session = make_cutover("opened"), session_of("ama")
    ask(port, session, f"/cutovers/{cutover.slug}/")
    wait_for(lambda: pool.count()[0] == 0)
    pids = [kept[0].info.backend_pid for kept in pool._idle]
    assert pids
    with psycopg.connect(servers.POSTGRES.url(), autocommit=True) as superuser:
        for pid in pids:
            superuser.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    assert ask(port, session, f"/cutovers/{cutover.slug}/")[0] == 200


def test_a_full_pool_is_a_database_that_does_not_answer(
    port: int, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutover, session = make_cutover("opened"), session_of("ama")
    address = f"/cutovers/{cutover.slug}/"
    assert ask(port, session, address)[0] == 200
    wait_for(lambda: pool.count()[0] == 0)
    monkeypatch.setattr(pools, "WAIT", 0.2)
    url = servers.POSTGRES.url(str(connection.settings_dict["NAME"]))
    with ExitStack() as stack:
        for _ in range(SIZE):
            stack.callback(pool.give_back, pool.take(lambda: psycopg.connect(url)))
        for path, method in ((address, "GET"), (f"{address}items/announce/tick/", "POST")):
            status, headers, text = ask(port, session, path, method)
            assert (status, headers.get("Retry-After")) == (503, "5")
            assert "Traceback" not in text
        assert ask(port, "", "/health/live")[0] == 200
    assert ask(port, session, address)[0] == 200


def test_streams_hold_one_place_together(port: int, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checklists.stream.VIEWERS_OF_PERSON_MAX", 40)
    cutover, session = make_cutover("opened"), session_of("ama")
    to = address(cutover)

    async def play() -> tuple[int, list[int]]:
        async with AsyncExitStack() as stack:
            for _ in range(2 * SIZE):
                events = await stack.enter_async_context(listening(port, session, to))
                await events.until("alive")
            counted = [pool.count()[0]]
            page = await asyncio.get_running_loop().run_in_executor(None, ask, port, session, "/health/ready")
            return page[0], counted

    status, counted = run(play())
    assert status in (200, 503)
    assert max(counted) <= 1, "that of the hub"


def test_who_goes_away_in_the_middle_takes_no_place_along(port: int, pool: Pool) -> None:
    cutover, session = make_cutover("opened"), session_of("ama")
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
    head = f"GET /cutovers/{cutover.slug}/ HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}"
    for number in range(2 * SIZE):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(f"{head}\r\n\r\n".encode())
            if number % 2:
                wait_for(lambda: pool.count()[0] > 0 or pool.count()[1] > 0)
    wait_for(lambda: pool.count()[0] == 0, message=lambda: f"{pool.count()}")
    assert ask(port, session, f"/cutovers/{cutover.slug}/")[0] == 200
