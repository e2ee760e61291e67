"""A web process keeps connections: nothing leaks, a dead one reaches no request, nobody else has them."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection as own
from django.db import connections

from cutover.database import pool as pools
from cutover.database.pool import Connection, Pool, new_pool
from cutover.database.pooled.base import use_pool
from cutover.embedded import Postgres
from tests import servers
from tests.integrations.poolers import pgbouncer
from tests.ports import free_port
from tests.servers import new_folder
from tests.waiting import wait_for

PROJECT = Path(__file__).parents[3]
#: What a session has beside its plans.
STATE = """
    SELECT current_user, (SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings
                          WHERE source = 'session'),
           (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
           (SELECT string_agg(name, ',') FROM pg_listening_channels() AS name),
           (SELECT string_agg(name, ',') FROM pg_cursors), (SELECT count(*) FROM pg_prepared_statements),
           to_regclass('pg_temp.left_behind'), nullif(current_setting('own.setting', true), '')
"""
LEAKS = (
    "SET lock_timeout = 1",
    "SELECT set_config('own.setting', 'of another request', false)",
    "SET TIME ZONE 'Africa/Accra'",
    "SELECT pg_advisory_lock(7)",
    "LISTEN somebody",
    "PREPARE left_behind AS SELECT 1",
    "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1",
    "CREATE TEMP TABLE left_behind ()",
    "SET ROLE pg_monitor",
)


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(2)
    pools._waits_no_more.set(0.0)  # the tests of a process are one request to it
    yield made
    made.close_idle()


def connector(url: str) -> Callable[[], Connection]:
    options = "-c lock_timeout=5000 -c timezone=UTC"
    return lambda: psycopg.connect(url, application_name="of-a-test", options=options, prepare_threshold=None)


@contextmanager
def taken(pool: Pool, url: str) -> Iterator[Connection]:
    connection = pool.take(connector(url))
    try:
        yield connection
    finally:
        pool.give_back(connection)


def backend(connection: Connection) -> int:
    return int(connection.info.backend_pid)


def end_backends(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'of-a-test'"
        )


def test_the_next_request_has_the_same_session(pool: Pool, url: str) -> None:
    with taken(pool, url) as first:
        pass
    with taken(pool, url) as second:
        assert backend(second) == backend(first)
    assert pool.count() == (0, 1)


def test_nothing_that_a_request_leaves_reaches_the_next_one(pool: Pool, url: str) -> None:
    for statement in LEAKS:
        with taken(pool, url) as first:
            clean, limit = first.execute(STATE).fetchone(), first.execute("SHOW lock_timeout").fetchone()
            first.execute(statement)
            assert (first.execute(STATE).fetchone(), first.info.parameter_status("TimeZone")) != (
                clean,
                "UTC",
            )
        with taken(pool, url) as second:
            assert backend(second) == backend(first)
            assert second.execute(STATE).fetchone() == clean, statement
            assert second.execute("SHOW lock_timeout").fetchone() == limit == ("5s",)
            assert second.info.parameter_status("application_name") == "of-a-test"
            assert second.info.parameter_status("TimeZone") == "UTC"


@pytest.mark.parametrize("break_it", ["BEGIN", "autocommit", "closed"])
def test_an_open_transaction_is_not_kept(pool: Pool, url: str, break_it: str) -> None:
    with taken(pool, url) as first:
        if break_it == "autocommit":
            first.autocommit = False
        elif break_it == "closed":
            first.close()
        else:
            first.execute("BEGIN")
    assert (pool.count(), first.closed) == ((0, 0), True)


def test_a_session_that_the_server_ended_reaches_no_request(pool: Pool, url: str) -> None:
    with taken(pool, url), taken(pool, url):
        pass
    assert pool.count() == (0, 2)
    end_backends(url)
    began = time.monotonic()
    with taken(pool, url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert time.monotonic() - began < pools.WAIT / 2  # no pause before the next try
    assert pool.count() == (0, 1), "the other one was dead as well"


def test_an_old_session_and_one_that_nobody_used_are_closed(
    pool: Pool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with taken(pool, url), taken(pool, url):
        pass
    monkeypatch.setattr(pools, "REST", 0.0)
    with taken(pool, url):
        pass
    assert pool.count() == (0, 1)
    monkeypatch.setattr(pools, "LIFETIME", 0.0)
    with taken(pool, url):
        pass
    assert pool.count() == (0, 0)


def test_a_server_that_is_away_is_told_at_once_and_used_as_soon_as_it_is_back(pool: Pool) -> None:
    folder = new_folder("pool")
    server = Postgres(folder / "pg", port=free_port(), password="of-a-test", fsync=False)
    try:
        url = server.start().url()
        with taken(pool, url):
            pass
        server.stop()
        for _ in range(3):  # no request that failed leaves anything: there are two places
            began = time.monotonic()
            with pytest.raises(psycopg.OperationalError), taken(pool, url):
                pass
            assert time.monotonic() - began < pools.WAIT / 2
        server.start()
        with taken(pool, url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        server.stop()
        shutil.rmtree(folder)


def test_who_finds_every_place_taken_waits_for_one_and_not_for_ever(
    pool: Pool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pool.take(connector(url)), pool.take(connector(url))
    threading.Timer(0.2, pool.give_back, [first]).start()
    third = pool.take(connector(url))
    assert backend(third) == backend(first)
    monkeypatch.setattr(pools, "WAIT", 0.1)
    with pytest.raises(psycopg.OperationalError, match=r"All 2 connections .* CUTOVER_DATABASE_POOL"):
        pool.take(connector(url))
    pool.give_back(second)
    pool.give_back(third)
    assert pool.count() == (0, 2)


def test_a_request_waits_once_for_a_place_and_its_error_page_does_not(
    pool: Pool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under ASGI: the view and its error page run in other threads, in the context of the request."""
    monkeypatch.setattr(pools, "WAIT", 0.5)

    async def request() -> list[float]:
        seconds = []
        for _ in range(4):  # the view; the session; the record, twice
            began = time.monotonic()
            with pytest.raises(psycopg.OperationalError, match="in use"):
                await sync_to_async(pool.take, thread_sensitive=False)(connector(url))
            seconds.append(time.monotonic() - began)
        return seconds

    async def both() -> list[list[float]]:
        return [await asyncio.create_task(request()), await asyncio.create_task(request())]

    with taken(pool, url), taken(pool, url):
        for first, *others in asyncio.run(both()):  # the next request has patience again
            assert first >= 0.5
            assert sum(others) < 0.5


def test_a_connection_that_is_lost_gives_its_place_back(pool: Pool, url: str) -> None:
    for _ in range(5):
        pool.take(connector(url)).close()  # nobody gives it back, and nobody refers to it any more
    wait_for(lambda: pool.count() == (0, 0))


def test_behind_pgbouncer_connections_are_left_to_it(pool: Pool, url: str) -> None:
    with pgbouncer(url, mode="transaction", ignore_startup_parameters="options") as pooled:
        with taken(pool, pooled) as connection:
            assert connection.info.parameter_status("application_name") == "of-a-test"
        assert (pool.count(), connection.closed) == ((0, 0), True)


def test_a_forked_process_has_none_of_them(url: str) -> None:
    pool = new_pool(2)
    with taken(pool, url), taken(pool, url):
        pass
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.count() == (0, 0) else 1)
    assert os.waitpid(child, 0)[1] == 0
    with taken(pool, url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    pool.close_idle()


SAYS = """
import threading, cutover.asgi
from django.db import connections
def say():
    mine = type(connections["default"])
    print(mine.__module__, mine.of_process.size)
thread = threading.Thread(target=say)
thread.start()
thread.join()
"""


@pytest.mark.django_db
def test_the_web_process_has_a_pool() -> None:
    program = [sys.executable, "-c", SAYS]
    address = servers.application_url(str(own.settings_dict["NAME"]))
    env = {**os.environ, "DATABASE_URL": address}
    done = subprocess.run(program, capture_output=True, text=True, cwd=PROJECT, env=env, timeout=60)
    assert (done.stdout.split(), done.returncode) == (["cutover.database.pooled.base", "20"], 0), done.stderr


def test_nothing_else_has_one() -> None:
    """Who imports cutover.asgi has a pool; only programs of their own that serve do."""
    use_pool(0)
    assert connections.settings["default"]["ENGINE"] == "django.db.backends.postgresql"
    callers, importers = set(), set()
    for top in ("cutover", "checklists", "integrations", "tests"):
        for file in (PROJECT / top).rglob("*.py"):
            text = file.read_text()
            name = str(file.relative_to(PROJECT))
            callers |= {name} if "use_pool(" in text else set()
            importers |= {name} if "from cutover.asgi import" in text else set()
    assert callers == {
        "cutover/asgi.py",
        "cutover/database/pooled/base.py",
        "tests/cutover/database/test_pool.py",
    }
    assert importers - {str(Path(__file__).relative_to(PROJECT))} == {
        "tests/benchmarks/load/application.py",
        "tests/browser/panel.py",
    }
