"""The old application writes all the time, and lives through a freeze and the end of its sessions."""

from __future__ import annotations

from typing import Any

import psycopg

from integrations.clients import http
from integrations.sandbox.legacy.access import APPLICATION, MIGRATOR
from tests.integrations.sandbox.estates import Estate, running, until


def stats(base: str) -> dict[str, Any]:
    found: dict[str, Any] = http.ask(base, "/stats").json()
    return found


def written(base: str) -> int:
    return sum(stats(base)["written"].values())


def test_it_writes_is_refused_while_frozen_and_goes_on_afterwards(estate: Estate) -> None:
    name = estate.copy()
    address = estate.url(APPLICATION, name)
    app = estate.process("old-app", DATABASE_URL=address, WRITES_PER_SECOND="50")
    setting = f"alter role {APPLICATION} in database {name} set default_transaction_read_only"
    end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s and datname = %s"
    with running(app) as base, psycopg.connect(estate.url(MIGRATOR, name), autocommit=True) as migrator:
        until(lambda: all(stats(base)["written"].values()))
        rows = estate.execute("select count(*) from donations where reference like 'LIVE-%%'", database=name)
        assert rows[0][0] > 0
        migrator.execute(f"{setting} = on")
        migrator.execute(end, [APPLICATION, name])
        until(lambda: stats(base)["refused"] > 5)
        frozen = stats(base)
        assert frozen["read_only"] is True
        assert frozen["lost_sessions"] >= 1
        assert "read-only" in frozen["error"]
        assert http.ask(base, "/").ok
        assert http.ask(base, "/healthz").json() == {"status": "ok"}
        assert written(base) == sum(frozen["written"].values())
        migrator.execute(f"{setting} = off")
        migrator.execute(end, [APPLICATION, name])
        until(lambda: written(base) > sum(frozen["written"].values()))
        assert stats(base)["read_only"] is False
        assert stats(base)["failed"] == 0


def test_its_pages_escape_what_people_wrote(estate: Estate) -> None:
    name = estate.copy()
    estate.execute(
        "insert into donations (donor_name, amount, currency, status, reference)"
        " values ('<script>alert(1)</script>', 1, 'NGN', 'completed', 'escape')",
        database=name,
    )
    app = estate.process("old-app", DATABASE_URL=estate.url(APPLICATION, name), WRITES_PER_SECOND="0.01")
    with running(app) as base:
        page = http.ask(base, "/").body.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>" not in page
        assert http.ask(base, "/nothing").status == 404


def test_it_starts_without_its_database_and_says_so(estate: Estate) -> None:
    app = estate.process("old-app", DATABASE_URL=estate.url(APPLICATION, "no_such_database"))
    with running(app) as base:
        assert http.ask(base, "/healthz").status == 503
        until(lambda: stats(base)["lost_sessions"] > 0)
