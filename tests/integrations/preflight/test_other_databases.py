"""Redis, MySQL and SQLite: a clean one is green, and each cause that stops the cutover is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from cutover.embedded import Valkey
from integrations.preflight import CheckScope, Verdict
from integrations.sandbox.mariadb_server import MariaDbServer
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.ports import free_port

RED, AMBER, GREEN, UNKNOWN = Verdict.RED, Verdict.AMBER, Verdict.GREEN, Verdict.UNKNOWN


@pytest.fixture
def admin(valkey_server: Valkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_server.url) as client:
        yield client


def queue(url: str) -> dict[str, dict[str, str]]:
    return {"queue": {"kind": "redis", "url": url}}


def verdicts(key: str, scope: CheckScope) -> dict[str, Verdict]:
    return {subject: result.verdict for subject, result in run_check(key, scope).items()}


def test_a_redis_that_keeps_jobs_is_green_and_one_that_deletes_them_red(
    valkey_server: Valkey, admin: redis.Redis
) -> None:
    scope = scope_of(queue(valkey_server.url))
    names = ("connection", "version and role", "keeping jobs", "memory", "clock")
    assert verdicts("redis.servers", scope) == {f"queue: {name}": GREEN for name in names}
    admin.config_set("maxmemory-policy", "allkeys-lru")
    try:
        red = run_check("redis.servers", scope)["queue: keeping jobs"]
    finally:
        admin.config_set("maxmemory-policy", "noeviction")
    assert (red.verdict, "set noeviction" in red.change) == (RED, True)


def test_what_a_login_of_redis_may_not_read_is_unknown(valkey_server: Valkey, admin: redis.Redis) -> None:
    admin.execute_command(
        "ACL", "SETUSER", "blind", "on", ">pw", "~bull:*", "+@all", "-info", "-time", "-config"
    )
    try:
        url = valkey_server.url.replace("unix://", "unix://blind:pw@")
        found = verdicts("redis.servers", scope_of(queue(url)))
    finally:
        admin.execute_command("ACL", "DELUSER", "blind")
    assert found.pop("queue: connection") is GREEN
    assert set(found.values()) == {UNKNOWN}


def test_a_redis_that_does_not_answer_is_red_unless_an_item_starts_it_later() -> None:
    systems = queue(f"redis://127.0.0.1:{free_port()}/0")
    assert verdicts("redis.servers", scope_of(systems)) == {"queue: connection": RED}
    items = planned(provision=("stack.provision", {"redis": "queue"}))
    assert verdicts("redis.servers", scope_of(systems, items=items)) == {"queue: connection": AMBER}


def test_the_clock_of_redis_is_compared(valkey_server: Valkey) -> None:
    scope = scope_of(queue(valkey_server.url))
    ahead = scope_of(queue(valkey_server.url), now=scope.now + timedelta(seconds=90))
    assert verdicts("redis.servers", ahead)["queue: clock"] is RED


def test_a_mysql_database_is_asked_with_its_login(mariadb_server: MariaDbServer) -> None:
    def scope(url: str) -> CheckScope:
        return scope_of({"shop": {"kind": "mysql", "url": url}})

    right = verdicts("mysql.reachable", scope(mariadb_server.url(password=mariadb_server.password)))
    assert right == {"shop: connection": GREEN, "shop: clock": GREEN}
    wrong = run_check("mysql.reachable", scope(mariadb_server.url(password="wrong")))
    assert wrong["shop: connection"].verdict is RED
    assert "The login is refused" in wrong["shop: connection"].seen


def test_an_sqlite_file_has_to_be_there_and_to_have_tables(tmp_path: Path) -> None:
    def verdict(name: str) -> Verdict:
        systems = {"old": {"kind": "sqlite", "path": str(tmp_path / name)}}
        (result,) = run_check("sqlite.readable", scope_of(systems)).values()
        return result.verdict

    with sqlite3.connect(tmp_path / "full.db") as connection:
        connection.execute("create table people (id)")
    (tmp_path / "empty.db").touch()
    assert [verdict(name) for name in ("full.db", "empty.db", "none.db")] == [GREEN, RED, RED]
